/**
 * The comparison of the acquire barrier (engine.md 3, step 4): C, the group's committed positions, against S, the positions that
 * the state stands for, over the whole vector of external inputs. Pure: decides, does nothing.
 *
 * Order of the questions matters and is the order of the code: status of the commit record, lost state, first run, announced epoch,
 * markers that are ours, moves by somebody else, then the range of the log.
 */
import type { CommitRecord, Marker } from '../task/commit-record.ts'

export interface PartitionFacts {
  /** 'topic:partition' */
  readonly id: string
  readonly committed: { readonly position: number; readonly marker: Marker | undefined } | undefined
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
  readonly onSkip: 'stop' | 'accept'
  readonly onGap: 'fail' | 'accept-gap'
}

export type Gap = { readonly id: string; readonly from: number; readonly to: number }

export type BarrierDecision =
  /** `commit`: the positions must be committed before a record is processed. */
  | {
      readonly kind: 'run'
      readonly positions: ReadonlyMap<string, number>
      readonly commit: boolean
      readonly why: string
      readonly gaps: readonly Gap[]
    }
  | { readonly kind: 'stay'; readonly status: 'halted' | 'retired' | 'ended' }
  /** The answer for C is older than S: ask again, bounded, then run from S and commit S again. */
  | { readonly kind: 'ask-again'; readonly positions: ReadonlyMap<string, number> }
  /** Another owner committed meanwhile: acquire again if still assigned. Seen twice as the unfenced owner: the changelog lost its tail. */
  | { readonly kind: 'acquire-again' }
  /** A new epoch was announced; the state is older. */
  | { readonly kind: 'reset'; readonly epoch: number; readonly positions: ReadonlyMap<string, number> }
  /** Somebody moved the group's offsets back. */
  | { readonly kind: 'rewind'; readonly positions: ReadonlyMap<string, number>; readonly moved: readonly string[] }
  | { readonly kind: 'stop'; readonly reason: StopReason; readonly ids: readonly string[] }

export type StopReason = 'state-lost' | 'run-lost' | 'skipped' | 'gap' | 'recreated'

export function compare(facts: BarrierFacts): BarrierDecision {
  const { commitRecord } = facts
  if (commitRecord !== undefined && commitRecord.status !== 'running') return { kind: 'stay', status: commitRecord.status }
  const decision = commitRecord === undefined ? compareWithoutState(facts) : compareWithState(facts, commitRecord)
  return decision.kind === 'run' || decision.kind === 'ask-again' || decision.kind === 'rewind' || decision.kind === 'reset'
    ? checkRange(facts, decision)
    : decision
}

function compareWithoutState(facts: BarrierFacts): BarrierDecision {
  const marked = facts.partitions.filter((p) => p.committed?.marker !== undefined)
  if (marked.length > 0) return { kind: 'stop', reason: 'state-lost', ids: marked.map((p) => p.id) }
  if (facts.ranBefore) return { kind: 'stop', reason: 'run-lost', ids: facts.partitions.map((p) => p.id) }
  const positions = new Map(facts.partitions.map((p) => [p.id, p.committed?.position ?? p.firstRunPosition]))
  return { kind: 'run', positions, commit: true, why: 'first run', gaps: [] }
}

function compareWithState(facts: BarrierFacts, state: CommitRecord): BarrierDecision {
  const foreign = facts.partitions.filter((p) => p.committed?.marker !== undefined && p.committed.marker.stateId !== facts.stateId)
  if (foreign.length > 0 || state.stateId !== facts.stateId) {
    return { kind: 'stop', reason: 'state-lost', ids: (foreign.length > 0 ? foreign : facts.partitions).map((p) => p.id) }
  }
  // A partition that S does not know was added to a known topic: it starts at its earliest record.
  const s = new Map(facts.partitions.map((p) => [p.id, state.positions[p.id] ?? p.logStart]))
  const c = new Map(facts.partitions.map((p) => [p.id, p.committed?.position ?? positionOf(s, p.id)]))

  const newestEpoch = Math.max(state.epoch, ...facts.partitions.map((p) => p.committed?.marker?.epoch ?? 0))
  if (newestEpoch > state.epoch) return { kind: 'reset', epoch: newestEpoch, positions: c }

  const moved = facts.partitions.filter((p) => p.committed !== undefined && p.committed.marker === undefined)
  const back = moved.filter((p) => positionOf(c, p.id) < positionOf(s, p.id))
  if (back.length > 0) return { kind: 'rewind', positions: c, moved: back.map((p) => p.id) }
  const forward = moved.filter((p) => positionOf(c, p.id) > positionOf(s, p.id))
  if (forward.length > 0) {
    if (facts.onSkip === 'stop') return { kind: 'stop', reason: 'skipped', ids: forward.map((p) => p.id) }
    return { kind: 'run', positions: c, commit: true, why: 'skip accepted', gaps: [] }
  }

  const differing = facts.partitions.filter((p) => p.committed?.marker !== undefined && p.committed.position !== positionOf(s, p.id))
  if (differing.some((p) => isNewer(p.committed?.marker, state))) return { kind: 'acquire-again' }
  if (differing.length > 0) return { kind: 'ask-again', positions: s }

  const absent = facts.partitions.some((p) => p.committed === undefined || state.positions[p.id] === undefined)
  if (absent) return { kind: 'run', positions: s, commit: true, why: 'offsets were missing', gaps: [] }
  if (moved.length > 0) return { kind: 'run', positions: s, commit: true, why: 'offsets were set to where the state stands', gaps: [] }
  return { kind: 'run', positions: s, commit: false, why: 'offsets and state agree', gaps: [] }
}

const isNewer = (marker: Marker | undefined, state: CommitRecord): boolean =>
  marker !== undefined && (marker.epoch > state.epoch || (marker.epoch === state.epoch && marker.n > state.n))

function positionOf(positions: ReadonlyMap<string, number>, id: string): number {
  return positions.get(id) ?? 0
}

type Ranged = Extract<BarrierDecision, { positions: ReadonlyMap<string, number> }>

/** Identity, log start and log end are checked before any row that runs. */
function checkRange(facts: BarrierFacts, decision: Ranged): BarrierDecision {
  const recreated = facts.partitions.filter((p) => p.identity === 'different' || positionOf(decision.positions, p.id) > p.logEnd)
  if (recreated.length > 0) return { kind: 'stop', reason: 'recreated', ids: recreated.map((p) => p.id) }
  const below = facts.partitions.filter((p) => positionOf(decision.positions, p.id) < p.logStart)
  if (below.length === 0) return decision
  if (facts.onGap === 'fail') return { kind: 'stop', reason: 'gap', ids: below.map((p) => p.id) }
  const gaps = below.map((p) => ({ id: p.id, from: positionOf(decision.positions, p.id), to: p.logStart }))
  const positions = new Map(decision.positions)
  for (const gap of gaps) positions.set(gap.id, gap.to)
  return decision.kind === 'run' ? { ...decision, positions, commit: true, gaps } : { ...decision, positions }
}
