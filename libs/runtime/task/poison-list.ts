/**
 * Records on which a transaction has failed, kept from that failure until the re-run has committed their refusals. Bounded: a topic full of
 * such records says that the program is wrong, not the records.
 */
import type { Refusal } from './dead-letter.ts'
import type { Poison } from './decode.ts'

const RECORDS_MAX = 10_000

export class PoisonList implements Poison {
  readonly #refusals = new Map<string, Refusal>()

  get size(): number {
    return this.#refusals.size
  }
  get full(): boolean {
    return this.size >= RECORDS_MAX
  }
  get(id: string): Refusal | undefined {
    return this.#refusals.get(id)
  }
  add(id: string, refusal: Refusal): void {
    this.#refusals.set(id, refusal)
  }

  /** Those below the committed positions ('topic:partition' → next offset) have their dead letters. */
  forgetPassed(positions: Readonly<Record<string, number>>): void {
    for (const id of this.#refusals.keys()) {
      const cut = id.lastIndexOf(':')
      if (Number(id.slice(cut + 1)) < (positions[id.slice(0, cut)] ?? 0)) this.#refusals.delete(id)
    }
  }
}
