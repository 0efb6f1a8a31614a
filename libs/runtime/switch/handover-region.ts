/**
 * Where a handover has to look: behind the event time up to which both versions have fired everything for sure. Everything is halted, so
 * the ends do not move.
 */
import { partitionId } from '../ports/log.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { HandoverRange, SharedState } from './shared-state.ts'
import type { SharedContext } from './shared-topic.ts'
import type { CommitTail } from './version-records.ts'

/** `earliest`: from this event time on they have to be compared anyway. */
export async function handoverRanges(
  context: SharedContext,
  state: SharedState,
  live: CommitTail,
  next: CommitTail,
  earliest: number,
): Promise<HandoverRange[]> {
  const facts = state.versions.get(next.of.version)?.facts
  const sinks = (facts?.sinks ?? []).filter((sink) => !sink.table)
  if (sinks.length === 0) return []
  const closeMs = Math.max(facts?.closeMs ?? 0, state.versions.get(live.of.version)?.facts.closeMs ?? 0)
  const since = Math.min(firedForSure(live, next) - closeMs - 1, earliest)
  const partitions = sinks.flatMap(({ topic, shadow, partitions: count }) =>
    Array.from({ length: count }, (_, partition) => ({ real: { topic, partition }, shadow: { topic: shadow, partition } })),
  )
  const all: TopicPartition[] = partitions.flatMap(({ real, shadow }) => [real, shadow])
  const { admin } = context.log
  const ranges = await admin.ranges(all)
  // Kafka knows no negative times; from the start is always right.
  const starts = since > 0 && Number.isFinite(since) ? await admin.positionsAt(all, Math.floor(since)) : new Map<string, number>()
  const rangeOf = ({ topic, partition }: TopicPartition): readonly [number, number] => {
    const { logStart, end } = ranges.get(partitionId(topic, partition)) ?? { logStart: 0, end: 0 }
    return [Math.max(logStart, starts.get(partitionId(topic, partition)) ?? logStart), end]
  }
  return partitions.flatMap(({ real, shadow }): HandoverRange[] => {
    const range = {
      topic: real.topic,
      shadow: shadow.topic,
      partition: real.partition,
      real: rangeOf(real),
      inShadow: rangeOf(shadow),
      since: Number.isFinite(since) ? since : undefined,
    }
    return range.real[0] < range.real[1] || range.inShadow[0] < range.inShadow[1] ? [range] : []
  })
}

/**
 * The lowest watermark of both versions' tasks. A task of both that has none in both has fired nothing by event time; one of a single version
 * that has none may have all before it that the other version has fired elsewhere.
 */
function firedForSure(live: CommitTail, next: CommitTail): number {
  let lowest = Infinity
  for (const name of new Set([...live.records.keys(), ...next.records.keys()])) {
    const both = [live.records.get(name), next.records.get(name)].map(watermarkOf)
    const inBoth = live.records.has(name) && next.records.has(name)
    if (inBoth && both.every((watermark) => watermark === -Infinity)) continue
    lowest = Math.min(lowest, ...both)
  }
  return lowest
}

/** Of a halted task: its upstream tasks have all told their watermark with the cut, those that have one. */
export function watermarkOf(record: CommitRecord | undefined): number {
  if (record === undefined) return -Infinity
  let lowest = Infinity
  for (const id of Object.keys(record.positions)) {
    const upstream = Object.keys(record.cutsIn[id] ?? record.markersIn[id] ?? {})
    const own = record.watermarks[id] ?? -Infinity
    lowest = Math.min(lowest, upstream.length === 0 ? own : Math.min(...upstream.map((task) => record.markersIn[id]?.[task] ?? -Infinity)))
  }
  return lowest === Infinity ? -Infinity : lowest
}
