/** Finds the newest commit record of a task; looked for from the end, since the topic may not have been compacted yet. */
import { COMMIT_KEY, COMMIT_LOST_KEY, decodeCommitRecord, decodeLostTail } from '../task/commit-record.ts'
import type { CommitRecord, LostTail } from '../task/commit-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, TopicPartition } from '../ports/log.ts'
import { partitionId } from '../ports/log.ts'
import { readRange } from './range-reader.ts'
import { rangeOr } from './restore.ts'

export interface NewestCommitRequest {
  readonly log: Log
  readonly clock: Clock
  readonly stallMs: number
  readonly signal: AbortSignal
  /** Of a commit topic. */
  readonly partition: TopicPartition
  /** Behind the last record to look at; default the high watermark of now, which waits for transactions that are open below it. */
  readonly until?: number | undefined
  /** Called for every commit record that was looked at: at least the last 64 that compaction has left. */
  readonly onRecord?: (record: CommitRecord) => void
  /** Gets what was written down of lost records of a changelog, where it is newer than the newest commit record. */
  readonly onLostTail?: (tail: LostTail) => void
}

/** How far before the end it is looked for first. */
const COMMIT_TAIL = 64

export async function newestCommitRecord(request: NewestCommitRequest): Promise<CommitRecord | undefined> {
  const { log, clock, partition } = request
  const range = rangeOr((await log.admin.ranges([partition])).get(partitionId(partition.topic, partition.partition)))
  const until = request.until ?? range.end
  for (let tail = COMMIT_TAIL; ; tail *= 16) {
    const from = Math.max(range.logStart, until - 1 - tail)
    let found: CommitRecord | undefined
    let lost: LostTail | undefined
    await readRange(log, clock, {
      partition,
      from,
      until,
      stallMs: request.stallMs,
      signal: request.signal,
      onRecords: (records) => {
        for (const record of records) {
          if (record.value === null) continue
          if (record.key?.[0] === COMMIT_LOST_KEY[0]) lost = decodeLostTail(record.value) ?? lost
          const decoded = record.key?.[0] === COMMIT_KEY[0] ? decodeCommitRecord(record.value) : undefined
          if (decoded === undefined) continue
          found = decoded
          lost = undefined
          request.onRecord?.(decoded)
        }
      },
    })
    if (found === undefined && from !== range.logStart) continue
    if (lost !== undefined) request.onLostTail?.(lost)
    return found
  }
}
