/** Promises of the log port that need a bad wire to be seen: lost answers, repetitions, damage. For homes on a real broker. */
import { expect } from '@jest/globals'
import { code } from '../../libs/kafka/wire/api.ts'
import { Fault } from '../../libs/faults/fault.ts'
import { eventually } from './eventually.ts'
import { answer, cut, damage, drop } from './fault-proxy/faults.ts'
import type { ApiName } from './fault-proxy/kafka-request.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep, WireHome } from './log-home.ts'
import { faultOf, outgoing, readAll, ReaderProbe, values } from './log-probe.ts'

type Body = (home: WireHome, topic: string) => Promise<void>

export function wirePromises(homeOf: HomeOf<WireHome>, it: Keep): void {
  const promise = (name: string, body: Body): void =>
    it(
      name,
      async () => {
        const home = homeOf()
        const topic = await newTopic({ ...home, log: home.direct })
        try {
          await body(home, topic)
        } finally {
          home.proxy.heal()
        }
      },
      PROMISE_TIMEOUT_MS,
    )
  repetitions(promise)
  transactions(promise)
  reading(promise)
}

const record = (topic: string, value: string) => [{ topic, partition: 0, records: [outgoing(value)] }]
const inLog = async ({ direct }: WireHome, topic: string): Promise<readonly (string | null)[]> =>
  values((await readAll(direct, topic, 0)).records)

function repetitions(promise: (name: string, body: Body) => void): void {
  promise('appends once what the leader had appended before it said that it was no leader any more', async (home, topic) => {
    const moved = home.proxy.once({ api: 'Produce', topic, on: 'response' }, answer(code.NOT_LEADER_OR_FOLLOWER))
    await home.log.append(record(topic, 'a'))
    await home.log.append(record(topic, 'b'))
    expect(moved.hits).toBe(1)
    expect(await inLog(home, topic)).toEqual(['a', 'b'])
  })

  promise(
    'appends each of several calls at the same time once, in their order, when the first answer says that the leader moved',
    async (home, topic) => {
      await home.log.append(record(topic, 'before'))
      home.proxy.once({ api: 'Produce', topic, on: 'response' }, answer(code.NOT_LEADER_OR_FOLLOWER))
      await Promise.all(['a', 'b', 'c', 'd'].map((value) => home.log.append(record(topic, value))))
      expect(await inLog(home, topic)).toEqual(['before', 'a', 'b', 'c', 'd'])
    },
  )

  promise('commits what was sent once, or tells that it failed, when the answer to a send is lost', async (home, topic) => {
    const producer = await home.log.openProducer(home.uniqueName('id'))
    home.proxy.once({ api: 'Produce', topic, on: 'response' }, cut)
    const told = await toldOf(async () => {
      await producer.send(record(topic, 'a'))
      await producer.commit()
    })
    await producer.close()
    const next = await home.log.openProducer(producer.transactionalId)
    await next.close()
    expect(await inLog(home, topic)).toEqual(told === 'done' ? ['a'] : [])
  })

  promise('fails the transaction when the broker finds a gap in its sequences', async (home, topic) => {
    const producer = await home.log.openProducer(home.uniqueName('id'))
    await producer.send(record(topic, 'a'))
    home.proxy.once({ api: 'Produce', topic }, answer(code.OUT_OF_ORDER_SEQUENCE_NUMBER))
    expect((await faultOf(producer.send(record(topic, 'b')))).action).toBe('acquire-again')
    await producer.close()
    const next = await home.log.openProducer(producer.transactionalId)
    await next.send(record(topic, 'c'))
    await next.commit()
    await next.close()
    expect(await inLog(home, topic)).toEqual(['c'])
  })
}

async function toldOf(work: () => Promise<void>): Promise<'done' | 'failed'> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (error instanceof Fault) return 'failed'
    throw error
  }
}

