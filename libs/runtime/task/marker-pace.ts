/**
 * When a watermark marker goes to the next stage (engine.md 5): only when the watermark moved, at most one in `markerIntervalMs`, and one
 * that was held back is due at the end of the interval even if nothing else is to commit (hole T5). Pure: takes the time as argument.
 */
import type { TaskWiring } from '../worker/wiring.ts'

export class MarkerPace {
  /** There is a next stage. */
  readonly sends: boolean
  readonly #holdMs: number
  readonly #intervalMs: number
  #lastAt = -Infinity
  #inFlight: number | undefined

  constructor(task: TaskWiring, intervalMs: number) {
    this.sends = task.outputs.some((output) => output.repartition)
    this.#holdMs = task.subTopology.holdMs
    this.#intervalMs = intervalMs
  }

  /** Monotonic ms; Infinity while there is nothing new to tell. `committed`: the marker in the newest commit record. */
  dueAt(watermark: number, committed: number | undefined): number {
    if (!this.sends) return Infinity
    const moved = watermark - this.#holdMs > (this.#inFlight ?? committed ?? -Infinity)
    return moved ? this.#lastAt + this.#intervalMs : Infinity
  }

  /** The marker that is due now; undefined: none. */
  dueNow(watermark: number, committed: number | undefined, now: number): number | undefined {
    return now >= this.dueAt(watermark, committed) ? watermark - this.#holdMs : undefined
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
