/**
 * The comparison of the acquire barrier (engine.md 3, step 4): C, the group's committed positions, against S, the positions that
 * the state stands for, over the whole vector of external inputs. Pure: decides, does nothing.
 *
 * Order of the questions matters and is the order of the code: status of the commit record, lost state, first run, announced epoch, moves
 * by somebody else, markers that are ours, then the range of the log. While an announced epoch is not followed yet, S is its announced start.
 */
import { isAnnounced } from '../reset/announcement.ts'
import type { Announcement } from '../reset/announcement.ts'
import { isMoved, isMovedForward, judgeMove } from '../reset/moves.ts'
import type { CommittedFacts, Standing } from '../reset/moves.ts'
import type { CommitRecord, Marker } from '../task/commit-record.ts'

export interface PartitionFacts {
  /** 'topic:partition' */
  readonly id: string
  readonly committed: CommittedFacts | undefined
  readonly logStart: number
  readonly logEnd: number
  /** Where a first run begins when the group has no offset. */
  readonly firstRunPosition: number
  /** What re-reading the fingerprinted record showed. `unknown`: no fingerprint, or the record is no longer retained. */
  readonly identity: 'same' | 'different' | 'unknown'
}

export interface BarrierFacts {
  readonly stateId: string
  /** Newest commit record of the task, if there is one. */
  readonly commitRecord: CommitRecord | undefined
  /** The manifest (control topic) knows that this task has run. */
  readonly ranBefore: boolean
  readonly partitions: readonly PartitionFacts[]
  /** The newest announcement of the control topic, if it is for this task. */
  readonly announced: Announcement | undefined
  /** Stages reset together: a move that goes back is for the whole application to judge. */
  readonly manyStages: boolean
  readonly onSkip: 'stop' | 'accept'
  readonly onGap: 'fail' | 'accept-gap'
}

export type Gap = { readonly id: string; readonly from: number; readonly to: number }

interface Started {
  readonly epoch: number
  readonly positions: ReadonlyMap<string, number>
  readonly why: string
  /** No longer in the log, and left out with consent. */
  readonly gaps: readonly Gap[]
  /** Left out because somebody moved offsets forward, with consent. */
  readonly skips: readonly Gap[]
}

/** `commit`: the positions must be committed before a record is processed. */
export type RunDecision = Started & { readonly kind: 'run'; readonly commit: boolean }
/** The state begins anew, in `epoch`. */
export type ResetDecision = Started & { readonly kind: 'reset' }
export type StopDecision = {
  readonly kind: 'stop'
  readonly reason: StopReason
  readonly ids: readonly string[]
  /** partial: what was not moved. */
  readonly left?: readonly string[]
}

type Settled = RunDecision | ResetDecision | StopDecision

export type BarrierDecision =
  | Settled
  | { readonly kind: 'stay'; readonly status: 'halted' | 'retired' | 'ended' }
  /** The answer for C is older than S: ask again, bounded, then do `instead`. */
  | { readonly kind: 'ask-again'; readonly instead: Settled }
  /** Another owner committed meanwhile: acquire again if still assigned. Seen twice as the unfenced owner: the changelog lost its tail. */
  | { readonly kind: 'acquire-again' }
  /** Somebody moved offsets back, and stages depend on each other: announce a new epoch (engine.md 6.1). */
  | { readonly kind: 'announce' }
  /** Offsets were moved, here not back: if they are elsewhere in the application, announce; else do `otherwise`. */
  | { readonly kind: 'ask-all'; readonly otherwise: Settled }

export type StopReason = 'state-lost' | 'run-lost' | 'skipped' | 'gap' | 'recreated' | 'partial'

export function compare(facts: BarrierFacts): BarrierDecision {
  const { commitRecord } = facts
  if (commitRecord !== undefined && commitRecord.status !== 'running') return { kind: 'stay', status: commitRecord.status }
  const decision = commitRecord === undefined ? compareWithoutState(facts) : compareWithState(facts, commitRecord)
  switch (decision.kind) {
    case 'run':
    case 'reset':
      return checkRange(facts, decision)
    case 'ask-again':
      return { kind: 'ask-again', instead: checkRange(facts, decision.instead) }
    case 'ask-all':
      return { kind: 'ask-all', otherwise: checkRange(facts, decision.otherwise) }
    default:
      return decision
  }
}

function compareWithoutState(facts: BarrierFacts): BarrierDecision {
  const { partitions, announced } = facts
  // An announcement gives offsets to partitions of tasks that have not run yet.
  const marked = partitions.filter(
    ({ committed }) => committed?.marker !== undefined && !(isAnnounced(committed.marker) && committed.marker.stateId === facts.stateId),
  )
  if (marked.length > 0) return { kind: 'stop', reason: 'state-lost', ids: marked.map((p) => p.id) }
  if (facts.ranBefore) return { kind: 'stop', reason: 'run-lost', ids: partitions.map((p) => p.id) }
  const positions = new Map(partitions.map((p) => [p.id, p.committed?.position ?? announced?.positions[p.id] ?? p.firstRunPosition]))
  const epoch = Math.max(1, announced?.epoch ?? 1, ...partitions.map((p) => p.committed?.marker?.epoch ?? 1))
  return { kind: 'run', epoch, positions, commit: true, why: 'first run', gaps: [], skips: [] }
}

