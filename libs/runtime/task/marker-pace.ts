/**
 * When a watermark marker goes to the next stage (engine.md 5): only when the watermark moved, at most one in `markerIntervalMs`, and one
 * that was held back is due at the end of the interval even if nothing else is to commit (hole T5). Pure: takes the time as argument.
 */
import type { Acquired } from '../acquire/acquire.ts'
import type { TaskWiring } from '../worker/wiring.ts'

type Told = Pick<Acquired, 'time' | 'ledger'>

export class MarkerPace {
  /** There is a next stage. */
  readonly sends: boolean
  readonly #holdMs: number
  readonly #intervalMs: number
  readonly #told: Told
  #lastAt = -Infinity
  #inFlight: number | undefined

  /** `told`: the task's time, and the commit record that says which marker went out last. */
  constructor(task: TaskWiring, intervalMs: number, told: Told) {
    this.sends = task.outputs.some((output) => output.repartition)
    this.#holdMs = task.subTopology.holdMs
    this.#intervalMs = intervalMs
    this.#told = told
  }

  /** Monotonic ms; Infinity while there is nothing new to tell. */
  dueAt(): number {
    if (!this.sends) return Infinity
    const { time, ledger } = this.#told
    const moved = time.watermark - this.#holdMs > (this.#inFlight ?? ledger.record.markerOut ?? -Infinity)
    return moved ? this.#lastAt + this.#intervalMs : Infinity
  }

  /** The marker that is due now; undefined: none. */
  dueNow(now: number): number | undefined {
    return now >= this.dueAt() ? this.atOnce() : undefined
  }

  /** The marker of a task that tells its time for the last time before it halts. */
  atOnce(): number {
    return this.#told.time.watermark - this.#holdMs
  }

  /** It goes with the layer that is sealed now. */
  sent(marker: number | undefined, now: number): void {
    if (marker !== undefined) this.#lastAt = now
    this.#inFlight = marker
  }

  /** The commit with it happened: from now on the commit record tells it. */
  committed(): void {
    this.#inFlight = undefined
  }
}
