/**
 * What the log costs, without the engine: `node test/benchmark/log-throughput.ts` against KAFKA_BROKERS (default localhost:9092).
 * JSON records of about 100 bytes. Prints one line a measurement; `--json` prints one object.
 */
import { randomUUID } from 'node:crypto'
import { encodeBatch } from '../../libs/kafka/codec/batch-encoder.ts'
import { PackedOutgoing } from '../../libs/runtime/ports/packed-outgoing.ts'
import { decodeRecordSet } from '../../libs/kafka/codec/record-set.ts'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import type { Log, OutgoingRecord, PartitionRecords } from '../../libs/runtime/ports/log.ts'
import { NO_HEADERS } from '../../libs/runtime/ports/log.ts'

const PARTITIONS = 4
const RECORDS = 500_000
const CODEC_MS = 1_000
const COMMITS = 300
const RECORDS_PER_COMMIT = 100
const RECORDS_PER_LARGE_COMMIT = 10_000

const results: Record<string, number> = {}

function tell(name: string, value: number): void {
  results[name] = Math.round(value * 100) / 100
  if (!process.argv.includes('--json')) console.log(`${name.padEnd(44)} ${results[name].toLocaleString('en')}`)
}

function records(count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`key-${index % 10_000}`),
    value: Buffer.from(JSON.stringify({ id: index, city: 'Berlin', cell: '891f1d48b6bffff', fare: 12.5, time: 1_700_000_000_000 + index })),
    timestamp: 1_700_000_000_000 + index,
    headers: NO_HEADERS,
  }))
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

function codec(): void {
  const all = PackedOutgoing.of(records(5_000))
  const options = { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true, bytesMax: 900_000 }
  const { bytes } = encodeBatch(all, 0, options)
  const rate = (work: () => number): number => {
    const begin = performance.now()
    let done = 0
    while (performance.now() - begin < CODEC_MS) done += work()
    return (done / (performance.now() - begin)) * 1_000
  }
  const encode = (): number => encodeBatch(all, 0, options).count
  const decode = (): number => decodeRecordSet(bytes, 0, [], { topic: 'none', partition: 0 }).length
  rate(encode)
  rate(decode)
  tell('bytes per record on the wire', bytes.length / all.length)
  tell('encode, records/s on one core', rate(encode))
  tell('decode, records/s on one core', rate(decode))
}

async function write(log: Log, topic: string): Promise<void> {
  const all = records(RECORDS_PER_LARGE_COMMIT)
  const share = all.length / PARTITIONS
  const batches: PartitionRecords[] = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic,
    partition,
    records: all.slice(partition * share, (partition + 1) * share),
  }))
  const producer = await log.openProducer(`bench-${randomUUID()}`)
  const begin = performance.now()
  for (let sent = 0; sent < RECORDS; sent += all.length) {
    await producer.send(batches)
    await producer.commit()
  }
  tell('write in transactions of 10,000, records/s', (RECORDS / (performance.now() - begin)) * 1_000)
  await producer.close()
}

async function read(log: Log, topic: string): Promise<void> {
  const ends = await log.admin.ranges(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })))
  let left = PARTITIONS
  let count = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const begin = performance.now()
  const reader = log.openReader({
    onBatch(batch) {
      count += batch.records.length
      if (batch.next === ends.get(`${topic}:${batch.partition}`)?.end && --left === 0) resolve()
    },
    onOutOfRange: () => reject(new Error('out of range')),
    onFault: (_, fault) => reject(fault),
  })
  for (let partition = 0; partition < PARTITIONS; partition++) reader.assign({ topic, partition }, 0)
  await promise
  tell('read, records/s', (count / (performance.now() - begin)) * 1_000)
  await reader.close()
}

/** As a task does it: some records, positions of a group, the end of the transaction. `pauseMs` between the transactions. */
async function commits(log: Log, topic: string, pauseMs: number): Promise<void> {
  const all = records(RECORDS_PER_COMMIT)
  const groupId = `bench-${randomUUID()}`
  const producer = await log.openProducer(groupId)
  const times: number[] = []
  for (let round = 0; round < COMMITS; round++) {
    const begin = performance.now()
    await producer.send([{ topic, partition: round % PARTITIONS, records: all }])
    await producer.sendPositions({ groupId, memberId: '', generation: -1 }, [
      { topic, partition: 0, position: round, metadata: 'mr1;x;1;1' },
    ])
    await producer.commit()
    times.push(performance.now() - begin)
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  await producer.close()
  times.sort((a, b) => a - b)
  const name = pauseMs > 0 ? `a transaction of 100, every ${pauseMs} ms` : 'a transaction of 100, one after the other'
  tell(`${name}, p50 ms`, percentile(times, 0.5))
  tell(`${name}, p99 ms`, percentile(times, 0.99))
}

codec()
const log = kafkaLog({ brokers: (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',') })
const topic = `bench-${randomUUID()}`
await log.admin.createTopics([{ name: topic, partitions: PARTITIONS, replicationFactor: -1, config: {} }])
await write(log, topic)
await read(log, topic)
await commits(log, topic, 0)
await commits(log, topic, 20)
await log.admin.deleteTopics([topic])
await log.close()
if (process.argv.includes('--json')) console.log(JSON.stringify(results))
