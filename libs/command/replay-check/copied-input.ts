/** The input of a check: the oldest retained records of each input partition, copied into memory once, so that each run reads the same. */
import { Fault } from '../../faults/fault.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import type { LogRecord, TopicPartition } from '../../runtime/ports/log.ts'
import { readRange } from '../../runtime/acquire/range-reader.ts'
import type { SharedContext } from '../../runtime/switch/shared-topic.ts'

export interface CopiedPartition extends TopicPartition {
  /** With the offsets of the cluster. */
  readonly records: readonly LogRecord[]
  /** Offsets that were left out, behind them. */
  readonly left: number
}

export interface CopiedInput {
  readonly partitions: readonly CopiedPartition[]
  /** Of each input and output topic. */
  readonly counts: ReadonlyMap<string, number>
}

/** About `recordsMax` in all, as many of each partition. Fault MR2120: a topic is not there. */
export async function copyInput(
  shared: SharedContext,
  topics: { readonly inputs: readonly string[]; readonly sinks: readonly string[] },
  recordsMax: number,
): Promise<CopiedInput> {
  const described = await shared.log.admin.describeTopics([...topics.inputs, ...topics.sinks])
  const absent = topics.inputs.find((topic) => !described.has(topic))
  if (absent !== undefined) {
    throw new Fault('MR2120', 'stop', `the input topic ${absent} is not there: there is nothing to check; nothing was changed`, {
      place: { topic: absent },
    })
  }
  const counts = new Map([...described.values()].map(({ name, partitions }) => [name, partitions]))
  // An output that nobody has made yet.
  for (const sink of topics.sinks) if (!counts.has(sink)) counts.set(sink, 1)
  const wanted = topics.inputs.flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
  const share = Math.max(1, Math.floor(recordsMax / Math.max(1, wanted.length)))
  const ranges = await shared.log.admin.ranges(wanted)
  const partitions: CopiedPartition[] = []
  for (const partition of wanted) {
    const range = ranges.get(partitionId(partition.topic, partition.partition))
    const [start, end] = [range?.logStart ?? 0, range?.lastStable ?? 0]
    const until = Math.min(end, start + share)
    partitions.push({ ...partition, records: await recordsOf(shared, partition, start, until), left: end - until })
  }
  return { partitions, counts }
}

async function recordsOf(shared: SharedContext, partition: TopicPartition, from: number, until: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  const { log, clock, stallMs, signal } = shared
  await readRange(log, clock, { partition, from, until, stallMs, signal, onRecords: (some) => void records.push(...some) })
  return records
}
