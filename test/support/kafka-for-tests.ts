/**
 * A Kafka for integration tests: `const kafka = await kafkaForTests()` at the top of a test file (outside of hooks, so that the first
 * start, which may fetch the broker, is not under a hook's time limit).
 *
 * - KAFKA_BROKERS set: that one.
 * - `brokers: 1` (default): one broker shared by all files of the run, started by whoever asks first, ended by jest's teardown. Tests
 *   share it, so each makes topics, groups and transactional ids with a name of its own.
 * - `own: true`: one broker of its own, which the test may kill.
 * - `brokers: 3`: a cluster of its own, whose brokers the test may kill; end it by `afterAll(() => kafka.stop())`.
 *
 * In containers (Testcontainers) where a Docker engine answers, else as processes of this machine. Whatever happens to the run, nothing
 * survives it: local brokers are guarded by a shell that watches the run, containers by Ryuk.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { dockerEngineAnswers } from '../../deploy/local-kafka/docker-engine.ts'
import { givenBrokers, startKafka } from '../../deploy/local-kafka/start-kafka.ts'
import { testRun } from './test-run.ts'

export interface TestKafka {
  readonly brokers: string[]
  /** Ends a cluster of one's own; the shared one goes on. */
  stop(): Promise<void>
  /** kill -9 of broker 1, 2 or 3 of a cluster of one's own. */
  kill(brokerId: number): Promise<void>
  /** SIGTERM: it hands over what it leads, and ends. */
  end(brokerId: number): Promise<void>
  /** Starts a broker that was killed or ended again, on its own data and address. */
  restart(brokerId: number): Promise<void>
  /** SIGSTOP and SIGCONT: connections stay and nothing answers. */
  freeze(brokerId: number): Promise<void>
  thaw(brokerId: number): Promise<void>
}

/** What the first asker leaves for the others. */
type Shared = { readonly brokers: string[] } | { readonly failure: string }

const sharedWithinMs = 600_000
const pollMs = 50

export async function kafkaForTests(options: { readonly brokers?: 1 | 3; readonly own?: boolean } = {}): Promise<TestKafka> {
  if (givenBrokers() !== undefined) return startKafka()
  if (options.brokers === 3 || options.own === true) return startCluster(options.brokers ?? 1, `cluster-${randomUUID()}`)
  const shared = await sharedKafka()
  if ('failure' in shared) throw new Error(shared.failure)
  const refuse = (): Promise<void> =>
    Promise.reject(new Error('the shared broker is not to be killed: ask for { own: true } or { brokers: 3 }'))
  return {
    brokers: shared.brokers,
    stop: () => Promise.resolve(),
    kill: refuse,
    end: refuse,
    restart: refuse,
    freeze: refuse,
    thaw: refuse,
  }
}

async function sharedKafka(): Promise<Shared> {
  const answer = join(testRun().dir, 'shared.json')
  if (isFirst(join(testRun().dir, 'shared.lock'))) {
    const shared = await startCluster(1, 'shared').then(
      ({ brokers }): Shared => ({ brokers }),
      (error: unknown): Shared => ({ failure: error instanceof Error ? error.message : String(error) }),
    )
    writeFileSync(`${answer}.new`, JSON.stringify(shared))
    renameSync(`${answer}.new`, answer)
  }
  const end = Date.now() + sharedWithinMs
  while (!existsSync(answer)) {
    if (Date.now() > end) throw new Error(`the shared Kafka did not come up within ${sharedWithinMs / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  // Written by this file alone, a few lines above.
  return JSON.parse(readFileSync(answer, 'utf8')) as Shared
}

/** The test files of a run are spread over processes: whoever makes the folder is first. */
function isFirst(lock: string): boolean {
  return mkdirSync(lock, { recursive: true }) !== undefined
}

async function startCluster(brokers: 1 | 3, name: string): Promise<TestKafka> {
  if (await dockerEngineAnswers()) {
    // Testcontainers is slow to load and useless without an engine.
    const { startKafkaContainers } = await import('./kafka-containers.ts')
    return startKafkaContainers(brokers)
  }
  return startKafka({ brokers, port: 0, dir: join(testRun().dir, name), guardPid: testRun().pid, home: 'local' })
}
