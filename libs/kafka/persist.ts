/** Trying again, bounded: the only loop around a request that may be sent more than once. */
import { systemClock } from '../runtime/ports/clock.ts'

export interface Persistence {
  /** No further attempt begins after this time, ms. */
  readonly deadlineMs: number
  /** Pause before the first repetition, ms; each next one is half as long again, up to `pauseMsMax`. */
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** True: the failed attempt did nothing, and the next may do better. May prepare it (look the coordinator up again). */
  mayRepeat(error: unknown): boolean
}

export async function persist<Answer>(persistence: Persistence, attempt: () => Promise<Answer>): Promise<Answer> {
  const { deadlineMs, pauseMsMax, mayRepeat } = persistence
  const end = performance.now() + deadlineMs
  for (let pauseMs = persistence.pauseMs; ; pauseMs = Math.min(pauseMs * 1.5, pauseMsMax)) {
    try {
      return await attempt()
    } catch (error) {
      if (!mayRepeat(error) || performance.now() + pauseMs >= end) throw error
      await systemClock.sleep(pauseMs)
    }
  }
}
