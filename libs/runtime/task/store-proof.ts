/**
 * When a commit must prove that a local store is complete although nothing is to be committed: only a commit shows that nobody else went on
 * (hole H8), and a store that was last proved too long ago is rebuilt, since tombstones may be gone. Pure.
 */
import type { LocalMark } from '../../state/task-state.ts'

/** Before a store is put away. */
export const PUT_AWAY_PROOF_AGE_MS = 60_000
/** While its task is idle: what is left of half of delete.retention.ms (a day at least), when the worker dies, is the time to come back in. */
export const IDLE_PROOF_AGE_MS = 3_600_000

/** Milliseconds; a clock that was set back counts as one that went on. */
export function proofDueIn(mark: LocalMark | undefined, now: number, ageMs: number): number {
  return mark === undefined ? Infinity : Math.max(0, ageMs - Math.abs(now - mark.completeAt))
}
