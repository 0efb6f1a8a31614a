/**
 * Aborted records never reach a reader, on a real broker: several producers whose transactions overlap in one partition end in
 * random order, by commit or by abort, some after many others; then the partition is read from every position, in large answers
 * and in answers of one batch. The truth is what the test itself committed.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from '@jest/globals'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import type { TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { outgoing, ReaderProbe } from '../../support/log-probe.ts'

const { brokers } = await kafkaForTests()
const log = kafkaLog({ brokers })
afterAll(() => log.close())

const STEPS = 80
const PRODUCERS = 4

/** Small and seeded: a failure can be run again. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Written {
  readonly offset: number
  readonly value: string
}

/** Writes a partition full of overlapping transactions; answers what is committed. */
async function writeOverlapping(topic: string, seed: number): Promise<Written[]> {
  const below = random(seed)
  const ids = Array.from({ length: PRODUCERS }, () => randomUUID())
  const producers: TransactionalProducer[] = await Promise.all(ids.map((id) => log.openProducer(id)))
  const open: Written[][] = ids.map(() => [])
  const committed: Written[] = []
  for (let step = 0; step < STEPS; step++) {
    const which = below(PRODUCERS)
    const producer = producers[which]
    const mine = open[which]
    if (!producer || !mine) throw new Error('no such producer')
    const act = below(10)
    if (act < 7) {
      // Some keys look like that of an abort marker.
      const values = Array.from({ length: 1 + below(3) }, (_, index) => `${which}.${step}.${index}`)
      const records = values.map((value) => outgoing(value, { key: below(3) === 0 ? '\0\0\0\0' : 'k' }))
      const first = (await producer.send([{ topic, partition: 0, records }])).get(`${topic}:0`)?.first ?? Number.NaN
      mine.push(...values.map((value, index) => ({ offset: first + index, value })))
    } else if (act < 8) {
      await producer.commit()
      committed.push(...mine.splice(0))
    } else {
      await producer.close()
      producers[which] = await log.openProducer(ids[which] ?? '')
      mine.length = 0
    }
  }
  for (const [which, producer] of producers.entries()) {
    await producer.commit()
    committed.push(...(open[which] ?? []))
    await producer.close()
  }
  return committed.sort((a, b) => a.offset - b.offset)
}

describe('reading what overlapping transactions have left', () => {
  it.each([1, 2, 3])(
    'delivers exactly the committed records, from every position (seed %i)',
    async (seed) => {
      const topic = `aborted-${randomUUID()}`
      await log.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: -1, config: {} }])
      const committed = await writeOverlapping(topic, seed)
      const end = (await log.admin.ranges([{ topic, partition: 0 }])).get(`${topic}:0`)?.end ?? 0
      expect(committed.length).toBeGreaterThan(10)
      expect(end).toBeGreaterThan(committed.length)

      for (const partitionBytesMax of [1, 300, 1_000_000]) {
        for (let position = 0; position <= end; position += partitionBytesMax === 1 ? 7 : 1) {
          const probe = new ReaderProbe(log, topic, 0, position, { partitionBytesMax })
          await probe.untilNext(end)
          await probe.reader.close()
          const read = probe.records.map(({ offset, value }) => ({ offset, value: Buffer.from(value ?? []).toString() }))
          expect({ position, partitionBytesMax, read }).toEqual({
            position,
            partitionBytesMax,
            read: committed.filter(({ offset }) => offset >= position),
          })
          expect(probe.faults).toEqual([])
        }
      }
    },
    120_000,
  )
})
