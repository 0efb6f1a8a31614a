/**
 * Requests and answers that are lost for longer than anybody waits, and requests of an old transaction that arrive in the middle of a later
 * one (the case that Jepsen found): the outcome is that of an undisturbed run.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { code } from '../../../libs/kafka/wire/api.ts'
import { FaultedLedger, TASKS } from '../../support/faulted-ledger.ts'
import { drop, hold, holdAndCut } from '../../support/fault-proxy/faults.ts'
import type { ApiName } from '../../support/fault-proxy/kafka-request.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const FENCED: readonly number[] = [code.INVALID_PRODUCER_EPOCH, code.PRODUCER_FENCED, code.INVALID_TXN_STATE]
const WITHIN_MS = 90_000

let ledger: FaultedLedger
beforeAll(async () => {
  ledger = await FaultedLedger.open(kafka.brokers)
  await ledger.rig.running(ledger.worker, TASKS)
  await ledger.feed()
  await ledger.verify()
}, 120_000)
afterAll(() => ledger.close())

describe('a request that is lost for good', () => {
  it(
    'is given up after the request time-out, whether it was done or not, and the log decides',
    async () => {
      // Each task loses another one; they wait for it at the same time. The second stage first: it needs the first one for its input.
      const regions = [
        ledger.inject({ api: 'EndTxn', on: 'response', transactionalId: /by-region\.0$/ }, drop),
        ledger.inject({ api: 'EndTxn', transactionalId: /by-region\.1$/ }, drop),
      ]
      await ledger.feed()
      for (const { rule } of regions) await rule.untilHit()
      const orders = [
        ledger.inject({ api: 'Produce', on: 'response', transactionalId: /orders\.0$/ }, drop),
        ledger.inject({ api: 'TxnOffsetCommit', transactionalId: /orders\.1$/ }, drop),
      ]
      await ledger.feed()
      for (const { rule } of orders) await rule.untilHit()
      const victims = [...regions, ...orders].map(({ victim }) => victim())
      const before = victims.map((id) => ledger.epochOf(id))
      for (const [index, id] of victims.entries()) {
        await ledger.untilCommitted(id, (epoch) => epoch > (before[index] ?? 0))
        expect(ledger.acquiredAgain(id).at(-1)?.['code']).toBe('MR3010')
      }
      await ledger.verify()
    },
    WITHIN_MS,
  )
})

describe('a late request of an old transaction', () => {
  const apis: readonly ApiName[] = ['EndTxn', 'Produce', 'TxnOffsetCommit', 'AddPartitionsToTxn', 'AddOffsetsToTxn']

  it.each(apis)(
    'is refused after the next transaction is committed: %s',
    async (api) => {
      const late = holdAndCut()
      const { rule, victim } = ledger.inject({ api, transactionalId: /./ }, late)
      await ledger.feed()
      await rule.untilHit()
      const before = ledger.epochOf(victim())
      await ledger.untilCommitted(victim(), (epoch) => epoch > before)
      await ledger.feed()
      await ledger.verify()
      const [codes] = await late.release()
      expect(FENCED).toContain(codes?.[0])
      await ledger.feed()
      await ledger.verify()
    },
    WITHIN_MS,
  )

  it.each(apis)(
    'is refused in the middle of the next transaction: %s',
    async (api) => {
      const late = holdAndCut()
      const { rule, victim } = ledger.inject({ api, transactionalId: /./ }, late)
      await ledger.feed()
      await rule.untilHit()
      const before = ledger.epochOf(victim())
      await ledger.untilCommitted(victim(), (epoch) => epoch > before)
      // Everything of this transaction is sent, only its end is not.
      const end = hold()
      const ending = ledger.proxy.once({ api: 'EndTxn', transactionalId: victim() }, end)
      await eventually(async () => {
        await ledger.feed(20)
        expect(ending.hits).toBe(1)
      })
      const [codes] = await late.release()
      expect(FENCED).toContain(codes?.[0])
      await end.release()
      await ledger.verify()
    },
    WITHIN_MS,
  )

  it(
    'is an initialisation that fences the owner of now: it gives way, and takes its task again',
    async () => {
      const late = holdAndCut()
      const initialisation = ledger.inject({ api: 'InitProducerId', transactionalId: /./ }, late)
      const reason = ledger.inject({ api: 'AddPartitionsToTxn', transactionalId: /./ }, holdAndCut())
      await ledger.feed()
      await reason.rule.untilHit()
      await initialisation.rule.untilHit()
      const id = initialisation.victim()
      const before = ledger.epochOf(id)
      await ledger.untilCommitted(id, (epoch) => epoch > before)
      const now = ledger.epochOf(id)
      expect((await late.release())[0]?.[0]).toBe(code.NONE)
      await ledger.feed()
      await ledger.untilCommitted(id, (epoch) => epoch > now + 1)
      expect(ledger.acquiredAgain(id).at(-1)?.['code']).toBe('MR3001')
      await ledger.verify()
    },
    WITHIN_MS,
  )
})
