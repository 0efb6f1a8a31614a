/** Reads a whole topic by our own client: the input for the recomputation, in offset order for each partition. */
import { systemClock } from '../../libs/runtime/ports/clock.ts'
import { partitionId } from '../../libs/runtime/ports/log.ts'
import type { Log, LogRecord } from '../../libs/runtime/ports/log.ts'
import { readRange } from '../../libs/runtime/acquire/range-reader.ts'

const STALL_MS = 30_000

export interface TopicRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly raw: LogRecord
}

const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))

export async function readTopic(log: Log, topic: string, partitions: number): Promise<TopicRecord[]> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ranges = await log.admin.ranges(all)
  const found: TopicRecord[] = []
  for (const partition of all) {
    const range = ranges.get(partitionId(topic, partition.partition))
    if (range === undefined) continue
    await readRange(log, systemClock, {
      partition,
      from: range.logStart,
      until: range.lastStable,
      stallMs: STALL_MS,
      signal: new AbortController().signal,
      onRecords: (records) => {
        for (const raw of records)
          found.push({ topic, partition: partition.partition, key: textOf(raw.key), value: textOf(raw.value), raw })
      },
    })
  }
  return found
}
