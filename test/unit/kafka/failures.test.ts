import { describe, expect, it } from '@jest/globals'
import type { FaultAction } from '../../../libs/faults/fault.ts'
import { kafkaCodes } from '../../../libs/faults/kafka-codes.ts'
import { logCodes } from '../../../libs/faults/log-codes.ts'
import { faultOf, isUntouched, transactionFault } from '../../../libs/kafka/failures.ts'
import { code, NoAnswer, Refused } from '../../../libs/kafka/wire/api.ts'

/** The error table of kafka-client.md 1.2. */
const inTransaction: readonly (readonly [keyof typeof code, FaultAction])[] = [
  ['CONCURRENT_TRANSACTIONS', 'acquire-again'],
  ['COORDINATOR_LOAD_IN_PROGRESS', 'acquire-again'],
  ['NOT_COORDINATOR', 'acquire-again'],
  ['COORDINATOR_NOT_AVAILABLE', 'acquire-again'],
  ['REQUEST_TIMED_OUT', 'acquire-again'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'acquire-again'],
  ['INVALID_PRODUCER_EPOCH', 'release-task'],
  ['PRODUCER_FENCED', 'release-task'],
  ['INVALID_TXN_STATE', 'acquire-again'],
  ['UNKNOWN_PRODUCER_ID', 'acquire-again'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'acquire-again'],
  ['INVALID_PRODUCER_ID_MAPPING', 'acquire-again'],
  ['TRANSACTION_ABORTABLE', 'acquire-again'],
  ['ILLEGAL_GENERATION', 'release-task'],
  ['UNKNOWN_MEMBER_ID', 'release-task'],
  ['FENCED_INSTANCE_ID', 'release-task'],
  ['REBALANCE_IN_PROGRESS', 'release-task'],
  ['MESSAGE_TOO_LARGE', 'refuse-record'],
  ['INVALID_RECORD', 'refuse-record'],
  ['INVALID_TIMESTAMP', 'refuse-record'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'stop-task'],
  ['TOPIC_AUTHORIZATION_FAILED', 'stop'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'stop'],
  ['GROUP_AUTHORIZATION_FAILED', 'stop'],
  ['UNKNOWN_SERVER_ERROR', 'acquire-again'],
]

describe('what a failure means', () => {
  it.each(inTransaction)('in a transaction, %s means %s', (name, action) => {
    expect(transactionFault(new Refused('Produce', code[name]), 'in a test').action).toBe(action)
  })

  it('no answer in a transaction means to acquire again, whether the request left or not', () => {
    for (const wasSent of [true, false])
      expect(transactionFault(new NoAnswer('EndTxn', 'b:9092', wasSent, new Error('reset')), 'in a test')).toMatchObject({
        code: 'MR3010',
        action: 'acquire-again',
      })
  })

  it('only an answer that nothing was done, or a request that never left, may be sent again', () => {
    expect(isUntouched(new NoAnswer('EndTxn', 'b:9092', false, undefined))).toBe(true)
    expect(isUntouched(new NoAnswer('EndTxn', 'b:9092', true, undefined))).toBe(false)
    expect(isUntouched(new Refused('AddPartitionsToTxn', code.CONCURRENT_TRANSACTIONS))).toBe(true)
    expect(isUntouched(new Refused('Produce', code.REQUEST_TIMED_OUT))).toBe(false)
    expect(isUntouched(new Refused('Produce', code.NOT_ENOUGH_REPLICAS_AFTER_APPEND))).toBe(false)
  })

  it('every fault has an entry in the catalogue, and its message names what was refused', () => {
    const known = new Set([...logCodes, ...kafkaCodes].map((entry) => entry.code))
    for (const value of Object.values(code)) {
      const fault = faultOf(new Refused('Produce', value, 'rides:3'), 'for a test', 'retry')
      expect(known).toContain(fault.code)
      expect(fault.message).toContain('rides:3')
    }
    expect(new Set(kafkaCodes.map((entry) => entry.code)).size).toBe(kafkaCodes.length)
  })
})
