/** The permanent rows of the error table: what no repetition mends is told with a message, and never loses a record that can be sent. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { code } from '../../../libs/kafka/wire/api.ts'
import { FaultedLedger, TASKS } from '../../support/faulted-ledger.ts'
import { answer } from '../../support/fault-proxy/faults.ts'
import type { ApiName } from '../../support/fault-proxy/kafka-request.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { scaled } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const WITHIN_MS = 90_000
const ONE_BY_ONE = 'its records are tried again one by one'

let ledger: FaultedLedger | undefined
afterEach(() => ledger?.close())

async function open(): Promise<FaultedLedger> {
  const opened = await FaultedLedger.open(kafka.brokers)
  ledger = opened
  await opened.rig.running(opened.worker, TASKS)
  await opened.feed()
  await opened.verify()
  return opened
}

describe('a refusal of records that does not come again', () => {
  it(
    'sets no record aside: the records are tried one by one, and all of them are sent',
    async () => {
      const careful = await open()
      for (const name of ['MESSAGE_TOO_LARGE', 'INVALID_RECORD'] as const) {
        // A batch of many is halved until one record is found: until then the broker refuses.
        const { rule } = careful.inject({ api: 'Produce', transactionalId: /./ }, answer(code[name]), Infinity)
        const said = careful.worker.said(ONE_BY_ONE).length
        careful.proxy.onRequest = ({ api }) => {
          if (api === 'InitProducerId') rule.end()
        }
        await careful.feed()
        await rule.untilHit()
        await careful.worker.untilSaid(ONE_BY_ONE, said + 1)
        await careful.feed()
        await careful.verify()
        expect((await careful.worker.status()).totals.deadLetters).toBe(0)
      }
    },
    WITHIN_MS,
  )
})

describe('a right that is missing', () => {
  const rows: readonly (readonly [name: keyof typeof code, api: ApiName])[] = [
    ['TOPIC_AUTHORIZATION_FAILED', 'Produce'],
    ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'AddPartitionsToTxn'],
    ['GROUP_AUTHORIZATION_FAILED', 'TxnOffsetCommit'],
  ]
  it.each(rows.slice(0, scaled(1, rows.length)))(
    'ends the worker with a message that names it (%s at %s), and the next worker goes on without loss or repetition',
    async (name, api) => {
      const refused = await open()
      const { rule } = refused.inject({ api, transactionalId: /./ }, answer(code[name]))
      await refused.feed()
      await rule.untilHit()
      const { code: exit } = await refused.worker.ended
      expect(exit).not.toBe(0)
      const line = refused.worker.lines.find((one) => one['code'] === 'MR3024')
      expect(line?.msg).toContain(name)
      expect(line?.msg).toContain('Grant the right')
      refused.restart()
      await refused.feed()
      await refused.verify()
    },
    WITHIN_MS,
  )
})
