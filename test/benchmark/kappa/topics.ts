/** Making, filling and reading the topics of the benchmark, through the log port. */
import { partitionId, NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import type { Log, OutgoingRecord, PartitionId, TopicPartition } from '../../../libs/runtime/ports/log.ts'
import { sideTopic, type OutputCheck, type Plan } from './workload.ts'

/** Records of one partition that are sent together. */
const preloadRecords = 10_000

export const partitionsOf = (topic: string, count: number): { topic: string; partition: number }[] =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }))

export async function makeTopic(log: Log, name: string, partitions: number): Promise<void> {
  await log.admin.createTopics([{ name, partitions, replicationFactor: -1, config: {} }])
}

/** Appends the whole plan. */
export async function preload(log: Log, input: string, partitions: number, plan: Plan): Promise<void> {
  const pending = new Map<PartitionId, { readonly topic: string; readonly partition: number; readonly records: OutgoingRecord[] }>()
  let count = 0
  const send = async (): Promise<void> => {
    const batches = [...pending.values()]
    pending.clear()
    count = 0
    await log.append(batches)
  }
  for (const { side, partition, key, value, timestamp } of plan.records()) {
    const topic = side === undefined ? input : sideTopic(input, side)
    const id = partitionId(topic, partition)
    const batch = pending.get(id) ?? { topic, partition, records: [] }
    pending.set(id, batch)
    batch.records.push({ key, value, timestamp, headers: NO_HEADERS })
    count += 1
    if (count === preloadRecords * partitions) await send()
  }
  if (count > 0) await send()
}

export type Ends = readonly (TopicPartition & { readonly end: number })[]

export async function endsOf(log: Log, topics: readonly string[], partitions: number): Promise<Ends> {
  const all = topics.flatMap((topic) => partitionsOf(topic, partitions))
  const ranges = await log.admin.ranges(all)
  return all.map((one) => ({ ...one, end: ranges.get(partitionId(one.topic, one.partition))?.end ?? 0 }))
}

export const recordsIn = (ends: Ends): number => ends.reduce((sum, { end }) => sum + end, 0)

const examplesMax = 3

/** Reads the output to its end, read committed, and throws when it is not exactly what it must be. Answers the number of results. */
export async function checkOutput(log: Log, who: string, topic: string, partitions: number, check: OutputCheck): Promise<number> {
  const records = await readAll(log, topic, partitions, (key, value) => check.take(key, value))
  const differences = check.differences()
  if (differences.length === 0) return records
  const examples = differences.slice(0, examplesMax).map((line) => `\n  ${line}`)
  throw new Error(`${who} computes wrong: ${differences.length} differences in ${records} results${examples.join('')}`)
}

async function readAll(log: Log, topic: string, partitions: number, onRecord: (key: string, value: Buffer) => void): Promise<number> {
  const all = partitionsOf(topic, partitions)
  const ranges = await log.admin.ranges(all)
  const open = new Set(all.filter((one) => (ranges.get(partitionId(topic, one.partition))?.end ?? 0) > 0).map((one) => one.partition))
  if (open.size === 0) return 0
  let records = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const reader = log.openReader({
    onBatch: (batch) => {
      for (const { key, value } of batch.records) onRecord(bufferOf(key).toString(), bufferOf(value))
      records += batch.records.length
      if (batch.next >= (ranges.get(partitionId(topic, batch.partition))?.end ?? 0)) open.delete(batch.partition)
      if (open.size === 0) resolve()
    },
    onOutOfRange: (_, position) => reject(new Error(`${topic} cannot be read from ${position}`)),
    onFault: (_, fault) => reject(fault),
  })
  for (const partition of open) reader.assign({ topic, partition }, 0)
  try {
    await promise
  } finally {
    await reader.close()
  }
  return records
}

export const bufferOf = (bytes: Uint8Array | null): Buffer =>
  bytes === null ? Buffer.alloc(0) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
