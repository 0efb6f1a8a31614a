/**
 * What a task does about switches: from its commit record and the shared state. Pure: decides, does nothing.
 *
 *     running ──halt──▶ halted(s) ──decision of s──▶ running (as live, or in shadow) | retired
 *
 * A halted task processes nothing until it has read the decision of s (hole S3); what it does then is what its version is by then.
 */
import type { CommitRecord } from '../task/commit-record.ts'
import { roleOf } from './shared-state.ts'
import type { OpenSwitch, Role, SharedState } from './shared-state.ts'

/** Where results of a task go. */
export type OutputRole = 'live' | 'shadow'

export type Continuation =
  /** Nothing is decided for it, or it has nothing to do any more. `retire`: its commit record does not say so yet. */
  | { readonly kind: 'stay'; readonly status: 'halted' | 'retired' | 'ended'; readonly retire: boolean }
  | {
      readonly kind: 'run'
      readonly role: OutputRole
      /** The commit record says otherwise and must be written before a record is processed. */
      readonly changed: boolean
      /** The switch by which it becomes live now: results are handed over in the same transaction. */
      readonly flippedBy: number | undefined
    }
  /** Record and shared state contradict each other. */
  | { readonly kind: 'contradiction'; readonly why: string }

type Recorded = Pick<CommitRecord, 'status' | 'role' | 'switchId'>

/** How a task goes on that is acquired now. `record`: its newest commit record. */
export function continuation(record: Recorded | undefined, version: number, shared: SharedState): Continuation {
  const role = roleOf(shared, version)
  const output: OutputRole | undefined = role === 'live' || role === 'shadow' ? role : undefined
  if (record === undefined) {
    if (output === undefined) return { kind: 'stay', status: 'retired', retire: false }
    return { kind: 'run', role: output, changed: false, flippedBy: undefined }
  }
  if (record.status === 'ended') return { kind: 'stay', status: 'ended', retire: false }
  if (record.status === 'halted' && shared.open?.s === record.switchId) return { kind: 'stay', status: 'halted', retire: false }
  if (output === undefined) {
    if (record.status === 'running' && record.role === 'live')
      return { kind: 'contradiction', why: `it runs as live, and version ${version} is ${role}` }
    return { kind: 'stay', status: 'retired', retire: record.status !== 'retired' }
  }
  if (record.status === 'running' && record.role !== output)
    return { kind: 'contradiction', why: `it runs as ${record.role}, and version ${version} is ${role} without its having halted` }
  const becomesLive = record.role === 'shadow' && output === 'live'
  return { kind: 'run', role: output, changed: record.status !== 'running', flippedBy: becomesLive ? record.switchId : undefined }
}

/** What an open switch wants of a running task. */
export type Halting =
  | { readonly kind: 'none' }
  /** Take nothing more from external inputs, finish the repartition inputs up to the cut markers. */
  | { readonly kind: 'at-once'; readonly s: number }
  /** Go up to the cut, then halt. */
  | {
      readonly kind: 'at-cut'
      readonly s: number
      readonly positions: Readonly<Record<string, number>>
      readonly watermark: number | undefined
    }

const NONE: Halting = { kind: 'none' }

/** `halted`: the newest switch that the task has halted for. */
export function halting(version: number, halted: number, open: OpenSwitch | undefined): Halting {
  if (open === undefined || open.s <= halted) return NONE
  if (open.from === version) return { kind: 'at-once', s: open.s }
  if (open.to === version && open.cut !== undefined) return { kind: 'at-cut', s: open.s, ...open.cut }
  return NONE
}

/** Whether tasks of a version may process records. */
export const mayRun = (role: Role): boolean => role === 'live' || role === 'shadow'

/** Whether they may take their transactional ids: a retired version shows that it is retired. */
export const mayAcquire = (role: Role): boolean => mayRun(role) || role === 'retired'
