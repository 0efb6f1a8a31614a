/** Promises of the log port about transactions: all or nothing, aborted records, fencing. */
import { expect } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import type { OutgoingRecord, TransactionalProducer } from '../../libs/runtime/ports/log.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep } from './log-home.ts'
import { faultOf, outgoing, readAll, values } from './log-probe.ts'

const texts = (...all: readonly string[]): readonly OutgoingRecord[] => all.map((value) => outgoing(value))

export function transactionPromises(homeOf: HomeOf, it: Keep): void {
  committing(homeOf, it)
  aborting(homeOf, it)
  manyAborts(homeOf, it)
  fencing(homeOf, it)
  refusing(homeOf, it)
}

function committing(homeOf: HomeOf, it: Keep): void {
  it(
    'shows the records of a transaction in all its partitions after the commit',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 2)
      const producer = await log.openProducer(uniqueName('id'))

      await producer.send([
        { topic, partition: 0, records: texts('a') },
        { topic, partition: 1, records: texts('b') },
      ])
      await producer.commit()
      await producer.send([{ topic, partition: 0, records: texts('c') }])
      await producer.commit()
      await producer.close()

      expect(values((await readAll(log, topic, 0)).records)).toEqual(['a', 'c'])
      expect(values((await readAll(log, topic, 1)).records)).toEqual(['b'])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps the order of several sends and of several batches for one partition, and answers the offsets of each send',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 3)
      const producer = await log.openProducer(uniqueName('id'))

      const first = await producer.send([
        { topic, partition: 1, records: texts('a', 'b') },
        { topic, partition: 0, records: texts('x') },
        { topic, partition: 1, records: texts('c') },
        { topic, partition: 2, records: [] },
      ])
      const second = await producer.send([{ topic, partition: 1, records: texts('d', 'e') }])
      await producer.commit()
      const third = await producer.send([{ topic, partition: 1, records: texts('f') }])
      await producer.commit()
      await producer.close()

      expect(Object.fromEntries(first)).toEqual({ [`${topic}:0`]: { first: 0, last: 0 }, [`${topic}:1`]: { first: 0, last: 2 } })
      expect(Object.fromEntries(second)).toEqual({ [`${topic}:1`]: { first: 3, last: 4 } })
      // Offset 5 is the marker of the first transaction.
      expect(Object.fromEntries(third)).toEqual({ [`${topic}:1`]: { first: 6, last: 6 } })
      const { records } = await readAll(log, topic, 1)
      expect(values(records)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
      expect(records.map((record) => record.offset)).toEqual([0, 1, 2, 3, 4, 6])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps the order of thousands of records in one transaction',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const producer = await log.openProducer(uniqueName('id'))
      const written = Array.from({ length: 5_000 }, (_, index) => `${index}`)

      const offsets = await producer.send([{ topic, partition: 0, records: texts(...written) }])
      await producer.commit()
      await producer.close()

      expect(offsets.get(`${topic}:0`)).toEqual({ first: 0, last: 4_999 })
      expect(values((await readAll(log, topic, 0)).records)).toEqual(written)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'commits a transaction in which nothing was sent, and works after it',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const producer = await log.openProducer(uniqueName('id'))

      await producer.commit()
      await producer.send([{ topic, partition: 0, records: texts('a') }])
      await producer.commit()
      await producer.commit()
      await producer.close()

      expect(values((await readAll(log, topic, 0)).records)).toEqual(['a'])
    },
    PROMISE_TIMEOUT_MS,
  )
}

