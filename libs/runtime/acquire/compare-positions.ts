/**
 * The doing part of the comparison: gathers what input-facts.ts knows, lets barrier.ts decide, and turns every row that neither runs nor
 * resets into a message.
 */
import { Fault } from '../../faults/fault.ts'
import { compare } from './barrier.ts'
import type { BarrierDecision, Gap, ResetDecision, RunDecision, StopDecision, StopReason } from './barrier.ts'
import { gatherInputs } from './input-facts.ts'
import type { InputFactsContext } from './input-facts.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { Manifest } from './manifest.ts'
import type { PartitionId } from '../ports/log.ts'
import type { Announcement } from '../reset/announcement.ts'
import { rangeOr } from './restore.ts'
import type { Settings } from '../settings/settings.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface CompareContext extends InputFactsContext {
  readonly settings: Settings
  readonly task: TaskWiring
  readonly manifest: Manifest
  readonly commitRecord: CommitRecord | undefined
  readonly ranBefore: boolean
  /** The newest announcement, if it is for this task. */
  readonly announced: Announcement | undefined
  readonly manyStages: boolean
  /** Somewhere in the application offsets were moved back. Asked only when offsets of this task were moved. */
  isMovedElsewhere(): Promise<boolean>
  onNote(level: 'info' | 'warn', message: string, facts: Readonly<Record<string, unknown>>): void
}

export type Resolved =
  | { readonly kind: 'stay' }
  /** Offsets were moved back, and a new epoch must be announced to all stages. */
  | { readonly kind: 'announce' }
  | {
      /** reset: the state is cleared, and begins anew in `epoch`. */
      readonly kind: 'run' | 'reset'
      readonly epoch: number
      readonly positions: ReadonlyMap<PartitionId, number>
      readonly commit: boolean
      readonly why: string
      /** Records that were left out with consent: skipped by a move of the offsets, or no longer in the log. */
      readonly leftOut: number
    }

/** How often a stale answer for the committed offsets is asked for again, and the pause between, ms. */
const STALE_TRIES_MAX = 10
const STALE_PAUSE_MS = 100

export async function compareNow(context: CompareContext): Promise<Resolved> {
  const external = context.task.inputs.filter((input) => input.external !== undefined)
  const internal = await internalPositions(context)
  for (let tries = 0; ; tries += 1) {
    const decision = compare({
      stateId: context.manifest.stateId,
      commitRecord: context.commitRecord,
      ranBefore: context.ranBefore,
      partitions: await gatherInputs(context, external, context.commitRecord),
      announced: context.announced,
      manyStages: context.manyStages,
      onSkip: context.settings.onSkip,
      onGap: context.settings.onGap,
    })
    if (decision.kind !== 'ask-again' || tries >= STALE_TRIES_MAX) return await resolve(context, decision, internal)
    await context.clock.sleep(STALE_PAUSE_MS, context.signal)
  }
}

async function resolve(context: CompareContext, decision: BarrierDecision, internal: ReadonlyMap<PartitionId, number>): Promise<Resolved> {
  switch (decision.kind) {
    case 'stay':
    case 'announce':
      return { kind: decision.kind }
    case 'ask-again':
      return await resolve(context, decision.instead, internal)
    case 'ask-all':
      return (await context.isMovedElsewhere()) ? { kind: 'announce' } : await resolve(context, decision.otherwise, internal)
    case 'run':
    case 'reset':
      return started(context, decision, internal)
    case 'acquire-again':
      throw new Fault(
        'MR5020',
        'acquire-again',
        `${context.task.name}: the group's offsets are newer than the state that the changelog gave; another owner worked meanwhile, the task is acquired again. If this repeats, the changelog has lost its tail`,
        { place: { task: context.task.name } },
      )
    case 'stop':
      throw stopFault(context.task.name, decision)
  }
}

