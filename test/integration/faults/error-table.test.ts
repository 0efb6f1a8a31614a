/**
 * Every row of the table "error → action" (kafka-client.md 1.2), on a real worker: the fault proxy spoils one request of one task, the
 * worker does what the table says, and the outcome is that of an undisturbed run. At a request the broker has not done it; at a
 * response it has, and the worker does not know.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { code } from '../../../libs/kafka/wire/api.ts'
import type { FaultCode } from '../../../libs/faults/fault.ts'
import { FaultedLedger, TASKS } from '../../support/faulted-ledger.ts'
import { answer, cut, duplicate } from '../../support/fault-proxy/faults.ts'
import type { Fault } from '../../support/fault-proxy/faults.ts'
import type { Match } from '../../support/fault-proxy/fault-rules.ts'
import type { ApiName } from '../../support/fault-proxy/kafka-request.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const HEARTBEAT_MS = 500
const ROW_MS = 60_000

/**
 * - repeat: the same producer sends it again, and nobody notices.
 * - again: a new producer (a higher epoch), the barrier, and on from the last commit.
 * - release: the same, but not before a heartbeat can have told whether the group still has this member.
 */
type Action = 'repeat' | 'again' | 'release'

interface Row {
  readonly what: string
  readonly match: Match
  readonly fault: Fault
  readonly times?: number
  readonly action: Action
  readonly as?: FaultCode
}

const joining: readonly ApiName[] = ['AddPartitionsToTxn', 'AddOffsetsToTxn']
const refused = (api: ApiName, name: keyof typeof code, action: Action, as?: FaultCode, more: Partial<Row> = {}): Row => ({
  what: `${api} is answered ${name}${(more.times ?? 1) > 1 ? ` ${more.times} times` : ''}${more.match?.on === 'response' ? ' although it was done' : ''}`,
  match: { api, ...more.match },
  fault: answer(code[name]),
  action,
  ...(as === undefined ? {} : { as }),
  ...(more.times === undefined ? {} : { times: more.times }),
})
const done: Partial<Row> = { match: { on: 'response' } }

const busy: readonly Row[] = [
  ...[...joining, 'EndTxn' as const].map((api) => refused(api, 'CONCURRENT_TRANSACTIONS', 'repeat', undefined, { times: 3 })),
  ...[...joining, 'TxnOffsetCommit' as const].flatMap((api) => [
    refused(api, 'COORDINATOR_LOAD_IN_PROGRESS', 'repeat', undefined, { times: 2 }),
    refused(api, 'NOT_COORDINATOR', 'repeat', undefined, { times: 2 }),
    refused(api, 'COORDINATOR_NOT_AVAILABLE', 'repeat', undefined, { times: 2 }),
  ]),
]

const indefinite: readonly Row[] = [
  refused('EndTxn', 'NOT_COORDINATOR', 'again', 'MR3027'),
  refused('EndTxn', 'COORDINATOR_LOAD_IN_PROGRESS', 'again', 'MR3027'),
  refused('EndTxn', 'COORDINATOR_NOT_AVAILABLE', 'again', 'MR3027'),
  refused('EndTxn', 'NOT_COORDINATOR', 'again', 'MR3027', done),
  refused('EndTxn', 'COORDINATOR_NOT_AVAILABLE', 'again', 'MR3027', done),
  ...([...joining, 'Produce', 'TxnOffsetCommit', 'EndTxn'] as const).flatMap((api): Row[] => [
    {
      what: `the request ${api} is lost with its connection`,
      match: { api, transactionalId: /./ },
      fault: cut,
      action: 'again',
      as: 'MR3010',
    },
    {
      what: `the answer to ${api} is lost with its connection`,
      match: { api, transactionalId: /./, on: 'response' },
      fault: cut,
      action: 'again',
      as: 'MR3010',
    },
  ]),
]

const fenced: readonly Row[] = [
  ...([...joining, 'Produce', 'TxnOffsetCommit', 'EndTxn'] as const).flatMap((api) => [
    refused(api, 'INVALID_PRODUCER_EPOCH', 'release', 'MR3001'),
    refused(api, 'PRODUCER_FENCED', 'release', 'MR3001'),
  ]),
  refused('EndTxn', 'TRANSACTION_COORDINATOR_FENCED', 'release', 'MR3001'),
  refused('EndTxn', 'INVALID_PRODUCER_EPOCH', 'release', 'MR3001', done),
]