function aborting(homeOf: HomeOf, it: Keep): void {
  it(
    'aborts the open transaction of the former owner when its id is opened, then commits under the same id',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const id = uniqueName('id')
      const former = await log.openProducer(id)
      await former.send([{ topic, partition: 0, records: texts('aborted') }])

      const owner = await log.openProducer(id)
      const atOpening = (await log.admin.ranges([{ topic, partition: 0 }])).get(`${topic}:0`)
      await owner.send([{ topic, partition: 0, records: texts('committed') }])
      await owner.commit()

      // Already when the id is open nothing of the former owner is open any more.
      expect(atOpening).toEqual({ logStart: 0, end: 2, lastStable: 2 })
      expect(values((await readAll(log, topic, 0)).records)).toEqual(['committed'])
      await Promise.all([former.close(), owner.close()])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'takes a record whose key is four zero bytes for a record: aborted, it and what follows it stay hidden, committed, it is shown',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const id = uniqueName('id')
      const zeros = outgoing('zeros', { key: '\0\0\0\0' })
      const former = await log.openProducer(id)
      await former.send([{ topic, partition: 0, records: [zeros, outgoing('after')] }])
      await former.send([{ topic, partition: 0, records: texts('later') }])

      const owner = await log.openProducer(id)
      await owner.send([{ topic, partition: 0, records: [zeros] }])
      await owner.commit()

      const { records } = await readAll(log, topic, 0)
      expect(records.map((record) => record.offset)).toEqual([4])
      expect(values(records)).toEqual(['zeros'])
      await Promise.all([former.close(), owner.close()])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'reads to the end of a partition that ends in an aborted transaction',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const id = uniqueName('id')
      await log.append([{ topic, partition: 0, records: texts('a') }])
      const former = await log.openProducer(id)
      await former.send([{ topic, partition: 0, records: texts('x', 'y') }])
      const owner = await log.openProducer(id)

      const probe = await readAll(log, topic, 0)

      expect(values(probe.records)).toEqual(['a'])
      expect(probe.last).toMatchObject({ next: 4, highWatermark: 4, lastStable: 4 })
      await Promise.all([former.close(), owner.close()])
    },
    PROMISE_TIMEOUT_MS,
  )
}

function manyAborts(homeOf: HomeOf, it: Keep): void {
  it(
    'never shows aborted records, however transactions overlap and wherever reading begins',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const ids = ['a', 'b', 'c', 'd'].map((name) => uniqueName(name))
      const open: TransactionalProducer[] = []
      const send = async (which: number, text: string): Promise<void> => {
        await open[which]?.send([{ topic, partition: 0, records: texts(text) }])
      }
      for (const id of ids) open.push(await log.openProducer(id))
      // First offsets in the order 0, 1, 2, 3; each goes on among the others.
      for (const round of ['1', '2', '3']) for (const which of [0, 1, 2, 3]) await send(which, `${which}.${round}`)
      await log.append([{ topic, partition: 0, records: texts('outside') }])
      // Ended in another order than begun: 2 aborts, 0 commits, 3 aborts, 1 aborts.
      const replaced: TransactionalProducer[] = []
      for (const which of [2, 3, 1]) {
        if (which === 3) await open[0]?.commit()
        replaced.push(await log.openProducer(ids[which] ?? ''))
      }
      await log.append([{ topic, partition: 0, records: texts('end') }])

      const committed = ['0.1', '0.2', '0.3']
      const offsets = [0, 4, 8, 12]
      for (let position = 0; position <= 12; position++) {
        const { records } = await readAll(log, topic, 0, position)
        const expected = [...committed, 'outside'].filter((_, index) => (offsets[index] ?? 0) >= position)
        expect({ position, seen: values(records) }).toEqual({ position, seen: [...expected, 'end'] })
      }
      await Promise.all([...open, ...replaced].map((producer) => producer.close()))
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'shows each committed transaction of an id once between aborted ones',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const id = uniqueName('id')
      for (let round = 0; round < 4; round++) {
        const producer = await log.openProducer(id)
        await producer.send([{ topic, partition: 0, records: texts(`committed ${round}`) }])
        await producer.commit()
        await producer.send([{ topic, partition: 0, records: texts(`aborted ${round}`) }])
        await producer.close()
      }
      const last = await log.openProducer(id)

      const { records } = await readAll(log, topic, 0)

      expect(values(records)).toEqual([0, 1, 2, 3].map((round) => `committed ${round}`))
      await last.close()
    },
    PROMISE_TIMEOUT_MS,
  )
}

