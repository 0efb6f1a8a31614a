/** The fault proxy does what it says, and nothing else: the tests that stand on it are worth as much as it is. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { code } from '../../../libs/kafka/wire/api.ts'
import type { Log, TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { FaultProxy } from '../../support/fault-proxy/fault-proxy.ts'
import { answer, copyLater, cut, delay, drop, duplicate, hold } from '../../support/fault-proxy/faults.ts'
import type { KafkaRequest } from '../../support/fault-proxy/kafka-request.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { faultOf, outgoing, readAll, values } from '../../support/log-probe.ts'

const kafka = await kafkaForTests()
const GROUP = `proxy-${randomUUID()}`
const REQUEST_TIMEOUT_MS = 1_000

let proxy: FaultProxy
/** Through the proxy. */
let log: Log
/** Past it. */
let direct: Log
let topic = ''

beforeAll(async () => {
  proxy = await FaultProxy.open(kafka.brokers)
  direct = kafkaLog({ brokers: kafka.brokers })
})
afterEach(async () => {
  proxy.heal()
  await log.close()
})
afterAll(async () => {
  await proxy.close()
  await direct.close()
})

async function begin(): Promise<TransactionalProducer> {
  log = kafkaLog({ brokers: proxy.brokers, requestTimeoutMs: REQUEST_TIMEOUT_MS, unreachableAfterMs: REQUEST_TIMEOUT_MS })
  topic = `proxy-${randomUUID()}`
  await direct.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: -1, config: { 'retention.ms': '-1' } }])
  return log.openProducer(`proxy-${randomUUID()}`)
}

const send = (producer: TransactionalProducer, value: string): Promise<unknown> =>
  producer.send([{ topic, partition: 0, records: [outgoing(value)] }])
const committed = async (): Promise<readonly (string | null)[]> => values((await readAll(direct, topic, 0)).records)

