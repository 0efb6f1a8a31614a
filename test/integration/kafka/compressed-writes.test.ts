/** What Millrace writes compressed is read by Kafka's own Java client, and by ours, on a real broker; it takes less room there. */
import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from '@jest/globals'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { outgoing, ReaderProbe, values } from '../../support/log-probe.ts'
import { IndependentReader } from '../../support/proof/independent-reader.ts'

const { brokers } = await kafkaForTests()
const java = await IndependentReader.open(brokers)
afterAll(() => java.close())

const RECORDS = 5_000
const texts = [
  ...Array.from({ length: RECORDS }, (_, index) => `{"customer":"customer-${index % 997}","amount":${index * 7},"currency":"EUR"}`),
  'long '.repeat(40_000),
  randomBytes(60_000).toString('latin1'),
]

describe.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('records that are written compressed by %s', (compression) => {
  it('are taken by the broker and read by everybody', async () => {
    const log = kafkaLog({ brokers, compression })
    const plain = kafkaLog({ brokers })
    try {
      const [topic, uncompressed] = [`packed-${compression}-${randomUUID()}`, `plain-${randomUUID()}`]
      for (const name of [topic, uncompressed]) await log.admin.createTopics([{ name, partitions: 1, replicationFactor: -1, config: {} }])
      const records = texts.map((text) => outgoing(text))
      const producer = await log.openProducer(randomUUID())
      await producer.send([{ topic, partition: 0, records }])
      await producer.commit()
      await producer.close()
      await plain.append([{ topic: uncompressed, partition: 0, records }])

      const seen = await java.records(topic)
      expect(seen.map(({ value }) => Buffer.from(value ?? '', 'base64').toString())).toEqual(texts)

      const probes = [new ReaderProbe(log, topic, 0, 0), new ReaderProbe(plain, uncompressed, 0, 0)]
      for (const probe of probes) await probe.untilEnd(log)
      // What was read compressed is held twice: as it came, and unpacked.
      const [packed = 0, whole = 0] = probes.map(({ batches }) => batches.reduce((sum, { bytes }) => sum + bytes, 0))
      for (const probe of probes) {
        await probe.reader.close()
        expect(values(probe.records).map((text) => Buffer.from(text ?? '', 'latin1').toString())).toEqual(texts)
      }
      expect(packed).toBeGreaterThan(whole)
      expect(packed).toBeLessThan(1.6 * whole)
    } finally {
      await log.close()
      await plain.close()
    }
  }, 60_000)
})
