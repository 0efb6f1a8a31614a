/**
 * What the versions of an application have agreed on: a pure fold of the records of `<app>.control` (engine.md 6.2).
 *
 *     version ─▶ waiting ──replay──▶ shadow ──flip──▶ live ──flip──▶ retired ──replay──▶ shadow ...
 *     the very first version ─▶ live
 *     shadow ──give-up──▶ given-up ──dropped──▶ (forgotten)
 *
 * 1. Records count in the order of the log; the topic is never compacted. Everybody who reads up to the same place knows the same.
 * 2. The id of a switch is the offset of its record. The newest one wins: an older one without a decision is abandoned by it (hole S9).
 * 3. The first decision for a switch counts, later ones mean nothing (hole S4).
 * 4. A cut (the positions at which the live version halted) is a copy of what stands in its commit records; the first one counts.
 */
import { asBuffer } from '../../dataflow/cells.ts'
import { isRecord } from '../json.ts'

/** What a version does. `waiting`: it may not work before a replay is started for it. */
export type Role = 'waiting' | 'shadow' | 'live' | 'retired' | 'given-up'

export interface SinkFacts {
  readonly topic: string
  /** Where results go while the version is not live. */
  readonly shadow: string
  readonly table: boolean
  readonly partitions: number
}

/** What others must know of a version; written by its first worker. */
export interface VersionFacts {
  readonly version: number
  readonly stateId: string
  readonly sinks: readonly SinkFacts[]
  /** External topics that it reads. */
  readonly inputs: readonly string[]
  /** Everything internal that belongs to it alone: the list that `drop` deletes (hole S16). */
  readonly topics: readonly string[]
  /** Largest time by which it fires results behind a watermark, ms. */
  readonly closeMs: number
}

/** A partition in which results fired by time have to be compared, as offsets from and until. */
export interface HandoverRange {
  readonly topic: string
  readonly shadow: string
  readonly partition: number
  readonly real: readonly [number, number]
  readonly inShadow: readonly [number, number]
  /** Results with an earlier time were given by both; a partition is not in order of time, so they may stand in the range. */
  readonly since?: number | undefined
}

/** By 'topic:partition' of tables in shadow: where they ended when their version became live. What it has written since stands in the real topic. */
export type ShadowEnds = Readonly<Record<string, number>>

/** Records of the old version between its stages, which its later stages have not processed: offsets from and until. */
export interface UndrainedRange {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly until: number
  /** Those of another one mean nothing. */
  readonly epoch: number
}

export interface Pacing {
  /** Records per second of the whole version while it shadows; undefined: as fast as it can. */
  readonly rate?: number | undefined
  /** Slower while the lag of the live version grows. */
  readonly yieldToLive?: boolean | undefined
}

export type Purpose = 'promote' | 'rollback' | 'verify'

export type SharedRecord =
  | ({ readonly kind: 'version' } & VersionFacts)
  | ({ readonly kind: 'replay'; readonly version: number } & Pacing)
  | {
      readonly kind: 'switch'
      readonly from: number
      readonly to: number
      readonly purpose: Purpose
      /** Halted tasks may end it after this time, ms; undefined: it waits for as long as it takes. */
      readonly pauseMsMax?: number | undefined
      /** The old version goes on in shadow after the flip. */
      readonly keepWarm?: boolean | undefined
      readonly at: number
    }
  | {
      readonly kind: 'cut'
      readonly s: number
      readonly positions: Readonly<Record<string, number>>
      readonly watermark: number | undefined
    }
  | {
      readonly kind: 'handover'
      readonly s: number
      readonly ranges: readonly HandoverRange[]
      readonly undrained?: readonly UndrainedRange[] | undefined
    }
  | {
      readonly kind: 'differences'
      readonly s: number
      readonly from: number
      readonly until: number
      readonly shadowEnds?: ShadowEnds | undefined
    }
  | { readonly kind: 'decision'; readonly s: number; readonly decision: 'flip' | 'abandon'; readonly why: string; readonly at: number }
  | { readonly kind: 'give-up'; readonly version: number }
  | { readonly kind: 'dropped'; readonly version: number }

export interface Cut {
  /** O: external input partition → where the live version halted. */
  readonly positions: Readonly<Record<string, number>>
  /** The lowest watermark of its tasks; undefined: one of them has none yet. */
  readonly watermark: number | undefined
}

export interface OpenSwitch {
  readonly s: number
  readonly from: number
  readonly to: number
  readonly purpose: Purpose
  readonly pauseMsMax: number | undefined
  readonly keepWarm: boolean
  readonly at: number
  readonly cut: Cut | undefined
  readonly handover: readonly HandoverRange[] | undefined
  /** Empty where every stage has finished. */
  readonly undrained: readonly UndrainedRange[]
  /** Where the new version's differences topic holds those of this switch. */
  readonly differences: { readonly from: number; readonly until: number; readonly shadowEnds: ShadowEnds } | undefined
}

export interface EndedSwitch extends OpenSwitch {
  readonly decision: 'flip' | 'abandon'
  readonly why: string
  readonly decidedAt: number
}

export interface VersionState {
  readonly facts: VersionFacts
  readonly role: Role
  readonly pacing: Pacing
}

