/**
 * The rows of the error table around the transactions: taking a task, reading, the group, finding brokers. Nobody is to notice anything
 * but a pause, and the outcome is that of an undisturbed run.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { code } from '../../../libs/kafka/wire/api.ts'
import { FaultedLedger, TASKS } from '../../support/faulted-ledger.ts'
import { answer, cut } from '../../support/fault-proxy/faults.ts'
import type { Fault } from '../../support/fault-proxy/faults.ts'
import type { ApiName } from '../../support/fault-proxy/kafka-request.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { isFullRun } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const ROW_MS = 60_000

type Row = readonly [what: string, api: ApiName, on: 'request' | 'response', fault: Fault, times: number]

/** In `make test` the first name only: the others take the same path. */
const answered = (api: ApiName, times: number, ...names: readonly (keyof typeof code)[]): Row[] =>
  (isFullRun ? names : names.slice(0, 1)).map((name) => [
    `${api} is answered ${name} ${times} times`,
    api,
    'request',
    answer(code[name]),
    times,
  ])
const lost = (api: ApiName): Row[] => [
  [`the request ${api} is lost with its connection`, api, 'request', cut, 1],
  [`the answer to ${api} is lost with its connection`, api, 'response', cut, 1],
]
/** The member takes itself for expelled, the broker does not: the group waits for the session time-out of the one that it was. */
const slowly = (...rows: Row[]): Row[] => (isFullRun ? rows : [])

let ledger: FaultedLedger
beforeAll(async () => {
  ledger = await FaultedLedger.open(kafka.brokers)
  await ledger.rig.running(ledger.worker, TASKS)
  await ledger.feed()
  await ledger.verify()
}, 120_000)
afterAll(() => ledger.close())

describe('a task is acquired in spite of everything', () => {
  const rows: readonly Row[] = [
    ...answered('InitProducerId', 5, 'CONCURRENT_TRANSACTIONS'),
    ...answered('InitProducerId', 2, 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'),
    ...answered('InitProducerId', 1, 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE'),
    ...lost('InitProducerId'),
    ...answered('OffsetFetch', 4, 'UNSTABLE_OFFSET_COMMIT'),
    ...answered('OffsetFetch', 2, 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'),
    ...lost('OffsetFetch'),
    ...answered('ListOffsets', 2, 'NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_LEADER_EPOCH', 'OFFSET_NOT_AVAILABLE'),
    ...lost('ListOffsets'),
    ...answered('FindCoordinator', 2, 'COORDINATOR_NOT_AVAILABLE'),
    ...lost('FindCoordinator'),
  ]
  it.each(rows)(
    'when meanwhile %s',
    async (_, api, on, fault, times) => {
      const rule = ledger.proxy.times(times, { api, on }, fault)
      const reason = ledger.inject({ api: 'EndTxn' }, answer(code.INVALID_TXN_STATE))
      await ledger.feed()
      await reason.rule.untilHit()
      const before = ledger.epochOf(reason.victim())
      await rule.untilHit(times)
      await ledger.untilCommitted(reason.victim(), (epoch) => epoch > before)
      await ledger.feed()
      await ledger.verify()
    },
    ROW_MS,
  )
})

describe('reading goes on where it was', () => {
  const rows: readonly Row[] = [
    ...answered('Fetch', 2, 'NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH', 'KAFKA_STORAGE_ERROR'),
    ...answered('Fetch', 2, 'UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_NOT_AVAILABLE', 'REPLICA_NOT_AVAILABLE'),
    // The ends of the log say otherwise: it is not believed, and nothing is reset (K9).
    ...answered('Fetch', 2, 'OFFSET_OUT_OF_RANGE'),
    ...lost('Fetch'),
    ...lost('Metadata'),
  ]
  it.each(rows)(
    'when %s',
    async (_, api, on, fault, times) => {
      const again = ledger.worker.said('is acquired again').length
      const rule = ledger.proxy.times(times, { api, on }, fault)
      if (api === 'Metadata') ledger.proxy.once({ api: 'Fetch' }, answer(code.NOT_LEADER_OR_FOLLOWER))
      await ledger.feed()
      await rule.untilHit(times)
      await ledger.verify()
      expect(ledger.worker.said('is acquired again')).toHaveLength(again)
    },
    ROW_MS,
  )
})

describe('the worker stays in its group, or comes back to it', () => {
  const rows: readonly Row[] = [
    ...answered('Heartbeat', 2, 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'),
    ...lost('Heartbeat'),
    ...answered('Heartbeat', 1, 'REBALANCE_IN_PROGRESS'),
    ...answered('Heartbeat', 1, 'UNKNOWN_MEMBER_ID'),
    ...slowly(...answered('Heartbeat', 1, 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID')),
  ]
  it.each(rows)(
    'when %s',
    async (_, api, on, fault, times) => {
      const rule = ledger.proxy.times(times, { api, on }, fault)
      await ledger.feed()
      await rule.untilHit(times)
      await ledger.feed()
      await ledger.verify()
      await ledger.rig.running(ledger.worker, TASKS)
    },
    ROW_MS,
  )

  const joins: readonly Row[] = [
    ...answered('JoinGroup', 2, 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'REBALANCE_IN_PROGRESS'),
    ...slowly(...answered('JoinGroup', 1, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')),
    ...lost('JoinGroup'),
    ...answered('SyncGroup', 1, 'REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR'),
    ...slowly(...answered('SyncGroup', 1, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')),
    ...lost('SyncGroup'),
  ]
  it.each(joins)(
    'when it joins again and %s',
    async (_, api, on, fault, times) => {
      const rule = ledger.proxy.times(times, { api, on }, fault)
      const reason = ledger.proxy.once({ api: 'Heartbeat' }, answer(code.REBALANCE_IN_PROGRESS))
      await ledger.feed()
      await reason.untilHit()
      // A member that the coordinator does not expect to join again is told nothing: it asks for it by joining.
      await rule.untilHit(times)
      await ledger.feed()
      await ledger.verify()
      await ledger.rig.running(ledger.worker, TASKS)
    },
    ROW_MS,
  )
})