function transactions(promise: (name: string, body: Body) => void): void {
  const transact = async (home: WireHome, topic: string, id: string): Promise<void> => {
    const producer = await home.log.openProducer(id)
    try {
      await producer.send(record(topic, 'a'))
      await producer.sendPositions({ groupId: topic, memberId: '', generation: -1 }, [{ topic, partition: 0, position: 1, metadata: '' }])
      await producer.commit()
    } finally {
      await producer.close()
    }
  }

  for (const api of ['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn'] as const)
    promise(`waits for the transaction before to be completed: ${api}`, async (home, topic) => {
      const id = home.uniqueName('id')
      const busy = home.proxy.times(3, { api, transactionalId: id }, answer(code.CONCURRENT_TRANSACTIONS))
      await transact(home, topic, id)
      expect(busy.hits).toBe(3)
      expect(await inLog(home, topic)).toEqual(['a'])
      expect((await home.direct.admin.committed(topic, [{ topic, partition: 0 }])).get(`${topic}:0`)?.position).toBe(1)
    })

  for (const name of ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'] as const)
    for (const api of ['AddPartitionsToTxn', 'Produce', 'EndTxn'] satisfies ApiName[])
      promise(`knows that it was fenced when ${api} is answered ${name}`, async (home, topic) => {
        const id = home.uniqueName('id')
        home.proxy.once({ api, transactionalId: id }, answer(code[name]))
        expect((await faultOf(transact(home, topic, id))).action).toBe('release-task')
        await (await home.log.openProducer(id)).close()
        expect(await inLog(home, topic)).toEqual([])
      })

  for (const [on, expected] of [
    ['request', []],
    ['response', ['a']],
  ] as const)
    promise(`settles the end of a transaction at the next opening of its id when its ${on} was lost`, async (home, topic) => {
      const id = home.uniqueName('id')
      home.proxy.once({ api: 'EndTxn', transactionalId: id, on }, on === 'request' ? cut : drop)
      expect((await faultOf(transact(home, topic, id))).action).toBe('acquire-again')
      await (await home.log.openProducer(id)).close()
      expect(await inLog(home, topic)).toEqual(expected)
    })
}

function reading(promise: (name: string, body: Body) => void): void {
  const fill = async (home: WireHome, topic: string): Promise<void> =>
    home.direct.append([{ topic, partition: 0, records: ['a', 'b', 'c', 'd', 'e'].map((value) => outgoing(value)) }])

  promise('goes on where it was when a broker says out of range and the ends of the log say otherwise', async (home, topic) => {
    await fill(home, topic)
    const doubt = home.proxy.once({ api: 'Fetch', topic }, answer(code.OFFSET_OUT_OF_RANGE))
    const { records, outOfRange } = await readAll(home.log, topic, 0, 2)
    expect(doubt.hits).toBe(1)
    expect(values(records)).toEqual(['c', 'd', 'e'])
    expect(outOfRange).toEqual([])
  })

  promise('delivers each record once when answers are lost while it reads', async (home, topic) => {
    await fill(home, topic)
    home.proxy.once({ api: 'Fetch', topic, on: 'response' }, cut)
    const probe = new ReaderProbe(home.log, topic, 0, 0)
    await eventually(() => expect(values(probe.records)).toHaveLength(5))
    home.proxy.times(2, { api: 'Fetch', topic, on: 'response' }, cut)
    await fill(home, topic)
    await eventually(() => expect(values(probe.records)).toEqual(['a', 'b', 'c', 'd', 'e', 'a', 'b', 'c', 'd', 'e']))
    await probe.reader.close()
  })

  promise('delivers nothing that was damaged on its way', async (home, topic) => {
    await fill(home, topic)
    const harm = home.proxy.times(20, { api: 'Fetch', topic, on: 'response' }, damage)
    const probe = new ReaderProbe(home.log, topic, 0, 0)
    await harm.untilHit()
    await eventually(() => expect(probe.records.length + probe.faults.length).toBeGreaterThan(0), 5_000)
    harm.end()
    expect(['a', 'b', 'c', 'd', 'e'].slice(0, probe.records.length)).toEqual(values(probe.records))
    await probe.reader.close()
  })
}
