/** Making, filling and reading the topics of the benchmark, through the log port. */
import { partitionId, NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import type { Log, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import type { Plan, Total } from './workload.ts'

/** Records of one partition that are sent together. */
const preloadRecords = 10_000

export const partitionsOf = (topic: string, count: number): { topic: string; partition: number }[] =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }))

export async function makeTopic(log: Log, name: string, partitions: number): Promise<void> {
  await log.admin.createTopics([{ name, partitions, replicationFactor: -1, config: {} }])
}

/** Appends the whole plan. */
export async function preload(log: Log, topic: string, plan: Plan): Promise<void> {
  const { partitions } = plan.workload
  let pending: OutgoingRecord[][] = Array.from({ length: partitions }, () => [])
  let count = 0
  const send = async (): Promise<void> => {
    const batches = pending.map((records, partition) => ({ topic, partition, records })).filter(({ records }) => records.length > 0)
    pending = Array.from({ length: partitions }, () => [])
    count = 0
    await log.append(batches)
  }
  for (const { partition, key, value, timestamp } of plan.records()) {
    pending[partition]?.push({ key, value, timestamp, headers: NO_HEADERS })
    count += 1
    if (count === preloadRecords * partitions) await send()
  }
  await send()
}

/** Sum of the committed positions of a group; partitions without one count as 0. */
export async function committedRecords(log: Log, group: string, topic: string, partitions: number): Promise<number> {
  const positions = await log.admin.committed(group, partitionsOf(topic, partitions))
  return [...positions.values()].reduce((sum, { position }) => sum + position, 0)
}

export interface OutputRead {
  readonly records: number
  /** What is wrong, a few examples; empty: every key has its total. */
  readonly differences: readonly string[]
}

/** Reads the output to its end (read_committed) and compares the last total of every key with the oracle. */
export async function compareOutput(log: Log, topic: string, partitions: number, oracle: ReadonlyMap<string, Total>): Promise<OutputRead> {
  const last = new Map<string, string>()
  const records = await readAll(log, topic, partitions, (key, value) => last.set(key, value))
  const differences: string[] = []
  for (const [key, expected] of oracle) {
    const text = last.get(key)
    // Written by the two contenders; whatever else it is, it is not equal.
    const total = text === undefined ? undefined : (JSON.parse(text) as Partial<Total>)
    if (total?.sum !== expected.sum || total.count !== expected.count)
      differences.push(`${key}: expected ${JSON.stringify(expected)}, found ${text ?? 'nothing'}`)
  }
  for (const key of last.keys()) if (!oracle.has(key)) differences.push(`${key}: never in the input`)
  return { records, differences }
}

async function readAll(log: Log, topic: string, partitions: number, onRecord: (key: string, value: string) => void): Promise<number> {
  const all = partitionsOf(topic, partitions)
  const ranges = await log.admin.ranges(all)
  const open = new Set(all.filter((one) => (ranges.get(partitionId(topic, one.partition))?.end ?? 0) > 0).map((one) => one.partition))
  if (open.size === 0) return 0
  let records = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const reader = log.openReader({
    onBatch: (batch) => {
      for (const { key, value } of batch.records) onRecord(textOf(key), textOf(value))
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

const textOf = (bytes: Uint8Array | null): string =>
  bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