function compareWithState(facts: BarrierFacts, state: CommitRecord): BarrierDecision {
  const { partitions, announced, stateId } = facts
  const foreign = partitions.filter((p) => p.committed?.marker !== undefined && p.committed.marker.stateId !== stateId)
  if (foreign.length > 0 || state.stateId !== stateId)
    return { kind: 'stop', reason: 'state-lost', ids: (foreign.length > 0 ? foreign : partitions).map((p) => p.id) }

  const behind = announced !== undefined && announced.epoch > state.epoch ? announced : undefined
  const epoch = behind?.epoch ?? state.epoch
  const vector = partitions.map((p): Standing => ({
    ...p,
    // A partition that S does not know was added to a known topic: it starts at its earliest record.
    stands: behind?.positions[p.id] ?? state.positions[p.id] ?? p.logStart,
    read: state.positions[p.id],
  }))
  const atS = (commit: boolean, why: string): Settled => {
    const positions = new Map(vector.map((one) => [one.id, one.stands ?? 0]))
    const start = { positions, why, gaps: [], skips: [] }
    return behind === undefined ? { kind: 'run', epoch, commit, ...start } : { kind: 'reset', epoch, ...start }
  }

  const stands = { epoch, n: behind === undefined ? state.n : 0 }
  const newer = vector.filter((one) => isNewer(one.committed?.marker, stands))
  if (newer.length > 0) return followMarkers(vector, newer)
  if (vector.some(isMoved)) return followMove(facts, vector, epoch, atS)

  const isDifferent = (one: Standing): boolean =>
    one.committed !== undefined && (one.committed.position !== one.stands || one.committed.marker?.epoch !== epoch)
  if (vector.some(isDifferent)) return { kind: 'ask-again', instead: atS(true, 'committed offsets stayed behind the state') }
  if (behind !== undefined) return atS(true, `epoch ${epoch} was announced`)
  const isAbsent = partitions.some((p) => p.committed === undefined || state.positions[p.id] === undefined)
  return atS(isAbsent, isAbsent ? 'offsets were missing' : 'offsets and state agree')
}

/** Markers newer than the state: of an announcement that was made after the control topic was read, or of another owner. */
function followMarkers(vector: readonly Standing[], newer: readonly Standing[]): BarrierDecision {
  const epoch = newer[0]?.committed?.marker?.epoch ?? 0
  const whole = vector.every(({ committed }) => isAnnounced(committed?.marker) && committed?.marker?.epoch === epoch)
  if (!whole) return { kind: 'acquire-again' }
  const positions = new Map(vector.map(({ id, committed }) => [id, committed?.position ?? 0]))
  return { kind: 'reset', epoch, positions, why: `epoch ${epoch} was announced`, gaps: [], skips: [] }
}

/** Somebody moved offsets, perhaps to where they were. */
function followMove(
  { manyStages, onSkip }: BarrierFacts,
  vector: readonly Standing[],
  epoch: number,
  atS: (commit: boolean, why: string) => Settled,
): BarrierDecision {
  const verdict = judgeMove(vector)
  if (verdict.kind !== 'none' && manyStages) return { kind: 'announce' }
  if (verdict.kind === 'partial') return { kind: 'stop', reason: 'partial', ids: verdict.moved, left: verdict.left }
  if (verdict.kind === 'rewind') {
    const why = `somebody moved the offsets of ${verdict.moved.join(', ')} back`
    return { kind: 'reset', epoch: epoch + 1, positions: verdict.positions, why, gaps: [], skips: [] }
  }
  const settled = followForward(vector, onSkip, atS)
  return manyStages ? { kind: 'ask-all', otherwise: settled } : settled
}

function followForward(
  vector: readonly Standing[],
  onSkip: BarrierFacts['onSkip'],
  atS: (commit: boolean, why: string) => Settled,
): Settled {
  const forward = vector.filter(isMovedForward)
  const settled = atS(true, forward.length > 0 ? 'skip accepted' : 'offsets were set to where the state stands')
  if (forward.length === 0 || settled.kind === 'stop') return settled
  if (onSkip === 'stop') return { kind: 'stop', reason: 'skipped', ids: forward.map(({ id }) => id) }
  const skips = forward.map(({ id, stands, committed }): Gap => ({ id, from: stands ?? 0, to: committed?.position ?? 0 }))
  return { ...settled, positions: moveTo(settled.positions, skips), skips }
}

const isNewer = (marker: Marker | undefined, state: Pick<CommitRecord, 'epoch' | 'n'>): boolean =>
  marker !== undefined && (marker.epoch > state.epoch || (marker.epoch === state.epoch && marker.n > state.n))

function positionOf(positions: ReadonlyMap<string, number>, id: string): number {
  return positions.get(id) ?? 0
}

function moveTo(positions: ReadonlyMap<string, number>, gaps: readonly Gap[]): ReadonlyMap<string, number> {
  const moved = new Map(positions)
  for (const gap of gaps) moved.set(gap.id, gap.to)
  return moved
}

/** Identity, log start and log end are checked before any row that runs. */
function checkRange(facts: BarrierFacts, decision: Settled): Settled {
  if (decision.kind === 'stop') return decision
  const recreated = facts.partitions.filter((p) => p.identity === 'different' || positionOf(decision.positions, p.id) > p.logEnd)
  if (recreated.length > 0) return { kind: 'stop', reason: 'recreated', ids: recreated.map((p) => p.id) }
  const below = facts.partitions.filter((p) => positionOf(decision.positions, p.id) < p.logStart)
  if (below.length === 0) return decision
  if (facts.onGap === 'fail') return { kind: 'stop', reason: 'gap', ids: below.map((p) => p.id) }
  const gaps = below.map((p) => ({ id: p.id, from: positionOf(decision.positions, p.id), to: p.logStart }))
  const started = { ...decision, positions: moveTo(decision.positions, gaps), gaps }
  return started.kind === 'run' ? { ...started, commit: true } : started
}