function fencing(homeOf: HomeOf, it: Keep): void {
  const calls: readonly [name: string, call: (former: TransactionalProducer, topic: string, group: string) => Promise<unknown>][] = [
    ['send', (former, topic) => former.send([{ topic, partition: 0, records: texts('zombie') }])],
    [
      'sendPositions',
      (former, topic, groupId) =>
        former.sendPositions({ groupId, memberId: '', generation: -1 }, [{ topic, partition: 0, position: 9, metadata: 'zombie' }]),
    ],
    ['commit', (former) => former.commit()],
  ]
  for (const [name, call] of calls) {
    it(
      `refuses ${name} of a producer whose id was opened again, and nothing it did is seen`,
      async () => {
        const { log, uniqueName } = homeOf()
        const topic = await newTopic(homeOf())
        const [id, group] = [uniqueName('id'), uniqueName('group')]
        const former = await log.openProducer(id)
        await former.send([{ topic, partition: 0, records: texts('former') }])
        const owner = await log.openProducer(id)

        const fault = await faultOf(call(former, topic, group))
        await owner.send([{ topic, partition: 0, records: texts('owner') }])
        await owner.commit()

        expect(fault.action).toBe('release-task')
        expect(values((await readAll(log, topic, 0)).records)).toEqual(['owner'])
        expect((await log.admin.committed(group, [{ topic, partition: 0 }])).size).toBe(0)
        await Promise.all([former.close(), owner.close()])
      },
      PROMISE_TIMEOUT_MS,
    )
  }

  it(
    'refuses the first send of a producer that never began a transaction before its id was opened again',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const id = uniqueName('id')
      const former = await log.openProducer(id)
      const owner = await log.openProducer(id)

      const fault = await faultOf(former.send([{ topic, partition: 0, records: texts('zombie') }]))

      expect(fault.action).toBe('release-task')
      expect((await readAll(log, topic, 0)).records).toEqual([])
      await Promise.all([former.close(), owner.close()])
    },
    PROMISE_TIMEOUT_MS,
  )
}

function refusing(homeOf: HomeOf, it: Keep): void {
  it(
    'names the record that is too large for its topic, and nothing of the transaction is seen',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 2, { 'max.message.bytes': '10000' })
      const id = uniqueName('id')
      const producer = await log.openProducer(id)
      const large: OutgoingRecord = { key: null, value: randomBytes(20_000), timestamp: 0, headers: [] }

      const fault = await faultOf(producer.send([{ topic, partition: 1, records: [outgoing('small'), large, outgoing('small, too')] }]))
      await producer.close()
      const owner = await log.openProducer(id)
      await owner.send([{ topic, partition: 1, records: texts('again') }])
      await owner.commit()
      await owner.close()

      expect(fault.action).toBe('refuse-record')
      expect(fault.place).toMatchObject({ topic, partition: 1, offset: 1 })
      expect(values((await readAll(log, topic, 1)).records)).toEqual(['again'])
    },
    PROMISE_TIMEOUT_MS,
  )

  const invalid: readonly [name: string, config: Readonly<Record<string, string>>, record: () => OutgoingRecord][] = [
    ['has no key in a compacted topic', { 'cleanup.policy': 'compact' }, () => outgoing('x')],
    [
      'is stamped far ahead of the broker',
      { 'message.timestamp.after.max.ms': '60000' },
      () => outgoing('x', { key: 'k', timestamp: Date.now() + 3_600_000 }),
    ],
  ]
  for (const [name, config, record] of invalid) {
    it(
      `names the record that ${name}, and nothing of it is seen`,
      async () => {
        const { log, uniqueName } = homeOf()
        const topic = await newTopic(homeOf(), 1, config)
        const producer = await log.openProducer(uniqueName('id'))

        const fault = await faultOf(producer.send([{ topic, partition: 0, records: [outgoing('valid', { key: 'k' }), record()] }]))
        await producer.close()
        const appended = await faultOf(log.append([{ topic, partition: 0, records: [record()] }]))

        expect(fault).toMatchObject({ action: 'refuse-record', place: { topic, partition: 0, offset: 1 } })
        expect(appended).toMatchObject({ action: 'refuse-record', place: { topic, partition: 0, offset: 0 } })
        expect((await readAll(log, topic, 0)).records).toEqual([])
      },
      PROMISE_TIMEOUT_MS,
    )
  }
}
