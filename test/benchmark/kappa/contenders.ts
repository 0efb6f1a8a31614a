/** The two contenders as command lines. Pure. */
import { join } from 'node:path'
import type { StreamsPeer } from './streams-peer.ts'

export type ContenderName = 'kafka-streams' | 'millrace'

/** One run of one contender on the preloaded input. */
export interface Run {
  readonly brokers: readonly string[]
  /** Unique for each run: group, internal topics and state start from nothing. */
  readonly application: string
  readonly input: string
  readonly output: string
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
  /** MiB; -1: the default of Kafka Streams. */
  readonly cacheMiB: number
  /** For -Xmx. */
  readonly heap: string
}

export function kafkaStreams(run: Run, peer: StreamsPeer, { cacheMiB, heap }: PeerOptions): Contender {
  const { brokers, application, input, output, threads, commitIntervalMs, stateDirectory } = run
  const own = [brokers.join(','), application, input, output, threads, commitIntervalMs, cacheMiB, stateDirectory]
  return {
    name: 'kafka-streams',
    program: peer.java,
    words: [`-Xmx${heap}`, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', peer.classPath, peer.mainClass, ...own.map(String)],
    environment: {},
    group: application,
  }
}

export interface MillraceOptions {
  /** Flags for node, before the file: a profile. */
  readonly nodeWords: readonly string[]
}

export function millrace(run: Run, { nodeWords }: MillraceOptions): Contender {
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
    ],
    environment: { BENCH_APPLICATION: run.application, BENCH_INPUT: run.input, BENCH_OUTPUT: run.output },
    group: `${run.application}.v1`,
  }
}
