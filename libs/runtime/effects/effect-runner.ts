/**
 * Makes the calls of effect steps: after the commit of their records, at most once, never again after a failure.
 *
 * Owns: the calls that wait. They are committed, and this process alone knows of them: one that dies has not made those that wait, and
 * nobody makes them later (at most once).
 */
import type { EffectCall } from '../../dataflow/plan.ts'
import type { Clock } from '../ports/clock.ts'
import { EffectLane } from './effect-lane.ts'

export interface EffectCounts {
  /** Calls that have answered. */
  made: number
  /** Calls that have thrown, or took too long. */
  failed: number
  /** Calls that a version in shadow would have made; they are listed in its effects topic. */
  inShadow: number
  /** Calls for input positions whose calls were made before a reset of offsets. */
  repeated: number
}

/** The task takes no more records while so many calls wait. */
const WAITING_MAX = 2_000

export class EffectRunner {
  readonly counts: EffectCounts = { made: 0, failed: 0, inShadow: 0, repeated: 0 }
  readonly #clock: Clock
  readonly #onFailure: (call: EffectCall, error: unknown, failures: number) => void
  readonly #onRoom: () => void
  readonly #lanes = new Map<string, EffectLane>()
  #waiting = 0
  #idle: (() => void)[] = []

  constructor(clock: Clock, onFailure: (call: EffectCall, error: unknown, failures: number) => void, onRoom: () => void) {
    this.#clock = clock
    this.#onFailure = onFailure
    this.#onRoom = onRoom
  }

  /** Calls that wait or are being made. */
  get waiting(): number {
    return this.#waiting
  }
  get full(): boolean {
    return this.#waiting >= WAITING_MAX
  }

  /** Their records are committed. */
  make(calls: readonly EffectCall[]): void {
    for (const call of calls) {
      let lane = this.#lanes.get(call.step)
      if (lane === undefined) {
        lane = new EffectLane()
        this.#lanes.set(call.step, lane)
      }
      this.#waiting += 1
      lane.add(call)
      this.#pump(lane)
    }
  }

  /** Resolves when no call waits. */
  async idle(): Promise<void> {
    if (this.#waiting > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #pump(lane: EffectLane): void {
    for (let call = lane.next(); call !== undefined; call = lane.next()) void this.#make(lane, call)
  }

  async #make(lane: EffectLane, call: EffectCall): Promise<void> {
    const overdue = new AbortController()
    const answered = new AbortController()
    try {
      const tooLate = this.#clock.sleep(call.timeoutMs, answered.signal).then(() => {
        if (answered.signal.aborted) return
        overdue.abort()
        throw new Error(`no answer within ${call.timeoutMs} ms`)
      })
      await Promise.race([call.run(overdue.signal), tooLate])
      this.counts.made += 1
    } catch (error) {
      this.counts.failed += 1
      this.#onFailure(call, error, this.counts.failed)
    } finally {
      answered.abort()
      lane.done(call)
      this.#done()
      this.#pump(lane)
    }
  }

  #done(): void {
    const wasFull = this.full
    this.#waiting -= 1
    if (wasFull) this.#onRoom()
    if (this.#waiting > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}
