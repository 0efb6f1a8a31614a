/** The contenders as command lines. Pure. */
import { join } from 'node:path'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import type { StreamsPeer } from './streams-peer.ts'
import type { Names } from './workload.ts'

export const contenderNames = ['kafka-streams', 'millrace'] as const
/** @kafkats/flow runs in a measurement of its own only (kafkats.ts): it needs small counts. */
export type ContenderName = (typeof contenderNames)[number] | 'kafkats-flow'

/** One run of one contender. */
export interface Run extends Omit<Names, 'version'> {
  readonly brokers: readonly string[]
  /** Of ../workloads. */
  readonly workload: string
  readonly threads: number
  readonly commitIntervalMs: number
  readonly stateDirectory: string
}

export interface Contender {
  readonly name: ContenderName
  readonly program: string
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Whose committed positions are watched. */
  readonly group: string
}

export interface PeerOptions {
  /** Class in ../streams-peer. */
  readonly peer: string
  readonly words: Readonly<Record<string, string>>
  readonly cacheBytes: number
  /** For -Xmx. */
  readonly heap: string
  /** For java. */
  readonly flags: readonly string[]
  /** `name=value`, of Kafka Streams. */
  readonly settings: readonly string[]
}

export function kafkaStreams(run: Run, java: StreamsPeer, { peer, words, cacheBytes, heap, flags, settings }: PeerOptions): Contender {
  const own = {
    peer,
    brokers: run.brokers.join(','),
    application: run.application,
    input: run.input,
    output: run.output,
    threads: run.threads,
    commitMs: run.commitIntervalMs,
    cacheBytes,
    state: run.stateDirectory,
    ...words,
  }
  return {
    name: 'kafka-streams',
    program: java.java,
    words: [
      `-Xmx${heap}`,
      ...flags,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
      '-cp',
      java.classPath,
      java.mainClass,
      ...Object.entries(own).map(([name, value]) => `${name}=${value}`),
      ...settings.map((setting) => `set.${setting}`),
    ],
    environment: {},
    group: run.application,
  }
}

export interface MillraceOptions {
  /** Flags for node, before the file: a profile. */
  readonly nodeWords: readonly string[]
  /** Further words of the command. */
  readonly words?: readonly string[]
  /** Default `run`; as in `replay start`. */
  readonly command?: string
  /** Of the topology. Default 1. */
  readonly version?: number
}

export function millrace(run: Run, { nodeWords, words = [], command = 'run', version = 1 }: MillraceOptions): Contender {
  const flags = {
    '--brokers': run.brokers.join(','),
    '--state-directory': run.stateDirectory,
    '--commit-interval-ms': run.commitIntervalMs,
    '--workers': run.threads,
    '--admin-port': 0,
    '--log-level': 'warn',
  }
  return {
    name: 'millrace',
    program: process.execPath,
    words: [
      ...nodeWords,
      join(import.meta.dirname, 'millrace-worker.ts'),
      ...Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)]),
      ...words,
    ],
    environment: { ...asLaunched, ...topologyEnvironment(run, command, version) },
    group: `${run.application}.v${version}`,
  }
}

/** What the launcher (libs/command/millrace.mjs) sets. */
const asLaunched = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
  NODE_COMPILE_CACHE: join(repositoryRoot, '.millrace/compiled'),
}

/** What millrace-worker.ts and topology.ts read. */
const topologyEnvironment = (run: Run, command: string, version: number): Record<string, string> => ({
  BENCH_COMMAND: command,
  BENCH_WORKLOAD: run.workload,
  BENCH_APPLICATION: run.application,
  BENCH_VERSION: String(version),
  BENCH_INPUT: run.input,
  BENCH_OUTPUT: run.output,
})
