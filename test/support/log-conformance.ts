/**
 * The conformance suite of the log port: what every home must do, one promise a test. Both homes run it, libs/memory in
 * test/unit/memory and libs/kafka on a real broker; so it waits with real deadlines and uses new names everywhere.
 */
import { afterAll, beforeAll, describe } from '@jest/globals'
import { groupPromises } from './log-conformance-groups.ts'
import { positionPromises } from './log-conformance-positions.ts'
import { readingPromises } from './log-conformance-reading.ts'
import { topicPromises } from './log-conformance-topics.ts'
import { transactionPromises } from './log-conformance-transactions.ts'
import { PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, LogHome } from './log-home.ts'

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
