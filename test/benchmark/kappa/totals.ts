/**
 * The oracles of the workloads: numbers in flat arrays, since there may be millions of keys. Pure.
 *
 * `Totals`: the last value of each key is its total (a table). `Tally`: all values of each key add up to its total, and there are exactly
 * as many (results that are given once each).
 */
import type { OutputCheck } from './workload.ts'

export interface Total {
  readonly sum: number
  readonly count: number
}

/** Names of keys by number, and back. */
export interface KeyNames {
  readonly count: number
  nameOf(number: number): string
}

abstract class Oracle {
  readonly keys: KeyNames
  readonly sums: Float64Array
  readonly counts: Float64Array

  constructor(keys: KeyNames) {
    this.keys = keys
    this.sums = new Float64Array(keys.count)
    this.counts = new Float64Array(keys.count)
  }

  add(number: number, amount: number): void {
    this.sums[number] = (this.sums[number] ?? 0) + amount
    this.counts[number] = (this.counts[number] ?? 0) + 1
  }
}

/** Numbers are the digits at the end of a name; whatever else a key is, it is not in the input. */
function numberIn(key: string, keys: KeyNames): number | undefined {
  const number = Number(/\d+$/u.exec(key)?.[0] ?? Number.NaN)
  return Number.isInteger(number) && number < keys.count && keys.nameOf(number) === key ? number : undefined
}

class Found {
  readonly sums: Float64Array
  readonly counts: Float64Array
  readonly strangers = new Set<string>()

  constructor(count: number) {
    this.sums = new Float64Array(count)
    this.counts = new Float64Array(count)
  }

  differences(oracle: Oracle): string[] {
    const differences = [...this.strangers].map((key) => `${key}: never in the input`)
    for (let number = 0; number < oracle.keys.count; number += 1) {
      const [sum, count] = [this.sums[number] ?? 0, this.counts[number] ?? 0]
      const [rightSum, rightCount] = [oracle.sums[number] ?? 0, oracle.counts[number] ?? 0]
      if (sum === rightSum && count === rightCount) continue
      differences.push(`${oracle.keys.nameOf(number)}: expected sum ${rightSum} of ${rightCount}, found ${sum} of ${count}`)
    }
    return differences
  }
}

export class Totals extends Oracle {
  /** `decode` reads what the contenders write; default JSON. Whatever else they wrote is not equal. */
  check(decode: (value: Buffer) => Partial<Total> = fromJson): OutputCheck {
    const found = new Found(this.keys.count)
    return {
      take: (key, value) => {
        const number = numberIn(key, this.keys)
        if (number === undefined) return void found.strangers.add(key)
        const { sum, count } = decode(value)
        found.sums[number] = sum ?? Number.NaN
        found.counts[number] = count ?? Number.NaN
      },
      differences: () => found.differences(this),
    }
  }
}

export class Tally extends Oracle {
  /** `amountOf` gives the number that a result stands for, NaN when it is none. */
  check(amountOf: (value: Buffer) => number): OutputCheck {
    const found = new Found(this.keys.count)
    return {
      take: (key, value) => {
        const number = numberIn(key, this.keys)
        if (number === undefined) return void found.strangers.add(key)
        found.sums[number] = (found.sums[number] ?? 0) + amountOf(value)
        found.counts[number] = (found.counts[number] ?? 0) + 1
      },
      differences: () => found.differences(this),
    }
  }
}

const fromJson = (value: Buffer): Partial<Total> => JSON.parse(value.toString()) as Partial<Total>
