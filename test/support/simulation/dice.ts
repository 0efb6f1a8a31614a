/** All that is left to chance in a simulated run comes from one of these, so that the same seed is the same run. */
import { mulberry32 } from '../shuffled-schedule.ts'

export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = mulberry32(seed)
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** From 0 to 1, 1 excluded. */
  fraction(): number {
    return this.#random()
  }

  oneOf<T>(all: readonly [T, ...T[]]): T {
    return all[this.below(all.length)] ?? all[0]
  }

  /** Undefined when there is nothing to take from. */
  anyOf<T>(all: readonly T[]): T | undefined {
    return all[this.below(all.length)]
  }
}
