/** The cut markers that a task has read: of each repartition input and upstream task the newest switch. Pure. Older ones mean nothing (hole S9). */
export interface CutInput {
  readonly id: string
  readonly upstream: readonly string[]
}

export type SavedCuts = Readonly<Record<string, Readonly<Record<string, number>>>>

export class Cuts {
  readonly #inputs: readonly CutInput[]
  readonly #newest: Map<string, number>[]

  constructor(inputs: readonly CutInput[], saved: SavedCuts) {
    this.#inputs = inputs
    this.#newest = inputs.map((input) => new Map(Object.entries(saved[input.id] ?? {})))
  }

  /** `index`: of the inputs given to the constructor. */
  take(index: number, upstreamTask: string, s: number): void {
    const newest = this.#newest[index]
    if (newest !== undefined && s > (newest.get(upstreamTask) ?? -1)) newest.set(upstreamTask, s)
  }

  /** The markers of exactly this switch have come from all upstream tasks of all repartition inputs. */
  complete(s: number): boolean {
    return this.#inputs.every((input, index) => input.upstream.every((task) => this.#newest[index]?.get(task) === s))
  }

  saved(): SavedCuts {
    const saved: Record<string, Record<string, number>> = {}
    for (const [index, input] of this.#inputs.entries()) {
      const newest = this.#newest[index]
      if (newest !== undefined && newest.size > 0) saved[input.id] = Object.fromEntries(newest)
    }
    return saved
  }
}