describe('a fault proxy without rules', () => {
  it('is not noticed, and is the only way that its clients know', async () => {
    const producer = await begin()
    await send(producer, 'a')
    await producer.sendPositions({ groupId: GROUP, memberId: '', generation: -1 }, [{ topic, partition: 0, position: 1, metadata: '' }])
    await producer.commit()
    expect(values((await readAll(log, topic, 0)).records)).toEqual(['a'])
    proxy.cutOff()
    await expect(log.admin.listTopics()).rejects.toMatchObject({ code: 'MR3020' })
    proxy.heal()
    expect(await log.admin.listTopics()).toContain(topic)
  })

  it('tells who asks for what', async () => {
    const seen: KafkaRequest[] = []
    proxy.onRequest = (request) => seen.push(request)
    const producer = await begin()
    await send(producer, 'a')
    await producer.sendPositions({ groupId: GROUP, memberId: '', generation: -1 }, [{ topic, partition: 0, position: 1, metadata: '' }])
    await producer.commit()
    proxy.onRequest = undefined
    const of = (api: string): KafkaRequest | undefined => seen.find((request) => request.api === api)
    for (const api of ['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'Produce', 'TxnOffsetCommit', 'EndTxn'])
      expect([api, of(api)?.transactionalId, of(api)?.clientId]).toEqual([api, producer.transactionalId, 'millrace'])
    for (const api of ['AddPartitionsToTxn', 'Produce', 'TxnOffsetCommit'])
      expect([api, of(api)?.partitions]).toEqual([api, [{ topic, partition: 0 }]])
    for (const api of ['AddOffsetsToTxn', 'TxnOffsetCommit']) expect([api, of(api)?.group]).toEqual([api, GROUP])
    expect(of('EndTxn')?.commit).toBe(true)
  })
})

describe('a rule of the fault proxy', () => {
  it('drops a request: the broker has not done it, and the client gets no answer', async () => {
    const producer = await begin()
    const lost = proxy.once({ api: 'EndTxn' }, drop)
    await send(producer, 'a')
    expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3010' })
    expect(lost.hits).toBe(1)
    await log.openProducer(producer.transactionalId)
    expect(await committed()).toEqual([])
  })

  it('drops an answer: the broker has done it', async () => {
    const producer = await begin()
    proxy.once({ api: 'EndTxn', on: 'response' }, drop)
    await send(producer, 'a')
    expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3010' })
    expect(await committed()).toEqual(['a'])
  })

  it('cuts the connection at once, before or after the broker has done it', async () => {
    for (const [on, expected] of [
      ['request', []],
      ['response', ['a']],
    ] as const) {
      const producer = await begin()
      proxy.once({ api: 'EndTxn', on }, cut)
      await send(producer, 'a')
      const begun = performance.now()
      expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3010' })
      expect(performance.now() - begun).toBeLessThan(REQUEST_TIMEOUT_MS)
      await log.openProducer(producer.transactionalId)
      expect(await committed()).toEqual(expected)
      await log.close()
    }
  })

  it('delays', async () => {
    const producer = await begin()
    proxy.once({ api: 'Produce' }, delay(300))
    const begun = performance.now()
    await send(producer, 'a')
    expect(performance.now() - begun).toBeGreaterThan(290)
    proxy.once({ api: 'EndTxn', on: 'response' }, delay(300))
    await producer.commit()
    expect(performance.now() - begun).toBeGreaterThan(590)
  })

  it('holds a request beyond the life of its connection, and tells what the broker says to it in the end', async () => {
    const producer = await begin()
    const late = hold()
    proxy.once({ api: 'EndTxn' }, late)
    await send(producer, 'a')
    expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3010' })
    await producer.close()
    expect(late.count).toBe(1)
    expect(await late.release()).toEqual([[code.NONE]])
    expect(await committed()).toEqual(['a'])
  })

  it('sends a request twice: at once, or again later', async () => {
    const producer = await begin()
    proxy.once({ api: 'Produce' }, duplicate)
    await send(producer, 'a')
    const again = copyLater()
    proxy.once({ api: 'Produce' }, again)
    await send(producer, 'b')
    expect(await again.release()).toEqual([[code.NONE]])
    await producer.commit()
    expect(await committed()).toEqual(['a', 'b'])
  })

  it('answers with an error in the stead of the broker, which then has not done it, or has', async () => {
    const producer = await begin()
    proxy.once({ api: 'EndTxn' }, answer(code.INVALID_TXN_STATE))
    await send(producer, 'a')
    expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3026' })
    const next = await log.openProducer(producer.transactionalId)
    expect(await committed()).toEqual([])
    proxy.once({ api: 'EndTxn', on: 'response' }, answer(code.COORDINATOR_NOT_AVAILABLE))
    await send(next, 'b')
    expect(await faultOf(next.commit())).toMatchObject({ code: 'MR3027' })
    expect(await committed()).toEqual(['b'])
  })

  it('chooses by count, API, transactional id, group and topic, and ends', async () => {
    const producer = await begin()
    const others = [
      proxy.always({ api: 'EndTxn', transactionalId: 'another' }, drop),
      proxy.always({ api: 'Produce', topic: 'another' }, drop),
      proxy.always({ api: 'TxnOffsetCommit', group: 'another' }, drop),
      proxy.always({ api: 'Produce', clientId: 'another' }, drop),
      proxy.always({ api: 'Produce', broker: 99 }, drop),
      proxy.always({ api: 'Produce', where: () => false }, drop),
    ]
    const third = proxy.once({ api: ['EndTxn'], nth: 3, transactionalId: /^proxy-/ }, answer(code.INVALID_TXN_STATE))
    const watched = proxy.watch({ api: 'EndTxn', on: 'response' })
    for (const value of ['a', 'b']) {
      await send(producer, value)
      await producer.commit()
    }
    await watched.untilHit(2)
    expect(third.hits).toBe(0)
    await send(producer, 'c')
    expect(await faultOf(producer.commit())).toMatchObject({ code: 'MR3026' })
    expect(third.hits).toBe(1)
    expect(others.map(({ hits }) => hits)).toEqual([0, 0, 0, 0, 0, 0])
    const next = await log.openProducer(producer.transactionalId)
    const always = proxy.always({ api: 'EndTxn' }, answer(code.CONCURRENT_TRANSACTIONS))
    await send(next, 'd')
    const commit = next.commit()
    await always.untilHit(3)
    always.end()
    await commit
    expect(await committed()).toEqual(['a', 'b', 'd'])
  })

  it('slows every connection down to so many bytes a second', async () => {
    const producer = await begin()
    await send(producer, 'a')
    proxy.throttle(2_000)
    const begun = performance.now()
    await send(producer, 'x'.repeat(1_000))
    expect(performance.now() - begun).toBeGreaterThan(400)
    proxy.throttle(undefined)
    await producer.commit()
    expect(await committed()).toHaveLength(2)
  })
})
