/**
 * What a reader of the output sees of a load, read committed: how late each record shows, and in the end whether the totals are right.
 * Pure: takes records and times.
 */
import { dueAt, loadTotals, probeName, probeNumber, type LoadPlan, type Phase } from './load-plan.ts'
import { percentile } from './statistics.ts'
import type { Total } from './totals.ts'

export interface Latencies {
  readonly records: number
  /** ms. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class LoadReader {
  readonly #plan: LoadPlan
  readonly #counts: Float64Array
  readonly #sums: Float64Array
  #shown = 0
  #phase: Phase | undefined
  /** Numbers from here on are measured. */
  #from = 0
  #latencies: number[] = []

  constructor(plan: LoadPlan) {
    this.#plan = plan
    this.#counts = new Float64Array(plan.keys)
    this.#sums = new Float64Array(plan.keys)
  }

  /** Records that some total counts. */
  get shown(): number {
    return this.#shown
  }

  /** Measures the records of a phase from number `from` on. */
  begin(phase: Phase, from: number): void {
    this.#phase = phase
    this.#from = from
    this.#latencies = []
  }

  /** False: not a key of this load. */
  take(key: string, value: Buffer, now: number): boolean {
    const number = probeNumber(key)
    if (number === undefined) return false
    // Written by the contenders; totals that make no sense fail the check.
    const { sum = Number.NaN, count = Number.NaN } = JSON.parse(value.toString()) as Partial<Total>
    const before = this.#counts[number] ?? 0
    for (let nth = before + 1; nth <= count; nth += 1) this.#show(number + this.#plan.keys * (nth - 1), now)
    this.#counts[number] = count
    this.#sums[number] = sum
    return true
  }

  #show(index: number, now: number): void {
    this.#shown += 1
    if (this.#phase !== undefined && index >= this.#from) this.#latencies.push(now - dueAt(this.#phase, index))
  }

  latencies(): Latencies {
    const sorted = Float64Array.from(this.#latencies).sort()
    const at = (share: number): number => percentile(sorted, share)
    return { records: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
  }

  /** What differs from the totals of the first `sent` records. */
  differences(sent: number): string[] {
    const { sums, counts } = loadTotals(this.#plan, sent)
    const differences: string[] = []
    for (let number = 0; number < this.#plan.keys; number += 1) {
      if (sums[number] === this.#sums[number] && counts[number] === this.#counts[number]) continue
      const found = `${this.#sums[number]} of ${this.#counts[number]}`
      differences.push(`${probeName(number)}: expected sum ${sums[number]} of ${counts[number]}, found ${found}`)
    }
    return differences
  }
}
