/**
 * Time that moves only by hand, for tests, the test kit and the simulator.
 *
 * Owns the list of sleepers. Invariants:
 * 1. Neither clock moves except by `advance`, `advanceTo`, `pass` or `jumpTo`; the monotonic one never moves back.
 * 2. Sleepers wake in the order of their due time; those of one due time in the order in which they fell asleep.
 * 3. `yield` and `sleep(0)` take a real turn of the event loop: a loop around them never starves I/O.
 */
import { assert } from '../faults/fault.ts'
import type { Clock } from '../runtime/ports/clock.ts'

interface Sleeper {
  /** Monotonic due time, ms. */
  readonly due: number
  readonly wake: () => void
}

/** 2026-01-01T00:00:00Z. Not zero: a broker refuses timestamps more than an hour ahead of its clock. */
export const MANUAL_CLOCK_START = 1_767_225_600_000

/** `settle` gives up being quiet after so many turns of the event loop. */
const SETTLE_TURNS_MAX = 10_000
/** So many turns in a row without a yield or a new sleep count as quiet. */
const QUIET_TURNS = 2

export class ManualClock implements Clock {
  #monotonic = 0
  #wallAhead: number
  readonly #sleepers: Sleeper[] = []
  /** Yields under way, and a count of everything that asked the clock for a turn: how `settle` sees that work goes on. */
  #yielding = 0
  #asked = 0

  constructor(startEpochMs: number = MANUAL_CLOCK_START) {
    this.#wallAhead = startEpochMs
  }

  now(): number {
    return this.#wallAhead + this.#monotonic
  }

  monotonic(): number {
    return this.#monotonic
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    if (!(milliseconds > 0)) return this.yield()
    this.#asked++
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        due: this.#monotonic + milliseconds,
        wake: () => {
          signal?.removeEventListener('abort', giveUp)
          resolve()
        },
      }
      const giveUp = (): void => {
        const index = this.#sleepers.indexOf(sleeper)
        if (index >= 0) this.#sleepers.splice(index, 1)
        resolve()
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#sleepers.splice(this.#firstAfter(sleeper.due), 0, sleeper)
    })
  }

  yield(): Promise<void> {
    this.#asked++
    this.#yielding++
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#yielding--
        resolve()
      })
    })
  }

  /** Wall-clock time at which the next sleeper is due; undefined when nobody sleeps. */
  nextWake(): number | undefined {
    const first = this.#sleepers[0]
    return first === undefined ? undefined : this.#wallAhead + first.due
  }

  /** Moves time at once: all that is due is woken in order, and finds the clock at its new time. */
  advance(milliseconds: number): void {
    assert(milliseconds >= 0, 'time is advanced forward')
    this.#monotonic += milliseconds
    for (let first = this.#sleepers[0]; first !== undefined && first.due <= this.#monotonic; first = this.#sleepers[0]) {
      this.#sleepers.shift()
      first.wake()
    }
  }

  /** As `advance`, to a point of wall-clock time. */
  advanceTo(epochMs: number): void {
    this.advance(epochMs - this.now())
  }

  /** Lets time pass as it really would: stops at every due time, and lets what was woken there come to rest before it goes on. */
  async pass(milliseconds: number): Promise<void> {
    assert(milliseconds >= 0, 'time passes forward')
    const end = this.#monotonic + milliseconds
    await this.settle()
    for (let first = this.#sleepers[0]; first !== undefined && first.due <= end; first = this.#sleepers[0]) {
      this.advance(first.due - this.#monotonic)
      await this.settle()
    }
    this.advance(end - this.#monotonic)
    await this.settle()
  }

  /** Sets the wall clock, also backwards, as an administrator or a time server may. Nobody wakes: durations are monotonic. */
  jumpTo(epochMs: number): void {
    this.#wallAhead = epochMs - this.#monotonic
  }

  /** Lets everything that can go on without time go on: resolves when nothing asked for a turn any more. Foreign I/O is not seen. */
  async settle(): Promise<void> {
    let quiet = 0
    for (let turn = 0; turn < SETTLE_TURNS_MAX && quiet < QUIET_TURNS; turn++) {
      const asked = this.#asked
      await new Promise((resolve) => setImmediate(resolve))
      quiet = this.#asked === asked && this.#yielding === 0 ? quiet + 1 : 0
    }
  }

  #firstAfter(due: number): number {
    let low = 0
    let high = this.#sleepers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const sleeper = this.#sleepers[middle]
      if (sleeper !== undefined && sleeper.due <= due) low = middle + 1
      else high = middle
    }
    return low
  }
}