function started(
  context: CompareContext,
  decision: RunDecision | ResetDecision,
  internal: ReadonlyMap<PartitionId, number>,
): Exclude<Resolved, { kind: 'stay' | 'announce' }> {
  const tell = (gap: Gap, why: string): void =>
    context.onNote('warn', `${gap.id}: records from ${gap.from} to ${gap.to} ${why}`, { ...gap, task: context.task.name })
  for (const gap of decision.gaps) tell(gap, 'are no longer in the log and are left out (onGap: accept-gap)')
  for (const gap of decision.skips) tell(gap, "are left out, since somebody moved the group's offsets forward (onSkip: accept)")
  return {
    kind: decision.kind,
    epoch: decision.epoch,
    positions: merged(decision.positions, internal),
    commit: decision.kind === 'reset' || decision.commit || context.commitRecord === undefined,
    why: decision.why,
    leftOut: [...decision.gaps, ...decision.skips].reduce((sum, { from, to }) => sum + to - from, 0),
  }
}

const merged = (external: ReadonlyMap<string, number>, internal: ReadonlyMap<PartitionId, number>): ReadonlyMap<PartitionId, number> =>
  // The ids came from this task's wiring.
  new Map([...(external as ReadonlyMap<PartitionId, number>), ...internal])

const list = (ids: readonly string[]): string => ids.join(', ')

const stories: Readonly<Record<StopReason, { readonly code: `MR${number}`; readonly text: string }>> = {
  partial: {
    code: 'MR5022',
    text: "somebody moved the group's offsets back, but not those of all inputs that the state was made from. Starting anew from a part of them would lose what the state has from the others, so nothing was changed. Move the others too (kafka-consumer-groups --reset-offsets with --all-topics, or millrace reset), or delete the offsets of the moved ones (--delete-offsets) to go on as before",
  },
  'state-lost': {
    code: 'MR5023',
    text: 'the group has offsets that this application committed, but the state that belongs to them is gone (its commit topic was deleted, or the application was re-created). Starting at these offsets would go on with empty state. Delete the group to start from the beginning, or restore the topics',
  },
  'run-lost': {
    code: 'MR5024',
    text: 'this task has run before, but neither its commit record nor its offsets exist any more. Starting from the beginning would write all outputs again. Delete the control topic too if that is what you want',
  },
  skipped: {
    code: 'MR5025',
    text: "somebody moved the group's offsets forward: the records in between would never be processed. Set onSkip: accept to leave them out, or move the offsets back",
  },
  gap: {
    code: 'MR5026',
    text: 'the records at the next position are no longer in the log (retention): they would never be processed. Set onGap: accept-gap to go on behind the gap',
  },
  recreated: {
    code: 'MR5027',
    text: 'the topic is not the one that was read before: it was re-created or truncated. Use a new version of the application for the new topic',
  },
}

export function stopFault(task: string, { reason, ids, left }: Pick<StopDecision, 'reason' | 'ids' | 'left'>): Fault {
  const { code, text } = stories[reason]
  const where = left === undefined ? list(ids) : `${list(ids)} (not moved: ${list(left)})`
  return new Fault(code, 'stop-task', `${task}, ${where}: ${text}`, { place: { task } })
}

/** Repartition inputs always run from S; at the first run from their first record. */
async function internalPositions(context: CompareContext): Promise<ReadonlyMap<PartitionId, number>> {
  const inputs = context.task.inputs.filter((input) => input.repartition !== undefined)
  if (inputs.length === 0) return new Map()
  const ranges = await context.log.admin.ranges(inputs)
  return new Map(
    inputs.map((input): [PartitionId, number] => {
      const range = rangeOr(ranges.get(input.id))
      const position = context.commitRecord?.positions[input.id] ?? range.logStart
      if (position < range.logStart || position > range.end)
        throw stopFault(context.task.name, { reason: position > range.end ? 'recreated' : 'gap', ids: [input.id] })
      return [input.id, position]
    }),
  )
}
