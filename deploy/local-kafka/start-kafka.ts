/**
 * A Kafka for whoever asks (`make kafka-up`, the demo, the tests, the benchmark), found in one order everywhere:
 * KAFKA_BROKERS if it is set (only checked), else docker compose if an engine answers, else Apache Kafka started on this machine.
 */
import { resolve } from 'node:path'
import { clusterReady } from './cluster-probe.ts'
import { composeAnswers, composeDown, composeUp } from './docker-engine.ts'
import { repositoryRoot } from './kafka-jars.ts'
import type { BrokerProperties } from './broker-properties.ts'
import {
  addressesOf,
  killLocalBroker,
  readLocalCluster,
  restartLocalBroker,
  signalLocalBroker,
  startLocalCluster,
  stopLocalBroker,
  stopLocalCluster,
} from './local-cluster.ts'

export const kafkaDirDefault = resolve(repositoryRoot, '.millrace/kafka')
export const kafkaPortDefault = 9092
const givenReadyWithinMsDefault = 10_000
const composeReadyWithinMs = 120_000

export interface KafkaOptions {
  /** Default 1. Three of them only as local processes. */
  readonly brokers?: 1 | 3
  /** Port of the first broker; 0 takes free ones. Default 9092. */
  readonly port?: number
  /** Folder of a local cluster. Default .millrace/kafka in the repository. */
  readonly dir?: string
  /** Local brokers are killed when the process with this id has ended. Default: they live until `stop`. */
  readonly guardPid?: number
  /** `local` passes KAFKA_BROKERS and Docker by: for tests that kill brokers. Default `any`. */
  readonly home?: 'any' | 'local'
  readonly log?: (line: string) => void
  /** How long a Kafka given by KAFKA_BROKERS may take to answer. Default 10,000. */
  readonly readyWithinMs?: number
  /** Settings of local brokers beside the usual ones, e.g. for compaction without pause. */
  readonly properties?: BrokerProperties
}

export interface RunningKafka {
  readonly brokers: string[]
  readonly home: 'given' | 'compose' | 'local'
  /** Ends it and removes its data, if this call started it; a Kafka that was there before stays. */
  stop(): Promise<void>
  /** kill -9 of broker 1, 2 or 3; only for a local cluster. */
  kill(brokerId: number): Promise<void>
  /** SIGTERM: it hands over what it leads, and ends. Only for a local cluster. */
  end(brokerId: number): Promise<void>
  /** Starts a broker that was killed or ended again on its own data; one that runs is ended first. */
  restart(brokerId: number): Promise<void>
  /** SIGSTOP and SIGCONT: connections stay and nothing answers. Only for a local cluster. */
  freeze(brokerId: number): Promise<void>
  thaw(brokerId: number): Promise<void>
}

/** Fails with one message that says what is missing and how to get it. */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const given = givenBrokers()
  const home = options.home ?? 'any'
  if (home === 'any' && given !== undefined) return useGiven(given, options.readyWithinMs ?? givenReadyWithinMsDefault)
  const dir = resolve(options.dir ?? kafkaDirDefault)
  const wanted = options.brokers ?? 1
  const running = readLocalCluster(dir)
  if (running !== undefined) {
    if (running.brokers.length !== wanted) {
      throw new Error(`in ${dir} a Kafka of ${running.brokers.length} broker(s) runs, not of ${wanted}: stop it first (make kafka-down)`)
    }
    return localKafka(dir, addressesOf(running), options.guardPid, () => Promise.resolve())
  }
  if (home === 'any' && wanted === 1 && (await composeAnswers())) return useCompose(options.port ?? kafkaPortDefault)
  const cluster = await startLocalCluster({
    brokers: wanted,
    port: options.port ?? kafkaPortDefault,
    dir,
    guardPid: options.guardPid,
    log: options.log ?? (() => undefined),
    properties: options.properties,
  })
  return localKafka(dir, addressesOf(cluster), options.guardPid, async () => {
    await stopLocalCluster(dir, { graceMs: 0, keepData: false })
  })
}

/** The addresses in KAFKA_BROKERS (`host:port,host:port`), or undefined. */
export function givenBrokers(): string[] | undefined {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  return brokers.length === 0 ? undefined : brokers
}

async function useGiven(brokers: string[], readyWithinMs: number): Promise<RunningKafka> {
  try {
    await clusterReady(brokers, 1, readyWithinMs)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `KAFKA_BROKERS is "${brokers.join(',')}" and does not answer: ${reason}. Start that Kafka, correct the address, or unset KAFKA_BROKERS.`,
      {
        cause: error,
      },
    )
  }
  return fixedKafka('given', brokers, () => Promise.resolve())
}

async function useCompose(port: number): Promise<RunningKafka> {
  const address = `127.0.0.1:${port === 0 ? kafkaPortDefault : port}`
  const wasThere = await clusterReady([address], 1, 0).then(
    () => true,
    () => false,
  )
  if (!wasThere) await composeUp(port)
  await clusterReady([address], 1, composeReadyWithinMs)
  return fixedKafka('compose', [address], wasThere ? () => Promise.resolve() : composeDown)
}

function fixedKafka(home: 'given' | 'compose', brokers: string[], stop: () => Promise<void>): RunningKafka {
  const refuse = (): Promise<void> =>
    Promise.reject(new Error(`this Kafka (${home}, ${brokers.join(',')}) is not ours to kill: ask for { home: 'local' }`))
  return { brokers, home, stop, kill: refuse, end: refuse, restart: refuse, freeze: refuse, thaw: refuse }
}

function localKafka(dir: string, brokers: string[], guardPid: number | undefined, stop: () => Promise<void>): RunningKafka {
  return {
    brokers,
    home: 'local',
    stop,
    kill: (id) => killLocalBroker(dir, id),
    end: (id) => stopLocalBroker(dir, id),
    restart: (id) => restartLocalBroker(dir, id, guardPid),
    freeze: async (id) => signalLocalBroker(dir, id, 'SIGSTOP'),
    thaw: async (id) => signalLocalBroker(dir, id, 'SIGCONT'),
  }
}
