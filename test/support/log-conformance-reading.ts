/** Promises of the log port about readers: order, positions, bytes, ranges. */
import { expect } from '@jest/globals'
import type { Header, LogRecord } from '../../libs/runtime/ports/log.ts'
import { eventually } from './eventually.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep } from './log-home.ts'
import { headerTexts, keys, outgoing, readAll, ReaderProbe, values } from './log-probe.ts'

export function readingPromises(homeOf: HomeOf, it: Keep): void {
  order(homeOf, it)
  control(homeOf, it)
  outOfRange(homeOf, it)
  contents(homeOf, it)
}

function order(homeOf: HomeOf, it: Keep): void {
  it(
    'delivers what was appended in order, to the partition that was named',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 3)
      await log.append([
        { topic, partition: 2, records: [outgoing('a'), outgoing('b')] },
        { topic, partition: 0, records: [outgoing('x')] },
        { topic, partition: 2, records: [outgoing('c')] },
      ])
      await log.append([{ topic, partition: 2, records: [outgoing('d')] }])

      const [zero, one, two] = await Promise.all([0, 1, 2].map((partition) => readAll(log, topic, partition)))

      expect(values(two?.records ?? [])).toEqual(['a', 'b', 'c', 'd'])
      expect(two?.records.map((record) => record.offset)).toEqual([0, 1, 2, 3])
      expect(values(zero?.records ?? [])).toEqual(['x'])
      expect(one?.records).toEqual([])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'delivers from any position in the middle of what was written together, and nothing below it',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      await log.append([{ topic, partition: 0, records: Array.from({ length: 10 }, (_, index) => outgoing(`${index}`)) }])

      const probe = await readAll(log, topic, 0, 7)

      expect(values(probe.records)).toEqual(['7', '8', '9'])
      expect(probe.batches[0]?.fetchedFrom).toBe(7)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'tells at the end of a partition that it is read to the end, and goes on when more comes',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      await log.append([{ topic, partition: 0, records: [outgoing('old')] }])
      const probe = new ReaderProbe(log, topic, 0, 1)

      await probe.untilNext(1)
      const atEnd = probe.last
      await log.append([{ topic, partition: 0, records: [outgoing('new')] }])
      await probe.untilNext(2)

      expect(atEnd).toMatchObject({ fetchedFrom: 1, next: 1, highWatermark: 1, lastStable: 1, logStart: 0, records: { length: 0 } })
      expect(values(probe.records)).toEqual(['new'])
      expect(isChained(probe)).toBe(true)
      await probe.reader.close()
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'starts again at the position of a second assignment, and delivers nothing of the first one after it',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      const written = Array.from({ length: 100 }, (_, index) => `${index}`)
      await log.append([{ topic, partition: 0, records: written.map((value) => outgoing(value)) }])
      const probe = new ReaderProbe(log, topic, 0, 0)
      await probe.untilNext(100)

      for (const position of [10, 20, 30, 40]) {
        probe.reader.assign({ topic, partition: 0 }, position)
        probe.batches.length = 0
      }
      await probe.untilNext(100)

      expect(values(probe.records)).toEqual(written.slice(40))
      expect(probe.batches[0]?.fetchedFrom).toBe(40)
      expect(isChained(probe)).toBe(true)
      await probe.reader.close()
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'loses and repeats nothing over pause and resume, and delivers nothing after unassign',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 2)
      const paused = new ReaderProbe(log, topic, 0, 0)
      const dropped = new ReaderProbe(log, topic, 1, 0)
      dropped.reader.unassign(dropped.partition)
      const written: string[] = []
      for (let round = 0; round < 5; round++) {
        paused.reader.pause(paused.partition)
        written.push(`${round}`)
        await log.append([0, 1].map((partition) => ({ topic, partition, records: [outgoing(`${round}`)] })))
        paused.reader.resume(paused.partition)
      }
      await paused.untilNext(5)

      expect(values(paused.records)).toEqual(written)
      expect(isChained(paused)).toBe(true)
      expect(dropped.batches).toEqual([])
      await Promise.all([paused.reader.close(), dropped.reader.close()])
    },
    PROMISE_TIMEOUT_MS,
  )
}

