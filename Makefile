# Everything that a person or CI types. Each target installs what it needs first; Node 24 comes with node_modules, so any Node >= 20 with npm will do.

# npm scripts and this PATH find node_modules/.bin/node (24) before the machine's own node.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Old npm settings of a machine must not fill every output with warnings.
export npm_config_update_notifier := false
export npm_config_loglevel := error

.DEFAULT_GOAL := help
.PHONY: help install demo test test-full check integration simulate simulate-bugs verify verify-bugs chaos bench bench-quick kafka-up kafka-down kafka-status format lint types architecture lock docker clean

help: ## This list
	@echo "Millrace: exactly-once stream processing on Kafka. Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install node_modules (Node 24 included) as package-lock.json says
	@sh deploy/scripts/install.sh

demo: install ## The whole story on a real Kafka: two workers, one killed on the way, results checked (under 2 minutes)
	@node services/demo/main.ts

test: install ## Every check and every test, also those on a real Kafka; the last line counts them
	@node test/support/run-tests.ts all

test-full: install ## As `make test`, with the full counts of kills, seeds and rounds (hours)
	@TEST_FULL=1 node test/support/run-tests.ts all

check: install ## Format, lint, types, architecture, unit, property and simulation tests (no Kafka)
	@node test/support/run-tests.ts check

integration: install ## Only the tests on a real Kafka
	@node test/support/run-tests.ts integration

simulate: install ## Seeded runs of the whole engine in memory: SCHEDULES=n from SEED=n on; SEED=n alone replays that one
	@node test/support/simulation/simulate.ts schedules=$(SCHEDULES) seed=$(SEED)

simulate-bugs: install ## Bugs planted into the engine: in how many schedules the simulation finds each of them
	@node test/support/simulation/hunt-bugs.ts

verify: install ## One broker, two workers killed with -9 at fail-points, and the whole verifier (two minutes); SEED=n does it again, BUG=name plants one
	@SEED=$(SEED) BUG="$(BUG)" node test/support/proof/verify.ts

verify-bugs: install ## Bugs planted into real workers: which check of the verifier finds each of them (half an hour); ONLY=words of a name
	@node test/support/proof/hunt-bugs.ts "only=$(ONLY)"

chaos: install ## Three brokers, four workers and random faults for MINUTES=5, then the whole verifier; SEED=n does it again, RATE=n orders a second
	@MINUTES=$(MINUTES) SEED=$(SEED) RATE=$(RATE) BUG="$(BUG)" node test/chaos/main.ts

bench: install ## Millrace against Kafka Streams, on one broker: ONLY=name,... (see --list), ROUNDS=n
	@node test/benchmark/kappa/main.ts --only=$(ONLY) --rounds=$(ROUNDS)

bench-quick: install ## The same, small: one round of few records (under 2 minutes)
	@node test/benchmark/kappa/main.ts --quick --only=$(ONLY) --rounds=$(ROUNDS)

kafka-up: install ## A Kafka at 127.0.0.1:9092 (KAFKA_BROKERS, else docker compose, else Java)
	@node deploy/local-kafka/local-kafka.ts up

kafka-down: install ## End that Kafka and remove its data
	@node deploy/local-kafka/local-kafka.ts down

kafka-status: install ## Whether a Kafka answers
	@node deploy/local-kafka/local-kafka.ts status

format: install ## Rewrite all files in the house format
	@prettier --write --log-level warn .

lint: install ## oxlint with types
	@npm run --silent lint

types: install ## tsc
	@npm run --silent check:types

architecture: install ## The rules of style.md that a program can check
	@node test/support/run-tests.ts architecture

lock: install ## After npm install: complete package-lock.json for all platforms
	@node deploy/scripts/complete-lock.ts

docker: ## Build the image millrace:dev
	docker build -f deploy/Dockerfile -t millrace:dev .

clean: ## Remove node_modules, the local Kafka and everything else that can be made again
	@if [ -x node_modules/.bin/node ]; then node deploy/local-kafka/local-kafka.ts down; fi
	rm -rf node_modules .millrace coverage