const producerLost: readonly Row[] = [
  refused('EndTxn', 'INVALID_TXN_STATE', 'again', 'MR3026'),
  refused('EndTxn', 'INVALID_TXN_STATE', 'again', 'MR3026', done),
  refused('AddPartitionsToTxn', 'INVALID_TXN_STATE', 'again', 'MR3026'),
  refused('Produce', 'INVALID_TXN_STATE', 'again', 'MR3026'),
  ...(['UNKNOWN_PRODUCER_ID', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'TRANSACTION_ABORTABLE'] as const).flatMap((name) => [
    refused('Produce', name, 'again', 'MR3026'),
    refused('Produce', name, 'again', 'MR3026', done),
  ]),
  ...([...joining, 'TxnOffsetCommit', 'EndTxn'] as const).map((api) => refused(api, 'INVALID_PRODUCER_ID_MAPPING', 'again', 'MR3026')),
  ...([...joining, 'TxnOffsetCommit', 'EndTxn'] as const).map((api) => refused(api, 'TRANSACTION_ABORTABLE', 'again', 'MR3026')),
  refused('EndTxn', 'UNKNOWN_SERVER_ERROR', 'again', 'MR3026'),
  refused('TxnOffsetCommit', 'UNKNOWN_SERVER_ERROR', 'again', 'MR3026'),
]

const expelled: readonly Row[] = [
  refused('TxnOffsetCommit', 'ILLEGAL_GENERATION', 'release', 'MR3002'),
  refused('TxnOffsetCommit', 'UNKNOWN_MEMBER_ID', 'release', 'MR3002'),
  refused('TxnOffsetCommit', 'FENCED_INSTANCE_ID', 'release', 'MR3002'),
  refused('TxnOffsetCommit', 'REBALANCE_IN_PROGRESS', 'release', 'MR3002'),
]

const leaders: readonly Row[] = [
  refused('Produce', 'NOT_LEADER_OR_FOLLOWER', 'repeat', undefined, { times: 2 }),
  // The batch is in the log: the broker knows it by its sequence.
  refused('Produce', 'NOT_LEADER_OR_FOLLOWER', 'repeat', undefined, done),
  refused('Produce', 'KAFKA_STORAGE_ERROR', 'repeat', undefined, { times: 2 }),
  refused('Produce', 'UNKNOWN_TOPIC_OR_PARTITION', 'repeat', undefined, { times: 2 }),
  refused('Produce', 'LEADER_NOT_AVAILABLE', 'repeat', undefined, { times: 2 }),
  refused('Produce', 'NOT_ENOUGH_REPLICAS', 'repeat', undefined, { times: 2 }),
  refused('Produce', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'again', 'MR3026', done),
  refused('Produce', 'REQUEST_TIMED_OUT', 'again', 'MR3026', done),
]

const twice: readonly Row[] = ([...joining, 'Produce', 'TxnOffsetCommit', 'EndTxn'] as const).map((api) => ({
  what: `${api} reaches the broker twice`,
  match: { api, transactionalId: /./ },
  fault: duplicate,
  action: 'repeat' as const,
}))

let ledger: FaultedLedger
beforeAll(async () => {
  ledger = await FaultedLedger.open(kafka.brokers)
  await ledger.rig.running(ledger.worker, TASKS)
  await ledger.feed()
  await ledger.verify()
}, 120_000)
afterAll(() => ledger.close())

async function followRow({ match, fault, times = 1, action, as }: Row): Promise<void> {
  const again = ledger.worker.said('is acquired again').length
  const { rule, victim } = ledger.inject(match, fault, times)
  await ledger.feed()
  await rule.untilHit(times)
  const id = victim()
  const before = ledger.epochOf(id)
  if (action === 'repeat') {
    await ledger.verify()
    expect(ledger.epochOf(id)).toBe(before)
    expect(ledger.worker.said('is acquired again')).toHaveLength(again)
    return
  }
  await ledger.untilCommitted(id, (epoch) => epoch > before)
  const line = ledger.acquiredAgain(id).at(-1)
  // One worker serves all rows: from the fourth loss on within ten minutes the task says that its owner changes again and again.
  expect(action === 'release' ? [as, 'MR5044'] : [as]).toContain(line?.['code'])
  const pauseMs = Number(/acquired again in (\d+) ms/.exec(line?.msg ?? '')?.[1])
  if (action === 'release') expect(pauseMs).toBeGreaterThanOrEqual(HEARTBEAT_MS)
  else expect(pauseMs).toBe(0)
  await ledger.feed()
  await ledger.verify()
}

const groups: readonly [title: string, rows: readonly Row[]][] = [
  ['a coordinator that is busy or moving is asked again by the same producer, and nothing else happens', busy],
  ['an outcome that nobody knows is settled by a new producer and the log', indefinite],
  ['a producer that was fenced waits for a heartbeat before it takes its task again', fenced],
  ['a producer that the broker does not follow any more is replaced', producerLost],
  ['a member that the group has expelled waits for a heartbeat before it takes its task again', expelled],
  ['a leader that moved gets the same batch with the same sequence', leaders],
  ['a request that reaches the broker twice does nothing more', twice],
]
for (const [title, rows] of groups)
  describe(title, () => {
    it.each(rows.map((row) => [row.what, row] as const))('when %s', async (_, row) => followRow(row), ROW_MS)
  })
