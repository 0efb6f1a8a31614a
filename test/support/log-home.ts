/** A home of the log port under test, and what the tests of all its promises need from it. */
import type { Log } from '../../libs/runtime/ports/log.ts'
import type { FaultProxy } from './fault-proxy/fault-proxy.ts'

export interface LogHome {
  readonly log: Log
  close(): Promise<void>
  /** More partitions for a topic: no part of the port, since Millrace never does it. */
  addPartitions(topic: string, count: number): Promise<void>
  /** A name for a topic, group or transactional id that nobody has used on this cluster. */
  uniqueName(prefix: string): string
}

/** On a real broker: `log` reaches it through the proxy, and what the test itself wants to know goes past it. */
export interface WireHome extends LogHome {
  readonly proxy: FaultProxy
  readonly direct: Log
}

/** Gives the home under test; to be called inside a test only. */
export type HomeOf<Home extends LogHome = LogHome> = () => Home

/** Takes one promise: jest's `it`, or a list of cases (log-conformance.ts). */
export type Keep = (promise: string, keep: () => Promise<void>, withinMs: number) => void

/** For a slow broker on a busy machine. */
export const PROMISE_TIMEOUT_MS = 60_000

/** Creates a topic for one test. It keeps records of any age: their timestamps are small numbers. */
export async function newTopic(
  { log, uniqueName }: LogHome,
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = uniqueName('topic')
  await log.admin.createTopics([{ name, partitions, replicationFactor: -1, config: { 'retention.ms': '-1', ...config } }])
  return name
}
