/**
 * Restore (engine.md 3, steps 2 and 3): brings the local store to the own fence records, reading only what it lacks.
 * Deciding part: `storeVerdict`. A crash at any moment leaves a store that says how far each changelog was applied.
 */
import type { LocalMark, TaskState } from '../../state/task-state.ts'
import { failPoint } from '../../faults/fail-points.ts'
import { Fault } from '../../faults/fault.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionRange } from '../ports/log.ts'
import { readPieces } from './range-reader.ts'
import { Restoration } from './restoration.ts'

export interface ChangelogFacts {
  readonly step: string
  readonly topic: string
  readonly logStart: number
  /** Offset of the own fence record: the end, nothing else. */
  readonly fence: number
  readonly deleteRetentionMs: number
}

export interface StoreFacts {
  readonly stateId: string
  /** The newest of the log. */
  readonly commitRecord: Pick<CommitRecord, 'epoch' | 'n'> | undefined
  readonly changelogs: readonly ChangelogFacts[]
  readonly now: number
}

/** Why a local store cannot be continued; undefined: it can. */
export function storeVerdict(mark: LocalMark | undefined, { stateId, commitRecord, changelogs, now }: StoreFacts): string | undefined {
  if (mark === undefined) return undefined
  if (mark.stateId !== stateId) return 'it belongs to another life of the application (its state id differs)'
  const { n, epoch } = commitRecord ?? { n: 0, epoch: 1 }
  if (mark.epoch > epoch || (mark.epoch === epoch && mark.n > n))
    return `it stands at commit ${mark.n} of epoch ${mark.epoch}, but the log knows only ${n} of epoch ${epoch}: the log has lost its tail`
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
): Promise<Readonly<Record<string, number>>> {
  const restoration = beginRestoration(context, state.mark, changelogs, commitRecord)
  for (const changelog of changelogs) await restoreOne(context, state, changelog, restoration, commitRecord !== undefined)
  const { epochs } = restoration
  const outdated = changelogs
    .filter(({ step }) => (epochs[step] ?? 0) < (commitRecord?.epoch ?? 0) && (epochs[step] ?? 0) > 0)
    .map(({ step }) => step)
  if (outdated.length > 0) await state.clear(outdated, restoration.mark())
  return restoration.positions
}

/** From where each changelog is applied. Fault MR5014 where the changelog has lost what the store lacks. */
export function beginRestoration(
  context: Pick<RestoreContext, 'stateId' | 'clock' | 'task' | 'partition'>,
  mark: LocalMark | undefined,
  changelogs: readonly ChangelogFacts[],
  commitRecord: CommitRecord | undefined,
): Restoration {
  const positions: Record<string, number> = {}
  for (const changelog of changelogs) {
    const known = mark?.changelogs[changelog.step]
    const firstNeeded = commitRecord?.firstNeeded[changelog.step]
    if (known === undefined && firstNeeded !== undefined && changelog.logStart > firstNeeded)
      throw lostData(context, changelog, firstNeeded)
    positions[changelog.step] = known ?? changelog.logStart
  }
  return new Restoration(context.stateId, mark, positions, context.clock.now())
}

async function restoreOne(
  context: RestoreContext,
  state: TaskState,
  changelog: ChangelogFacts,
  restoration: Restoration,
  explained: boolean,
): Promise<void> {
  const { step, fence, topic, deleteRetentionMs } = changelog
  const { begun, positions } = restoration
  const from = positions[step] ?? 0
  let bytesRead = 0
  const report = (): void => context.onProgress({ step, from, position: positions[step] ?? 0, end: fence + 1, bytesRead, startedAt: begun })
  report()
  await readPieces(context.log, context.clock, {
    partition: { topic, partition: context.partition },
    from,
    until: fence + 1,
    stallMs: context.stallMs,
    signal: context.signal,
    onPiece: async (piece) => {
      await restoration.apply(state, step, piece, ({ hasState }) => {
        if (!explained && hasState) throw strayState(context, changelog)
      })
      bytesRead += piece.bytes
      failPoint('restoring')
      report()
    },
  })
  context.onNote('info', `${context.task}: restored ${step} from changelog position ${from} to ${fence + 1}, ${bytesRead} bytes read`, {
    task: context.task,
    step,
    from,
    to: fence + 1,
    bytesRead,
  })
  // A rebuild that took longer than tombstones are kept may have missed one (KIP-1259).
  if (context.clock.now() - begun > deleteRetentionMs / 2) {
    throw new Fault(
      'MR5013',
      'acquire-again',
      `restoring ${step} of ${context.task} took longer than half of delete.retention.ms of ${topic}; it starts again. Raise delete.retention.ms if this repeats`,
      { place: { task: context.task, topic } },
    )
  }
}

/** The first commit record stands before the first change of state; where there is none, nobody knows which positions the changes stand for (hole H2). */
function strayState(context: RestoreContext, changelog: ChangelogFacts): Fault {
  return new Fault(
    'MR5015',
    'stop-task',
    `${changelog.topic}-${context.partition} holds state, but ${context.task} has no commit record that says which input positions it stands for: the commit topic was deleted, or the changelog is of another life. Going on could count records twice. Restore the commit topic, or delete all internal topics of the application to start from the beginning`,
    { place: { task: context.task, topic: changelog.topic, partition: context.partition } },
  )
}

function lostData(context: Pick<RestoreContext, 'task' | 'partition'>, changelog: ChangelogFacts, firstNeeded: number): Fault {
  return new Fault(
    'MR5014',
    'stop-task',
    `${context.task} must be rebuilt from ${changelog.topic}, but that begins at ${changelog.logStart} and its state began at ${firstNeeded}: somebody deleted a part of the changelog, the rest would give wrong state. The task stopped. Reprocess the inputs with a new version of the application`,
    { place: { task: context.task, topic: changelog.topic, partition: context.partition } },
  )
}

const DEFAULT_DELETE_RETENTION_MS = 86_400_000

export const deleteRetentionOf = (config: Readonly<Record<string, string>>): number => {
  const value = Number(config['delete.retention.ms'])
  return Number.isFinite(value) && value >= 0 && config['delete.retention.ms'] !== '' ? value : DEFAULT_DELETE_RETENTION_MS
}

export const rangeOr = (range: PartitionRange | undefined): PartitionRange => range ?? { logStart: 0, end: 0, lastStable: 0 }
