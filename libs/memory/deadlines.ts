/**
 * Deadlines of the in-memory broker: transaction, session and rebalance time-outs.
 *
 * One sleeper on the clock serves them all, and there is none while no deadline is set, so that a log without open
 * transactions and members costs no timer. A deadline that was cancelled may leave the sleeper one wake that does nothing.
 */
import type { Clock } from '../runtime/ports/clock.ts'

export interface Deadline {
  /** Monotonic ms. */
  readonly at: number
  readonly act: () => void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #pending = new Set<Deadline>()
  #sleeping: { readonly until: number; readonly wake: AbortController } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  after(milliseconds: number, act: () => void): Deadline {
    const deadline = { at: this.#clock.monotonic() + milliseconds, act }
    this.#pending.add(deadline)
    this.#sleepUntilNext(deadline.at)
    return deadline
  }

  cancel(deadline: Deadline | undefined): void {
    if (deadline !== undefined) this.#pending.delete(deadline)
  }

  /** Drops all deadlines; the sleeper ends. */
  clear(): void {
    this.#pending.clear()
    this.#sleeping?.wake.abort()
    this.#sleeping = undefined
  }

  #sleepUntilNext(next: number): void {
    if (this.#sleeping !== undefined) {
      if (this.#sleeping.until <= next) return
      this.#sleeping.wake.abort()
    }
    const sleeping = { until: next, wake: new AbortController() }
    this.#sleeping = sleeping
    void this.#clock.sleep(next - this.#clock.monotonic(), sleeping.wake.signal).then(() => {
      if (this.#sleeping !== sleeping) return
      this.#sleeping = undefined
      this.#actOnDue()
    })
  }

  #actOnDue(): void {
    const now = this.#clock.monotonic()
    const due = [...this.#pending].filter((deadline) => deadline.at <= now).sort((left, right) => left.at - right.at)
    for (const deadline of due) {
      // An earlier one of this turn may have cancelled it.
      if (this.#pending.delete(deadline)) deadline.act()
    }
    let next = Infinity
    for (const deadline of this.#pending) next = Math.min(next, deadline.at)
    if (next < Infinity) this.#sleepUntilNext(next)
  }
}
