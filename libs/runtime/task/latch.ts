/** Waiting for "something changed", with a deadline. One waiter at a time. */
import type { Clock } from '../ports/clock.ts'

export class Latch {
  #rung = false
  #resolve: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#resolve?.()
  }

  /** Resolves at the next ring (or at once after an unheard one), or after the time. */
  async wait(clock: Clock, milliseconds: number): Promise<void> {
    if (!this.#rung && milliseconds > 0) {
      const stop = new AbortController()
      const rung = new Promise<void>((resolve) => (this.#resolve = resolve))
      await (milliseconds === Infinity ? rung : Promise.race([rung, clock.sleep(milliseconds, stop.signal)]))
      this.#resolve = undefined
      stop.abort()
    }
    this.#rung = false
  }
}
