/** Large and small: batches are split where they must be, read back whatever the limits of the reader, and refused records are named. */
import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from '@jest/globals'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import type { OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { faultOf, outgoing, readAll, ReaderProbe, values } from '../../support/log-probe.ts'

const WITHIN_MS = 60_000
const { brokers } = await kafkaForTests()
const log = kafkaLog({ brokers })
afterAll(() => log.close())

async function newTopic(partitions: number, config: Readonly<Record<string, string>> = {}): Promise<string> {
  const name = `sizes-${randomUUID()}`
  await log.admin.createTopics([{ name, partitions, replicationFactor: -1, config }])
  return name
}

const sized = (bytes: number, name: string): OutgoingRecord => ({ ...outgoing(null, { key: name }), value: randomBytes(bytes) })

describe('sizes', () => {
  it(
    'a send of many megabytes to several partitions arrives whole and in order, a record near the limit alone in its batch',
    async () => {
      const topic = await newTopic(2)
      const producer = await log.openProducer(randomUUID())
      const records = [0, 1].map((partition) =>
        Array.from({ length: 60 }, (_, index) => sized(index % 20 === 7 ? 1_000_000 : 90_000, `${partition}.${index}`)),
      )

      const offsets = await producer.send(records.map((ofPartition, partition) => ({ topic, partition, records: ofPartition })))
      await producer.commit()
      await producer.close()

      for (const partition of [0, 1]) {
        expect(offsets.get(`${topic}:${partition}`)).toEqual({ first: 0, last: 59 })
        const read = (await readAll(log, topic, partition)).records
        expect(read.map(({ key, value }) => [Buffer.from(key ?? []).toString(), value?.length])).toEqual(
          records[partition]?.map(({ key, value }) => [Buffer.from(key ?? []).toString(), value?.length]),
        )
        expect(
          read.every(({ value }, index) => Buffer.from(value ?? []).equals(Buffer.from(records[partition]?.[index]?.value ?? []))),
        ).toBe(true)
      }
    },
    WITHIN_MS,
  )

  it(
    'batches larger than the limit of the reader are read, from all partitions of a broker',
    async () => {
      const topic = await newTopic(4)
      const partitions = [0, 1, 2, 3]
      for (let round = 0; round < 3; round++)
        await log.append(
          partitions.map((partition) => ({ topic, partition, records: Array.from({ length: 8 }, () => sized(100_000, 'k')) })),
        )

      const probes = partitions.map((partition) => new ReaderProbe(log, topic, partition, 0, { partitionBytesMax: 1_000 }))
      const [first] = probes
      for (const partition of [1, 2, 3]) first?.reader.assign({ topic, partition }, 0)
      const readOf = (probe: ReaderProbe | undefined, partition: number): number =>
        probe?.batches.filter((batch) => batch.partition === partition).flatMap((batch) => [...batch.records]).length ?? 0

      // The first reader has four partitions: each gets its turn.
      for (const partition of partitions) await eventually(() => expect(readOf(first, partition)).toBe(24))
      for (const [partition, probe] of probes.entries()) await eventually(() => expect(readOf(probe, partition)).toBe(24))
      for (const probe of probes) await probe.reader.close()
    },
    WITHIN_MS,
  )

  it(
    'a topic that takes only small batches gets small ones, also in the middle of a transaction',
    async () => {
      const topic = await newTopic(1, { 'max.message.bytes': '20000' })
      const producer = await log.openProducer(randomUUID())
      const texts = Array.from({ length: 300 }, (_, index) => `${index}`)
      const records = texts.map((text) => outgoing(text.padStart(1_000, '0')))

      for (const _ of [1, 2]) await producer.send([{ topic, partition: 0, records }])
      await producer.commit()
      await producer.close()

      const read = values((await readAll(log, topic, 0)).records).map((value) => String(Number(value)))
      expect(read).toEqual([...texts, ...texts])
    },
    WITHIN_MS,
  )

  it(
    'a record that its topic refuses is named by its index, wherever it stands in the send',
    async () => {
      const compacted = await newTopic(1, { 'cleanup.policy': 'compact' })
      const small = await newTopic(1, { 'max.message.bytes': '20000' })
      const withKeys = Array.from({ length: 50 }, (_, index) => outgoing('v', { key: `${index}` }))
      const keyless = [...withKeys.slice(0, 31), outgoing('keyless'), ...withKeys.slice(31)]
      const large = [...Array.from({ length: 77 }, () => outgoing('x'.repeat(1_000))), sized(30_000, 'k'), outgoing('y')]

      const refuse = async (topic: string, records: readonly OutgoingRecord[]): Promise<unknown> => {
        const producer = await log.openProducer(randomUUID())
        const fault = await faultOf(producer.send([{ topic, partition: 0, records }]))
        await producer.close()
        return { code: fault.code, action: fault.action, place: fault.place }
      }

      expect(await refuse(compacted, keyless)).toEqual({
        code: 'MR3004',
        action: 'refuse-record',
        place: { topic: compacted, partition: 0, offset: 31 },
      })
      expect(await refuse(small, large)).toEqual({
        code: 'MR3003',
        action: 'refuse-record',
        place: { topic: small, partition: 0, offset: 77 },
      })
      const giant = { ...outgoing('v'), value: Buffer.alloc(65 * 1024 * 1024) }
      expect(await refuse(small, [outgoing('v'), giant])).toMatchObject({ code: 'MR3003', place: { offset: 1 } })
      expect(await refuse(small, [{ ...outgoing('v'), timestamp: 1.5 }])).toMatchObject({ code: 'MR3004', place: { offset: 0 } })
    },
    WITHIN_MS,
  )

  it(
    'a 1 MB key and 5,000 headers come back as they were sent',
    async () => {
      const topic = await newTopic(1)
      const key = randomBytes(1_000_000)
      const headers = Array.from({ length: 5_000 }, (_, index) => [`name-${index % 10}`, Buffer.from(String(index))] as const)
      await log.append([{ topic, partition: 0, records: [{ ...outgoing('large key'), key }, outgoing('headers', { headers })] }])

      const [first, second] = (await readAll(log, topic, 0)).records

      expect(Buffer.from(first?.key ?? []).equals(key)).toBe(true)
      expect(second?.headers).toHaveLength(5_000)
      expect(
        second?.headers.every(([name, value], index) => name === `name-${index % 10}` && Buffer.from(value).toString() === String(index)),
      ).toBe(true)
    },
    WITHIN_MS,
  )
})
