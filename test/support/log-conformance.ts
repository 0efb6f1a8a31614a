/**
 * The conformance suite of the log port: what every home must do, one promise a test. Both homes run it, libs/memory in
 * test/unit/memory and libs/kafka on a real broker; so it waits with real deadlines and uses new names everywhere.
 */
import { afterAll, beforeAll, describe } from '@jest/globals'
import type { Log } from '../../libs/runtime/ports/log.ts'
import { groupPromises } from './log-conformance-groups.ts'
import { positionPromises } from './log-conformance-positions.ts'
import { readingPromises } from './log-conformance-reading.ts'
import { topicPromises } from './log-conformance-topics.ts'
import { transactionPromises } from './log-conformance-transactions.ts'

export interface LogHome {
  readonly log: Log
  close(): Promise<void>
  /** A name for a topic, group or transactional id that nobody has used on this cluster. */
  uniqueName(prefix: string): string
}

/** Gives the home under test; to be called inside a test only. */
export type HomeOf = () => LogHome

/** For a slow broker on a busy machine. */
export const PROMISE_TIMEOUT_MS = 60_000

export function logConformance(name: string, home: () => Promise<LogHome>): void {
  describe(`the log port at home in ${name}`, () => {
    let opened: LogHome | undefined
    beforeAll(async () => {
      opened = await home()
    }, PROMISE_TIMEOUT_MS)
    afterAll(async () => {
      await opened?.close()
    }, PROMISE_TIMEOUT_MS)
    const homeOf: HomeOf = () => {
      if (opened === undefined) throw new Error('the home did not open')
      return opened
    }
    describe('topics', () => topicPromises(homeOf))
    describe('reading', () => readingPromises(homeOf))
    describe('transactions', () => transactionPromises(homeOf))
    describe('positions', () => positionPromises(homeOf))
    describe('groups', () => groupPromises(homeOf))
  })
}

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
