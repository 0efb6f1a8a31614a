/**
 * The doing part of the comparison: gathers C, the log ranges and the fingerprints, lets barrier.ts decide, and turns every row that
 * does not run into a message.
 */
import { Fault } from '../../faults/fault.ts'
import { compare } from './barrier.ts'
import type { BarrierDecision, PartitionFacts, StopReason } from './barrier.ts'
import { decodeMarker } from '../task/commit-record.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { compareFingerprint } from './fingerprint.ts'
import type { Manifest } from './manifest.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, PartitionId, PartitionRange } from '../ports/log.ts'
import { readOne } from './range-reader.ts'
import { rangeOr } from './restore.ts'
import type { Settings } from '../settings/settings.ts'
import type { InputWiring, TaskWiring } from '../worker/wiring.ts'

export interface CompareContext {
  readonly log: Log
  readonly clock: Clock
  readonly settings: Settings
  readonly task: TaskWiring
  readonly manifest: Manifest
  readonly commitRecord: CommitRecord | undefined
  readonly ranBefore: boolean
  readonly signal: AbortSignal
  identity(): { readonly groupId: string }
  onNote(level: 'info' | 'warn', message: string, facts: Readonly<Record<string, unknown>>): void
}

export type Resolved =
  | { readonly kind: 'stay' }
  | { readonly kind: 'run'; readonly positions: ReadonlyMap<PartitionId, number>; readonly commit: boolean; readonly why: string }

/** How often a stale answer for the committed offsets is asked for again, and the pause between, ms. */
const STALE_TRIES_MAX = 10
const STALE_PAUSE_MS = 100

export async function compareNow(context: CompareContext): Promise<Resolved> {
  const external = context.task.inputs.filter((input) => input.external !== undefined)
  const internal = await internalPositions(context)
  for (let tries = 0; ; tries += 1) {
    const partitions = await gather(context, external)
    const decision = compare({
      stateId: context.manifest.stateId,
      commitRecord: context.commitRecord,
      ranBefore: context.ranBefore,
      partitions,
      onSkip: context.settings.onSkip,
      onGap: context.settings.onGap,
    })
    if (decision.kind === 'ask-again' && tries < STALE_TRIES_MAX) {
      await context.clock.sleep(STALE_PAUSE_MS, context.signal)
      continue
    }
    return resolve(context, decision, internal)
  }
}

function resolve(context: CompareContext, decision: BarrierDecision, internal: ReadonlyMap<PartitionId, number>): Resolved {
  switch (decision.kind) {
    case 'stay':
      return { kind: 'stay' }
    case 'ask-again':
      return {
        kind: 'run',
        positions: merged(decision.positions, internal),
        commit: true,
        why: 'committed offsets stayed behind the state',
      }
    case 'run': {
      for (const gap of decision.gaps) {
        context.onNote(
          'warn',
          `${gap.id}: records from ${gap.from} to ${gap.to} are no longer in the log and are left out (onGap: accept-gap)`,
          { ...gap, task: context.task.name },
        )
      }
      const commit = decision.commit || context.commitRecord === undefined
      return { kind: 'run', positions: merged(decision.positions, internal), commit, why: decision.why }
    }
    case 'acquire-again':
      throw new Fault(
        'MR5020',
        'acquire-again',
        `${context.task.name}: the group's offsets are newer than the state that the changelog gave; another owner worked meanwhile, the task is acquired again. If this repeats, the changelog has lost its tail`,
        { place: { task: context.task.name } },
      )
    case 'reset':
      throw new Fault(
        'MR5021',
        'stop-task',
        `${context.task.name}: epoch ${decision.epoch} was announced for ${list([...decision.positions.keys()])}, but this release cannot reset state yet; nothing was changed. Start the release that announced it`,
        { place: { task: context.task.name } },
      )
    case 'rewind':
      throw new Fault(
        'MR5022',
        'stop-task',
        `${context.task.name}: somebody moved the group's offsets of ${list(decision.moved)} back, behind what its state stands for. Going on would count records twice, so nothing was changed. To reprocess now, give the topology a new version; to go on as before, delete the group's offsets of these topics (kafka-consumer-groups --delete-offsets)`,
        { place: { task: context.task.name } },
      )
    case 'stop':
      throw stopFault(context.task.name, decision.reason, decision.ids)
  }
}

const merged = (external: ReadonlyMap<string, number>, internal: ReadonlyMap<PartitionId, number>): ReadonlyMap<PartitionId, number> =>
  // The ids came from this task's wiring.
  new Map([...(external as ReadonlyMap<PartitionId, number>), ...internal])

const list = (ids: readonly string[]): string => ids.join(', ')

const stories: Readonly<Record<StopReason, { readonly code: `MR${number}`; readonly text: string }>> = {
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

export function stopFault(task: string, reason: StopReason, ids: readonly string[]): Fault {
  const { code, text } = stories[reason]
  return new Fault(code, 'stop-task', `${task}, ${list(ids)}: ${text}`, { place: { task } })
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
        throw stopFault(context.task.name, position > range.end ? 'recreated' : 'gap', [input.id])
      return [input.id, position]
    }),
  )
}

async function gather(context: CompareContext, inputs: readonly InputWiring[]): Promise<PartitionFacts[]> {
  const { admin } = context.log
  const committed = await admin.committed(context.identity().groupId, inputs)
  const ranges = await admin.ranges(inputs)
  return await Promise.all(
    inputs.map(async (input) => {
      const range = rangeOr(ranges.get(input.id))
      const answer = committed.get(input.id)
      return {
        id: input.id,
        committed: answer === undefined ? undefined : { position: answer.position, marker: decodeMarker(answer.metadata) },
        logStart: range.logStart,
        logEnd: range.end,
        firstRunPosition: await firstRunPosition(context, input, range),
        identity: await identityOf(context, input, range),
      }
    }),
  )
}

async function firstRunPosition(context: CompareContext, input: InputWiring, range: PartitionRange): Promise<number> {
  const startAt = input.external?.startAt ?? context.settings.startAt
  if (startAt === 'earliest') return range.logStart
  if (startAt === 'latest') return range.end
  const at = typeof startAt === 'number' ? startAt : Date.parse(startAt)
  return (await context.log.admin.positionsAt([input], at)).get(partitionId(input.topic, input.partition)) ?? range.end
}

async function identityOf(context: CompareContext, input: InputWiring, range: PartitionRange): Promise<PartitionFacts['identity']> {
  const remembered = context.commitRecord?.identity[input.id]
  if (remembered === undefined || remembered.offset < range.logStart || remembered.offset >= range.lastStable) return 'unknown'
  const found = await readOne(context.log, context.clock, {
    partition: input,
    from: remembered.offset,
    until: remembered.offset + 1,
    stallMs: context.settings.restoreStallMs,
    signal: context.signal,
  })
  return compareFingerprint(remembered, found)
}
