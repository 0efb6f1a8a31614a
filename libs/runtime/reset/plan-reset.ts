/**
 * What a wanted reset means for each input partition, and whether it may be done (engine.md 6.1). Pure but for `targetsOf`, which asks the log
 * for positions.
 */
import { Fault } from '../../faults/fault.ts'
import { stopFault } from '../acquire/compare-positions.ts'
import { partitionId } from '../ports/log.ts'
import type { LogAdmin } from '../ports/log.ts'
import type { ApplicationPartition, ApplicationView } from './application-view.ts'
import { hasDataToReplay, isMoved } from './moves.ts'

export type ResetTarget =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** Epoch ms: the first record at or after it, by the timestamps of the log. */
  | { readonly kind: 'datetime'; readonly at: number }
  /** 'topic:partition' → position; other partitions are not moved. */
  | { readonly kind: 'offsets'; readonly positions: ReadonlyMap<string, number> }

export interface ResetConsent {
  /** A target below the log start becomes the log start. */
  readonly acceptGap: boolean
  /** No partition goes back: state is thrown away, and nothing is processed again. */
  readonly acceptSkip: boolean
}

export interface PlannedPartition {
  readonly id: string
  readonly task: string
  /** Where the state stands; null: the task has never run. */
  readonly from: number | null
  readonly to: number
  /** Offsets that are processed again; an upper bound of the records. */
  readonly again: number
  /** Offsets that no epoch will process: jumped over, or no longer in the log. */
  readonly leftOut: number
}

export interface ResetPlan {
  readonly epoch: number
  readonly partitions: readonly PlannedPartition[]
}

export async function targetsOf(
  admin: LogAdmin,
  { partitions }: Pick<ApplicationView, 'partitions'>,
  target: ResetTarget,
): Promise<ReadonlyMap<string, number>> {
  if (target.kind === 'offsets') return target.positions
  if (target.kind === 'earliest') return new Map(partitions.map(({ id, logStart }) => [id, logStart]))
  if (target.kind === 'latest') return new Map(partitions.map(({ id, logEnd }) => [id, logEnd]))
  const found = await admin.positionsAt(partitions, target.at)
  return new Map(partitions.map((one) => [one.id, found.get(partitionId(one.topic, one.partition)) ?? one.logEnd]))
}

/** Faults MR2053 and MR5022, MR5025, MR5026, MR5027: it must not be done; nothing was changed. */
export function planReset(group: string, view: ApplicationView, targets: ReadonlyMap<string, number>, consent: ResetConsent): ResetPlan {
  const { partitions } = view
  checkKnown(group, partitions, targets)
  const wanted = partitions.flatMap((one) => {
    const target = targets.get(one.id)
    return target === undefined ? [] : [{ one, target }]
  })
  const recreated = wanted.filter(({ one, target }) => one.identity === 'different' || target > one.logEnd)
  if (recreated.length > 0) throw beyondEnd(group, recreated)
  const below = wanted.filter(({ one, target }) => target < one.logStart)
  if (below.length > 0 && !consent.acceptGap) throw belowStart(group, below)
  const planned = wanted.map(({ one, target }) => plannedOf(one, target))
  const all = [...planned, ...completed(group, view, targets)]
  if (!consent.acceptSkip && all.every(({ from, to }) => from === null || to >= from)) throw nothingAgain(group, planned)
  return { epoch: view.epoch + 1, partitions: all.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
}

function plannedOf(one: ApplicationPartition, target: number): PlannedPartition {
  const to = Math.max(target, one.logStart)
  const from = one.stands ?? null
  return {
    id: one.id,
    task: one.task,
    from,
    to,
    again: Math.max(0, (from ?? to) - to),
    leftOut: to - target + Math.max(0, to - (from ?? to)),
  }
}

/** Partitions that were not asked for but must come along: state is made from all inputs of a task, and of all stages. */
function completed(group: string, view: ApplicationView, targets: ReadonlyMap<string, number>): PlannedPartition[] {
  const { partitions, manyStages, control } = view
  const asked = new Set(partitions.filter(({ id }) => targets.has(id)).map(({ task }) => task))
  const others = partitions.filter(({ id }) => !targets.has(id))
  const along = others.filter(({ task }) => manyStages || asked.has(task))
  const left = along.filter(hasDataToReplay)
  if (left.length > 0) throw stopFault(group, { reason: 'partial', ids: [...targets.keys()], left: left.map(({ id }) => id) })
  // An announcement that a task has not followed yet would be forgotten by the next one.
  const announced = others.filter(
    (one) =>
      !along.some(({ id }) => id === one.id) &&
      !isMoved(one) &&
      control.announced?.positions[one.id] !== undefined &&
      isBehind(view, one.task),
  )
  return [...along, ...announced].flatMap((one) => (one.stands === undefined ? [] : [plannedOf(one, one.stands)]))
}

const isBehind = ({ control, commitRecords }: ApplicationView, task: string): boolean =>
  (commitRecords.get(task)?.epoch ?? 0) < (control.announced?.epoch ?? 0)

function checkKnown(group: string, partitions: readonly ApplicationPartition[], targets: ReadonlyMap<string, number>): void {
  const unknown = [...targets.keys()].filter((id) => !partitions.some((one) => one.id === id))
  if (unknown.length === 0) return
  throw new Fault(
    'MR2053',
    'stop',
    `${group} does not read ${unknown.join(', ')}; its inputs are ${partitions.map(({ id }) => id).join(', ')}. Nothing was changed`,
  )
}

type Wanted = readonly { readonly one: ApplicationPartition; readonly target: number }[]
const listed = (wanted: Wanted): string =>
  wanted.map(({ one, target }) => `${one.id} to ${target} (the log holds ${one.logStart} to ${one.logEnd})`).join(', ')

const belowStart = (group: string, below: Wanted): Fault =>
  new Fault(
    'MR5026',
    'stop',
    `${group}: ${listed(below)}: the records before the log start are gone, so the state would lack them. Nothing was changed. --accept-gap starts at the log start`,
  )

const beyondEnd = (group: string, beyond: Wanted): Fault =>
  new Fault(
    'MR5027',
    'stop',
    `${group}: ${listed(beyond)}: the target is beyond the end of the log, or the topic is not the one that was read before. Nothing was changed`,
  )

const nothingAgain = (group: string, planned: readonly PlannedPartition[]): Fault =>
  new Fault(
    'MR5025',
    'stop',
    `${group}: no partition goes back (${planned.map(({ id, from, to }) => `${id} from ${from ?? 'nowhere'} to ${to}`).join(', ')}): the state would be thrown away, and nothing be processed again. Nothing was changed. If you mean it: --accept-skip`,
  )