function control(homeOf: HomeOf, it: Keep): void {
  it(
    'moves on past an answer that holds only the marker of a transaction',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const producer = await log.openProducer(uniqueName('id'))
      await producer.send([{ topic, partition: 0, records: [outgoing('a')] }])
      await producer.commit()
      await producer.close()

      const probe = new ReaderProbe(log, topic, 0, 1)
      await probe.untilNext(2)

      expect(probe.records).toEqual([])
      expect(probe.last).toMatchObject({ next: 2, highWatermark: 2, lastStable: 2 })
      await probe.reader.close()
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'stops at the first record of an open transaction, and shows that there is more behind it',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      await log.append([{ topic, partition: 0, records: [outgoing('before')] }])
      const producer = await log.openProducer(uniqueName('id'))
      await producer.send([{ topic, partition: 0, records: [outgoing('open')] }])
      await log.append([{ topic, partition: 0, records: [outgoing('behind')] }])

      const probe = new ReaderProbe(log, topic, 0, 0)
      await eventually(() => expect(probe.last).toMatchObject({ next: 1, lastStable: 1, highWatermark: 3 }))
      const seenWhileOpen = values(probe.records)
      await producer.commit()
      await probe.untilNext(4)

      expect(seenWhileOpen).toEqual(['before'])
      expect(values(probe.records)).toEqual(['before', 'open', 'behind'])
      await probe.reader.close()
      await producer.close()
    },
    PROMISE_TIMEOUT_MS,
  )
}

function outOfRange(homeOf: HomeOf, it: Keep): void {
  const filled = async (): Promise<string> => {
    const topic = await newTopic(homeOf())
    await homeOf().log.append([{ topic, partition: 0, records: ['a', 'b', 'c'].map((value) => outgoing(value)) }])
    return topic
  }
  const told = async (topic: string, position: number, logStart: number): Promise<void> => {
    const { log } = homeOf()
    const probe = new ReaderProbe(log, topic, 0, position)
    await eventually(() => expect(probe.outOfRange).toHaveLength(1))
    await log.append([{ topic, partition: 0, records: [outgoing('d')] }])
    await readAll(log, topic, 0, 2)

    expect(probe.outOfRange).toEqual([{ position, logStart, logEnd: 3 }])
    expect(probe.batches).toEqual([])
    await probe.reader.close()
  }

  it(
    'tells a position below the log start, and resets nothing',
    async () => {
      const topic = await filled()
      await homeOf().log.admin.deleteRecords([{ topic, partition: 0, position: 2 }])
      await told(topic, 0, 2)
    },
    PROMISE_TIMEOUT_MS,
  )

  it('tells a position above the end of the log, and resets nothing', async () => told(await filled(), 100, 0), PROMISE_TIMEOUT_MS)
}

function contents(homeOf: HomeOf, it: Keep): void {
  const roundTrip = async (records: Parameters<typeof outgoing>[]): Promise<readonly LogRecord[]> => {
    const { log } = homeOf()
    const topic = await newTopic(homeOf())
    await log.append([{ topic, partition: 0, records: records.map((record) => outgoing(...record)) }])
    return (await readAll(log, topic, 0)).records
  }

  it(
    'keeps null apart from empty, in keys and in values',
    async () => {
      const records = await roundTrip([
        [null, { key: null }],
        ['', { key: '' }],
        ['v', { key: null }],
        [null, { key: 'k' }],
      ])

      expect(values(records)).toEqual([null, '', 'v', null])
      expect(keys(records)).toEqual([null, '', null, 'k'])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps headers in order: repeated names, empty values, names that mean something to JavaScript',
    async () => {
      const texts = [
        ['a', '1'],
        ['b', ''],
        ['a', '2'],
        ['__proto__', 'p'],
        ['constructor', 'c'],
        ['toString', ''],
        ['ä', '3'],
        ['', 'no name'],
      ] as const
      const headers: readonly Header[] = texts.map(([name, value]) => [name, Buffer.from(value)] as const)

      const records = await roundTrip([['with', { headers }], ['without']])

      expect(headerTexts(records[0])).toEqual(texts)
      expect(headerTexts(records[1])).toEqual([])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps bytes that are no text, and timestamps',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      const every = Uint8Array.from({ length: 256 }, (_, index) => index)
      const timestamps = [0, 1, 1_722_222_222_222, 5]
      await log.append([
        { topic, partition: 0, records: timestamps.map((timestamp) => ({ key: every, value: every, timestamp, headers: [['h', every]] })) },
      ])

      const { records } = await readAll(log, topic, 0)

      expect(records.map((record) => record.timestamp)).toEqual(timestamps)
      for (const { key, value, headers } of records) {
        for (const bytes of [key, value, headers[0]?.[1]]) expect(Buffer.from(bytes ?? []).equals(every)).toBe(true)
      }
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps what was written when the writer uses its buffers again',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const producer = await log.openProducer(uniqueName('id'))
      const value = Buffer.from('first')

      await producer.send([{ topic, partition: 0, records: [{ key: value, value, timestamp: 0, headers: [] }] }])
      value.write('other')
      await producer.commit()
      await producer.close()

      const { records } = await readAll(log, topic, 0)
      expect([...values(records), ...keys(records)]).toEqual(['first', 'first'])
    },
    PROMISE_TIMEOUT_MS,
  )
}

/** Each answer goes on where the one before ended. */
function isChained(probe: ReaderProbe): boolean {
  return probe.batches.every((batch, index) => index === 0 || batch.fetchedFrom === probe.batches[index - 1]?.next)
}