export interface SharedState {
  /** Behind the last record that was folded. */
  readonly position: number
  readonly versions: ReadonlyMap<number, VersionState>
  readonly live: number | undefined
  readonly open: OpenSwitch | undefined
  /** By id. */
  readonly ended: ReadonlyMap<number, EndedSwitch>
}

export const NOTHING_SHARED: SharedState = { position: 0, versions: new Map(), live: undefined, open: undefined, ended: new Map() }

export const sharedTopic = (application: string): string => `${application}.control`

export const roleOf = (state: SharedState, version: number): Role => state.versions.get(version)?.role ?? 'waiting'

export const encodeShared = (record: SharedRecord): Uint8Array => Buffer.from(JSON.stringify(record))

/** Undefined for bytes that no release of Millrace has written. */
export function decodeShared(value: Uint8Array | null): SharedRecord | undefined {
  if (value === null) return undefined
  try {
    const parsed: unknown = JSON.parse(asBuffer(value).toString('utf8'))
    // Written by encodeShared; kinds of a newer release are passed over by the fold.
    return isRecord(parsed) && typeof parsed['kind'] === 'string' ? (parsed as unknown as SharedRecord) : undefined
  } catch {
    return undefined
  }
}

/** The state behind the record at `offset`. A record that does not fit what stands before it changes nothing. */
export function foldShared(state: SharedState, offset: number, record: SharedRecord | undefined): SharedState {
  const next = { ...state, position: offset + 1 }
  if (record === undefined) return next
  switch (record.kind) {
    case 'version':
      return withVersion(next, record)
    case 'replay':
      return withReplay(next, record)
    case 'switch':
      return withSwitch(next, offset, record)
    case 'cut':
      if (next.open?.s !== record.s || next.open.cut !== undefined) return next
      return { ...next, open: { ...next.open, cut: { positions: record.positions, watermark: record.watermark } } }
    case 'handover':
      if (next.open?.s !== record.s || next.open.handover !== undefined) return next
      return { ...next, open: { ...next.open, handover: record.ranges, undrained: record.undrained ?? [] } }
    case 'differences':
      if (next.open?.s !== record.s || next.open.differences !== undefined) return next
      return {
        ...next,
        open: { ...next.open, differences: { from: record.from, until: record.until, shadowEnds: record.shadowEnds ?? {} } },
      }
    case 'decision':
      return next.open?.s === record.s ? decided(next, next.open, record.decision, record.why, record.at) : next
    case 'give-up':
      return roleOf(next, record.version) === 'shadow' ? withRole(abandonSwitchOf(next, record.version), record.version, 'given-up') : next
    case 'dropped':
      return withoutVersion(next, record.version)
    default:
      return next
  }
}

function withVersion(state: SharedState, record: Extract<SharedRecord, { kind: 'version' }>): SharedState {
  const { version, stateId, sinks, inputs, topics, closeMs } = record
  const facts: VersionFacts = { version, stateId, sinks, inputs, topics, closeMs }
  const before = state.versions.get(facts.version)
  const first = state.live === undefined && before === undefined
  const role = before?.role ?? (first ? 'live' : 'waiting')
  const versions = new Map(state.versions).set(facts.version, { facts, role, pacing: before?.pacing ?? {} })
  return { ...state, versions, live: first ? facts.version : state.live }
}

function withReplay(state: SharedState, { version, rate, yieldToLive }: Extract<SharedRecord, { kind: 'replay' }>): SharedState {
  const before = state.versions.get(version)
  if (before === undefined || before.role === 'live') return state
  return { ...state, versions: new Map(state.versions).set(version, { ...before, role: 'shadow', pacing: { rate, yieldToLive } }) }
}

function withSwitch(state: SharedState, s: number, record: Extract<SharedRecord, { kind: 'switch' }>): SharedState {
  const { from, to, purpose, pauseMsMax, keepWarm = false, at } = record
  if (state.live !== from || roleOf(state, to) !== 'shadow') return state
  const before = state.open === undefined ? state : decided(state, state.open, 'abandon', 'a newer switch took its place', at)
  return {
    ...before,
    open: { s, from, to, purpose, pauseMsMax, keepWarm, at, cut: undefined, handover: undefined, undrained: [], differences: undefined },
  }
}

function decided(state: SharedState, open: OpenSwitch, decision: 'flip' | 'abandon', why: string, decidedAt: number): SharedState {
  const ended = new Map(state.ended).set(open.s, { ...open, decision, why, decidedAt })
  const closed = { ...state, open: undefined, ended }
  if (decision === 'abandon') return closed
  const flipped = withRole(withRole(closed, open.from, open.keepWarm ? 'shadow' : 'retired'), open.to, 'live')
  return { ...flipped, live: open.to }
}

function abandonSwitchOf(state: SharedState, version: number): SharedState {
  const { open } = state
  return open?.to === version ? decided(state, open, 'abandon', 'the replay was given up', open.at) : state
}

function withRole(state: SharedState, version: number, role: Role): SharedState {
  const before = state.versions.get(version)
  if (before === undefined) return state
  return { ...state, versions: new Map(state.versions).set(version, { ...before, role, pacing: role === 'shadow' ? before.pacing : {} }) }
}

function withoutVersion(state: SharedState, version: number): SharedState {
  const role = roleOf(state, version)
  if (role === 'live' || role === 'shadow') return state
  const versions = new Map(state.versions)
  versions.delete(version)
  return { ...state, versions }
}
