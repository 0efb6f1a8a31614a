/**
 * The oracle of windows: the total of each key and window that is over, given exactly once. Pure.
 *
 * A window is over when the event time of its key's partition has reached its end: tasks have one partition each, and nobody waits for late
 * records here.
 */
import { accountName, paymentsBegin, type Payment } from './payments.ts'
import type { OutputCheck } from './workload.ts'

export interface WindowResult {
  /** Epoch ms. */
  readonly start: number
  readonly sum: number
  readonly count: number
}

interface WindowTotal {
  sum: number
  count: number
  readonly partition: number
}

export class WindowTotals {
  readonly #sizeMs: number
  readonly #totals = new Map<string, WindowTotal>()
  /** By partition, epoch ms. */
  readonly #latest = new Map<number, number>()

  constructor(sizeMs: number) {
    this.#sizeMs = sizeMs
  }

  add(account: number, payment: Payment, partition: number): void {
    const name = nameOf(accountName(account), payment.at - ((payment.at - paymentsBegin) % this.#sizeMs))
    const total = this.#totals.get(name)
    if (total === undefined) this.#totals.set(name, { sum: payment.amount, count: 1, partition })
    else {
      total.sum += payment.amount
      total.count += 1
    }
    this.#latest.set(partition, Math.max(payment.at, this.#latest.get(partition) ?? 0))
  }

  check(): OutputCheck {
    const found = new Map<string, string>()
    const twice: string[] = []
    return {
      take: (key, value) => {
        // Written by the contenders; whatever else it is, it is not equal.
        const { start, sum, count } = JSON.parse(value.toString()) as Partial<WindowResult>
        const name = nameOf(key, start ?? Number.NaN)
        if (found.has(name)) twice.push(`${name}: given more than once`)
        found.set(name, `${sum} of ${count}`)
      },
      differences: () => [...twice, ...this.#differences(found)],
    }
  }

  #differences(found: ReadonlyMap<string, string>): string[] {
    const differences: string[] = []
    let right = 0
    for (const [name, { sum, count, partition }] of this.#totals) {
      const isOver = startIn(name) + this.#sizeMs <= (this.#latest.get(partition) ?? 0)
      const expected = isOver ? `${sum} of ${count}` : 'nothing'
      const actual = found.get(name) ?? 'nothing'
      if (actual !== expected) differences.push(`${name}: expected ${expected}, found ${actual}`)
      if (found.has(name)) right += 1
    }
    if (right < found.size) differences.push(`${found.size - right} results for keys and windows that are not in the input`)
    return differences
  }
}

const nameOf = (key: string, start: number): string => `${key} at ${start}`
const startIn = (name: string): number => Number(name.slice(name.lastIndexOf(' ') + 1))
