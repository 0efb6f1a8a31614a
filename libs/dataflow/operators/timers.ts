/**
 * The timers of one name in one step: at most one for each key, as state, so that they survive a restart and fire once.
 *
 *     times     value cell, key → [wanted time, time of the entry]
 *     entries   timed cell, (time, key) → mark
 *
 * There is exactly one entry for each timer that is set. A timer that is put off keeps its entry where it is (one write instead of
 * three, for the usual time-out that every record puts off); when the entry comes up it moves to the wanted time.
 */
import type { Codec, KeyBytes, TimedCell, ValueCell } from '../cells.ts'
import type { Duration } from '../duration.ts'
import type { Timer } from '../processors.ts'
import { structuredCodec } from '../structured-codec.ts'

export type TimerTimes = readonly [wanted: number, entry: number]

const MARK = Buffer.from([1])
export const markCodec: Codec<true> = { encode: () => MARK, decode: () => true }
// What is decoded was encoded by this very codec.
export const timesCodec = structuredCodec as Codec<TimerTimes>

/** Rounds in which a timer may set itself to a time that has come already, before it is called a loop. */
const ROUNDS_MAX = 1_000

export interface TimerParts {
  readonly entries: TimedCell<true>
  readonly times: ValueCell<TimerTimes>
  /** `quiet of "sessions"`, for messages. */
  readonly what: string
  /** Key of the record or timer in hand. */
  keyBytes(): KeyBytes
  /** From where `after` counts. */
  base(): number
  /** A timer was set. */
  onSet(time: number): void
}

export class TimerSet implements Timer {
  readonly #parts: TimerParts

  constructor(parts: TimerParts) {
    this.#parts = parts
  }

  at(timestamp: number): void {
    const { entries, times, keyBytes, onSet } = this.#parts
    if (!Number.isFinite(timestamp)) throw new RangeError(`timer ${this.#parts.what}: ${timestamp} is no time`)
    const time = Math.ceil(timestamp)
    const key = keyBytes()
    const set = times.get(key)
    if (set !== undefined && set[1] <= time) {
      if (set[0] !== time) times.set(key, [time, set[1]])
    } else {
      if (set !== undefined) entries.delete(set[1], key)
      entries.set(time, key, true)
      times.set(key, [time, time])
    }
    onSet(time)
  }

  after(delay: Duration): void {
    this.at(this.#parts.base() + delay)
  }

  cancel(): void {
    const { entries, times, keyBytes } = this.#parts
    const key = keyBytes()
    const set = times.get(key)
    if (set === undefined) return
    entries.delete(set[1], key)
    times.delete(key)
  }

  earliest(): number {
    return this.#parts.entries.earliest()
  }

  prefetch(key: KeyBytes): void {
    this.#parts.times.prefetch(key)
  }

  /** Fires what is due, in order of time, then of key. False: nothing came up. */
  fire(upTo: number, handler: (time: number, key: KeyBytes) => void): boolean {
    const { entries, times, what } = this.#parts
    let last = -Infinity
    let rounds = 0
    let moved = false
    while (entries.earliest() <= upTo) {
      const due = entries.take(upTo)
      if (due.length === 0) break
      moved = true
      rounds = (due[0]?.time ?? 0) <= last ? rounds + 1 : 0
      if (rounds > ROUNDS_MAX) throw new RangeError(`timer ${what} sets itself again to a time that has come already: it would never end`)
      last = Math.max(last, due[0]?.time ?? 0)
      for (const { time, key } of due) {
        const [wanted] = times.get(key) ?? [time]
        if (wanted > time) {
          entries.set(wanted, key, true)
          times.set(key, [wanted, wanted])
          continue
        }
        times.delete(key)
        handler(time, key)
      }
    }
    return moved
  }
}
