/**
 * Restore (engine.md 3, steps 2 and 3): brings the local store to the own fence records, reading only what it lacks.
 * Deciding part: `storeVerdict`. A crash at any moment leaves a store that says how far each changelog was applied.
 */
import { readChangelogRecord } from '../state/changelog.ts'
import type { LocalMark, TaskState } from '../state/task-state.ts'
import { Fault } from '../faults/fault.ts'
import type { CommitRecord } from './commit-record.ts'
import type { Clock } from './ports/clock.ts'
import type { Log, PartitionRange } from './ports/log.ts'
import { readRange } from './range-reader.ts'

export interface ChangelogFacts {
  readonly step: string
  readonly topic: string
  readonly logStart: number
  /** Offset of the own fence record: the end, nothing else. */
  readonly fence: number
  readonly deleteRetentionMs: number
}

/** Why a local store cannot be continued; undefined: it can. */
export function storeVerdict(
  mark: LocalMark | undefined,
  stateId: string,
  changelogs: readonly ChangelogFacts[],
  now: number,
): string | undefined {
  if (mark === undefined) return undefined
  if (mark.stateId !== stateId) return 'it belongs to another life of the application (its state id differs)'
  for (const { step, logStart, fence, deleteRetentionMs } of changelogs) {
    const position = mark.changelogs[step]
    if (position === undefined) continue
    if (position < logStart) return `its position ${position} of the changelog of ${step} is below the log start ${logStart}`
    if (position > fence)
      return `its position ${position} of the changelog of ${step} is above the end ${fence}: the changelog was re-created or truncated`
    if (now - mark.completeAt > deleteRetentionMs / 2) {
      return `it was last known complete ${Math.round((now - mark.completeAt) / 3_600_000)} hours ago, more than half of delete.retention.ms of the changelog of ${step}: tombstones may be gone and deleted keys would return`
    }
  }
  return undefined
}

export interface RestoreProgress {
  readonly step: string
  /** Where this restore began. */
  readonly from: number
  readonly position: number
  readonly end: number
  readonly bytesRead: number
  readonly startedAt: number
}

export interface RestoreContext {
  readonly log: Log
  readonly clock: Clock
  readonly task: string
  readonly partition: number
  readonly stateId: string
  readonly stallMs: number
  readonly signal: AbortSignal
  onProgress(progress: RestoreProgress): void
  onNote(level: 'info', message: string, facts: Readonly<Record<string, unknown>>): void
}

/** Answers the next changelog offset to apply of each step. The store's mark stays incomplete: the caller completes it. */
export async function restoreStores(
  context: RestoreContext,
  state: TaskState,
  changelogs: readonly ChangelogFacts[],
  commitRecord: CommitRecord | undefined,
): Promise<Record<string, number>> {
  const begun = context.clock.now()
  const positions: Record<string, number> = {}
  const epochs: Record<string, number> = { ...state.mark?.changelogEpochs }
  for (const changelog of changelogs) {
    const from = state.mark?.changelogs[changelog.step] ?? changelog.logStart
    const firstNeeded = commitRecord?.firstNeeded[changelog.step]
    if (state.mark?.changelogs[changelog.step] === undefined && firstNeeded !== undefined && changelog.logStart > firstNeeded)
      throw lostData(context, changelog, firstNeeded)
    positions[changelog.step] = from
  }
  const progressMark = (): LocalMark => ({
    stateId: context.stateId,
    epoch: state.mark?.epoch ?? 0,
    n: state.mark?.n ?? 0,
    complete: false,
    completeAt: state.mark?.completeAt ?? begun,
    positions: state.mark?.positions ?? {},
    changelogs: { ...positions },
    changelogEpochs: { ...epochs },
  })
  for (const changelog of changelogs) {
    const { step } = changelog
    let bytesRead = 0
    const from = positions[step] ?? 0
    const report = (): void =>
      context.onProgress({ step, from, position: positions[step] ?? 0, end: changelog.fence + 1, bytesRead, startedAt: begun })
    report()
    await readRange(context.log, context.clock, {
      partition: { topic: changelog.topic, partition: context.partition },
      from,
      until: changelog.fence + 1,
      stallMs: context.stallMs,
      signal: context.signal,
      onRecords: async (records, next, bytes) => {
        const changes = records.map(readChangelogRecord)
        for (const change of changes) epochs[step] = Math.max(epochs[step] ?? 0, change.epoch)
        positions[step] = next
        bytesRead += bytes
        if (changes.some((change) => change.kind !== 'fence')) await state.restore(step, changes, progressMark())
        report()
      },
    })
    context.onNote(
      'info',
      `${context.task}: restored ${step} from changelog position ${from} to ${changelog.fence + 1}, ${bytesRead} bytes read`,
      {
        task: context.task,
        step,
        from,
        to: changelog.fence + 1,
        bytesRead,
      },
    )
    // A rebuild that took longer than tombstones are kept may have missed one (KIP-1259).
    if (context.clock.now() - begun > changelog.deleteRetentionMs / 2) {
      throw new Fault(
        'MR5013',
        'acquire-again',
        `restoring ${step} of ${context.task} took longer than half of delete.retention.ms of ${changelog.topic}; it starts again. Raise delete.retention.ms if this repeats`,
        { place: { task: context.task, topic: changelog.topic } },
      )
    }
  }
  const outdated = changelogs
    .filter(({ step }) => (epochs[step] ?? 0) < (commitRecord?.epoch ?? 0) && (epochs[step] ?? 0) > 0)
    .map(({ step }) => step)
  if (outdated.length > 0) await state.clear(outdated, progressMark())
  return positions
}

function lostData(context: RestoreContext, changelog: ChangelogFacts, firstNeeded: number): Fault {
  return new Fault(
    'MR5014',
    'stop-task',
    `${context.task} must be rebuilt from ${changelog.topic}, but that begins at ${changelog.logStart} and its state began at ${firstNeeded}: somebody deleted a part of the changelog, the rest would give wrong state. Reprocess the inputs from the start`,
    { place: { task: context.task, topic: changelog.topic, partition: context.partition } },
  )
}

export const DEFAULT_DELETE_RETENTION_MS = 86_400_000

export const deleteRetentionOf = (config: Readonly<Record<string, string>>): number => {
  const value = Number(config['delete.retention.ms'])
  return Number.isFinite(value) && value > 0 ? value : DEFAULT_DELETE_RETENTION_MS
}

export const rangeOr = (range: PartitionRange | undefined): PartitionRange => range ?? { logStart: 0, end: 0, lastStable: 0 }
