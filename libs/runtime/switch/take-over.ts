/** What a task of the version that becomes live publishes and suppresses; read from the topics, whose ranges stand in the control topic. */
import { ORIGIN } from '../../dataflow/operators/origin.ts'
import { readRange } from '../acquire/range-reader.ts'
import type { Clock } from '../ports/clock.ts'
import type { Header, Log, LogRecord, OutgoingRecord, PartitionRecords, TopicPartition } from '../ports/log.ts'
import { rangeOr } from '../acquire/restore.ts'
import { partitionId } from '../ports/log.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { watermarkOf } from './handover-region.ts'
import type { TaskWiring } from '../worker/wiring.ts'
import { HANDED_OVER_HEADER, TASK_HEADER, givenResult, handoverOf, taskOf } from './handover.ts'
import type { GivenResult } from './handover.ts'
import type { HandoverRange, SharedState } from './shared-state.ts'
import { readDifference } from './table-differences.ts'
import { OwedResults } from './undrained.ts'

export interface TakeOverContext {
  readonly log: Log
  readonly clock: Clock
  readonly task: TaskWiring
  /** `<app>.v<n>` of the version that becomes live. */
  readonly application: string
  readonly shared: SharedState
  readonly stallMs: number
  readonly signal: AbortSignal
}

export interface TakeOver {
  /** The switch that suppressed results are of; undefined: nothing is suppressed (any more). */
  readonly handover: number | undefined
  readonly publish: readonly PartitionRecords[]
  readonly suppress: ReadonlyMap<string, number>
}

const NOTHING: TakeOver = { handover: undefined, publish: [], suppress: new Map() }

/** `flippedBy`: the task becomes live by this switch now; else what is left of the one before. */
export async function takeOver(context: TakeOverContext, record: CommitRecord, flippedBy: number | undefined): Promise<TakeOver> {
  const { task, application, shared } = context
  const s = flippedBy ?? (record.role === 'live' ? record.handover : undefined)
  if (s === undefined) return NOTHING
  const differences = flippedBy === undefined ? [] : await ownDifferences(context, flippedBy, record.epoch)
  const topics = new Set(task.outputs.flatMap((output) => (output.repartition ? [] : [output.topic])))
  const ranges = (shared.ended.get(s)?.handover ?? []).filter((range) => topics.has(range.topic))
  if (ranges.length === 0) return { ...NOTHING, publish: merged(differences) }
  const owed = await OwedResults.read(context, flippedBy === undefined ? [] : (shared.ended.get(s)?.undrained ?? []))
  const real: GivenResult[] = []
  const shadow: GivenResult[] = []
  const unpaid: GivenResult[] = []
  for (const range of ranges) {
    real.push(...(await readGiven(context, range, { topic: range.topic, partition: range.partition }, range.real)))
    const shadowed = { topic: range.shadow, partition: range.partition }
    shadow.push(...(await readGiven(context, range, shadowed, range.inShadow, (record) => owedResult(range, record, owed, unpaid))))
  }
  const { publish, suppress } = handoverOf(application.replace(/\.v\d+$/, ''), application, real, shadow)
  // What it cannot fire any more need not be suppressed.
  const fireable = watermarkOf(record) - task.subTopology.closeMs
  const times = new Map(real.map((one) => [one.what, one.record.timestamp]))
  const left = new Map([...suppress].filter(([what]) => (times.get(what) ?? Infinity) >= fireable))
  const handedOver = [...publish, ...unpaid]
    .filter((one) => taskOf(one.record) === task.name)
    // As they stand in the shadow topic.
    .toSorted((a, b) => a.record.offset - b.record.offset)
    .map((one) => published(one, s))
  return {
    handover: left.size > 0 ? s : undefined,
    publish: flippedBy === undefined ? [] : merged([...differences, ...handedOver]),
    suppress: left,
  }
}

const published = ({ topic, partition, record }: GivenResult, s: number): PartitionRecords => ({
  topic,
  partition,
  records: [
    {
      ...record,
      headers: [
        ...record.headers.filter(([name]) => name !== TASK_HEADER && name !== ORIGIN),
        [HANDED_OVER_HEADER, Buffer.from(String(s))],
      ],
    },
  ],
})

/** What a position of the input has caused: published where a stage of the old version owes it. */
function owedResult({ topic, partition }: HandoverRange, record: LogRecord, owed: OwedResults, unpaid: GivenResult[]): void {
  const path = record.headers.findLast(([name]) => name === ORIGIN)?.[1]
  if (path !== undefined && owed.has(path)) unpaid.push({ what: '', topic, partition, record })
}

async function readGiven(
  context: TakeOverContext,
  range: HandoverRange,
  partition: TopicPartition,
  [from, until]: readonly [number, number],
  onCaused: (record: LogRecord) => void = () => undefined,
): Promise<GivenResult[]> {
  const found: GivenResult[] = []
  // Retention may have passed the range since.
  const { logStart } = rangeOr((await context.log.admin.ranges([partition])).get(partitionId(partition.topic, partition.partition)))
  await readRange(context.log, context.clock, {
    partition,
    from: Math.max(from, logStart),
    until,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => {
      for (const record of records) {
        if (record.timestamp < (range.since ?? -Infinity)) continue
        const given = givenResult(range.topic, range.partition, record)
        if (given === undefined) onCaused(record)
        else found.push(given)
      }
    },
  })
  return found
}

/**
 * Rows of its tables in which the real topic differs: those that it holds itself, and tombstones by partition. It does not run yet, so
 * that what it publishes is the current value (hole S12).
 */
async function ownDifferences(context: TakeOverContext, s: number, epoch: number): Promise<PartitionRecords[]> {
  const { task, application, shared, log, clock, stallMs, signal } = context
  const range = shared.ended.get(s)?.differences
  if (range === undefined) return []
  const topics = new Set(task.outputs.flatMap((output) => (output.repartition ? [] : [output.topic])))
  const headers: readonly Header[] = [
    ['millrace', Buffer.from(`${application}/${epoch}`)],
    [HANDED_OVER_HEADER, Buffer.from(String(s))],
  ]
  const own: PartitionRecords[] = []
  await readRange(log, clock, {
    partition: { topic: `${application}.differences`, partition: 0 },
    from: range.from,
    until: range.until,
    stallMs,
    signal,
    onRecords: (records) => {
      for (const record of records) {
        const one = readDifference(record, s)
        if (one === undefined || !topics.has(one.topic)) continue
        const mine = one.task === undefined ? one.partition % task.siblings === task.partition : one.task === task.name
        const { topic, partition, key, value, timestamp } = one
        if (mine) own.push({ topic, partition, records: [{ key, value, timestamp, headers }] })
      }
    },
  })
  return own
}

/** One batch for each partition: the log takes them so. */
function merged(batches: readonly PartitionRecords[]): PartitionRecords[] {
  const all = new Map<string, OutgoingRecord[]>()
  const places = new Map<string, TopicPartition>()
  for (const { topic, partition, records } of batches) {
    const id = partitionId(topic, partition)
    places.set(id, { topic, partition })
    const list = all.get(id) ?? []
    all.set(id, list)
    list.push(...records)
  }
  return [...places].map(([id, place]) => ({ ...place, records: all.get(id) ?? [] }))
}
