/**
 * What a producer may send twice and what never (engine-holes.md H2d, H11; kafka-client.md 1.2), on a broker that fails as told.
 */
import { afterEach, describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { code } from '../../../libs/kafka/wire/api.ts'
import type { Log, TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { record } from './batches.ts'
import type { FakeBroker, Script } from './fake-broker.ts'
import { fakeBroker } from './fake-broker.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const batches = [{ topic: 'rides', partition: 0, records: [record('a'), record('b')] }]
const positions = [{ topic: 'rides', partition: 0, position: 5, metadata: 'mr1' }]
const identity = { groupId: 'group', memberId: 'member', generation: 4 }

async function given(
  script: Readonly<Record<string, readonly Script[]>>,
): Promise<{ broker: FakeBroker; log: Log; producer: TransactionalProducer }> {
  const broker = await fakeBroker(script)
  opened.push(broker)
  const log = kafkaLog({ brokers: [broker.address], requestTimeoutMs: 300, unreachableAfterMs: 2_000 })
  opened.unshift(log)
  const producer = await log.openProducer('id')
  broker.requests.length = 0
  return { broker, log, producer }
}

async function transact(producer: TransactionalProducer): Promise<Fault | undefined> {
  try {
    await producer.send(batches)
    await producer.sendPositions(identity, positions)
    await producer.commit()
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

const times = (broker: FakeBroker, name: string): number => broker.requests.filter((one) => one === name).length

describe('a transaction', () => {
  it('that goes well asks each thing once; the next one adds positions and partitions together', async () => {
    const { broker, producer } = await given({})

    expect(await transact(producer)).toBeUndefined()
    const first = broker.requests.splice(0)
    expect(await transact(producer)).toBeUndefined()

    expect(first).toEqual(['AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'FindCoordinator', 'TxnOffsetCommit', 'EndTxn'])
    expect(broker.requests).toEqual(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'Produce', 'TxnOffsetCommit', 'EndTxn'])
  })

  it('adds a partition and a group once, however often it is sent to', async () => {
    const { broker, producer } = await given({})

    for (const _ of [1, 2, 3]) {
      await producer.send(batches)
      await producer.sendPositions(identity, positions)
    }
    await producer.commit()

    expect([times(broker, 'AddPartitionsToTxn'), times(broker, 'AddOffsetsToTxn'), times(broker, 'Produce')]).toEqual([1, 1, 3])
  })

  it.each(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn'])('asks %s again while the transaction before is completing', async (name) => {
    const { broker, producer } = await given({ [name]: [code.CONCURRENT_TRANSACTIONS, code.CONCURRENT_TRANSACTIONS] })

    expect(await transact(producer)).toBeUndefined()

    expect(times(broker, name)).toBe(3)
  })

  it('looks the coordinator up again when it has moved, and asks again what may be asked again', async () => {
    const { broker, producer } = await given({
      AddPartitionsToTxn: [code.NOT_COORDINATOR],
      TxnOffsetCommit: [code.COORDINATOR_LOAD_IN_PROGRESS],
    })

    expect(await transact(producer)).toBeUndefined()

    expect([times(broker, 'AddPartitionsToTxn'), times(broker, 'TxnOffsetCommit')]).toEqual([2, 2])
    expect(times(broker, 'FindCoordinator')).toBe(2)
  })

  it('sends a batch again after a leader moved: the same bytes, so the same sequence', async () => {
    const { broker, producer } = await given({ Produce: [code.NOT_LEADER_OR_FOLLOWER, code.NOT_ENOUGH_REPLICAS] })

    expect(await transact(producer)).toBeUndefined()

    expect(broker.produced).toHaveLength(3)
    expect(broker.produced[1]).toEqual(broker.produced[0])
    expect(broker.produced[2]).toEqual(broker.produced[0])
  })

  const steps = ['AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn']
  it.each(steps.flatMap((name) => (['end', 'silent'] as const).map((act) => ({ name, act }))))(
    'sends $name once when its answer does not come ($act): the outcome is unknown',
    async ({ name, act }) => {
      const { broker, producer } = await given({ [name]: [act] })

      const fault = await transact(producer)

      expect(fault).toMatchObject({ code: 'MR3010', action: 'acquire-again' })
      expect(times(broker, name)).toBe(1)
      expect(broker.requests.at(-1)).toBe(name)
    },
  )

  const undecided = [
    code.NOT_COORDINATOR,
    code.COORDINATOR_NOT_AVAILABLE,
    code.COORDINATOR_LOAD_IN_PROGRESS,
    code.INVALID_TXN_STATE,
    code.REQUEST_TIMED_OUT,
  ]
  it.each(undecided)('sends EndTxn once also after error %i: a decision may have been written', async (error) => {
    const { broker, producer } = await given({ EndTxn: [error] })

    expect(await transact(producer)).toMatchObject({ action: 'acquire-again' })

    expect(times(broker, 'EndTxn')).toBe(1)
  })

  it.each([
    ['Produce', code.INVALID_PRODUCER_EPOCH, 'MR3001', 'release-task'],
    ['EndTxn', code.PRODUCER_FENCED, 'MR3001', 'release-task'],
    ['TxnOffsetCommit', code.ILLEGAL_GENERATION, 'MR3002', 'release-task'],
    ['Produce', code.OUT_OF_ORDER_SEQUENCE_NUMBER, 'MR3026', 'acquire-again'],
    ['Produce', code.REQUEST_TIMED_OUT, 'MR3026', 'acquire-again'],
    ['Produce', code.TOPIC_AUTHORIZATION_FAILED, 'MR3024', 'stop'],
  ] as const)('ends at %s with error %i by %s, %s', async (name, error, as, action) => {
    const { broker, producer } = await given({ [name]: [error] })

    expect(await transact(producer)).toMatchObject({ code: as, action })

    expect(times(broker, name)).toBe(1)
  })

  it('takes no more work after any failure, and sends nothing', async () => {
    const { broker, producer } = await given({ Produce: [code.INVALID_TXN_STATE] })
    await transact(producer)
    const sent = broker.requests.length

    for (const call of [() => producer.send(batches), () => producer.sendPositions(identity, positions), () => producer.commit()])
      await expect(call()).rejects.toMatchObject({ code: 'MR3011', action: 'acquire-again' })

    expect(broker.requests).toHaveLength(sent)
  })

  it('refuses calls that overlap: the caller has broken the contract', async () => {
    const { producer } = await given({})
    const first = producer.send(batches)

    await expect(producer.commit()).rejects.toThrow(/do not overlap/)

    await first
  })
})

describe('opening a producer', () => {
  it('waits while the former transaction completes and the coordinator moves', async () => {
    const { log, broker } = await given({
      InitProducerId: [code.NONE, code.CONCURRENT_TRANSACTIONS, code.NOT_COORDINATOR, code.CONCURRENT_TRANSACTIONS],
    })

    await log.openProducer('other')

    expect(times(broker, 'InitProducerId')).toBe(4)
  })
})

describe('appending outside transactions', () => {
  it('sends the same bytes again when an answer does not come: the broker knows the sequence', async () => {
    const { log, broker } = await given({ Produce: ['end', code.NONE] })

    await log.append(batches)

    expect(broker.produced).toHaveLength(2)
    expect(broker.produced[1]).toEqual(broker.produced[0])
  })

  it('begins with a new producer id after a failure', async () => {
    const { log, broker } = await given({ Produce: [code.OUT_OF_ORDER_SEQUENCE_NUMBER] })

    await expect(log.append(batches)).rejects.toMatchObject({ code: 'MR3026' })
    await log.append(batches)

    expect(times(broker, 'InitProducerId')).toBe(2)
  })
})
