/**
 * The input of the benchmark and its oracle. Pure and seeded: the same numbers of records and keys give the same records.
 *
 * Amounts are whole cents, so that sums are exact in every language and order.
 */
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'

export interface Payment {
  /** Cents. */
  readonly amount: number
  readonly currency: string
  readonly city: string
  readonly card: string
  /** Epoch ms. */
  readonly at: number
}

export interface Total {
  readonly sum: number
  readonly count: number
}

export interface Workload {
  readonly records: number
  readonly keys: number
  readonly partitions: number
}

export interface PlannedRecord {
  readonly partition: number
  readonly key: Buffer
  readonly value: Buffer
  readonly timestamp: number
}

const start = Date.UTC(2025, 0, 1)
const cities = ['Berlin', 'Lisbon', 'Nairobi', 'Osaka', 'Quito', 'Tromso', 'Utrecht', 'Valparaiso']

/** All records in the order in which they are appended, and what the totals must be at the end. */
export class Plan {
  readonly workload: Workload
  /** By key number. */
  readonly #sums: Float64Array
  readonly #counts: Float64Array
  readonly #keys: readonly { readonly key: Buffer; readonly partition: number }[]

  constructor(workload: Workload) {
    this.workload = workload
    this.#sums = new Float64Array(workload.keys)
    this.#counts = new Float64Array(workload.keys)
    this.#keys = Array.from({ length: workload.keys }, (_, number) => {
      const key = Buffer.from(keyOf(number))
      return { key, partition: partitionOf(toKeyBytes(key), workload.partitions) }
    })
  }

  /** To be drained once: the oracle is filled on the way. */
  *records(): Generator<PlannedRecord> {
    const random = randomNumbers(20_250_101)
    for (let index = 0; index < this.workload.records; index += 1) {
      const number = Math.floor(random() * this.workload.keys)
      const own = this.#keys[number]
      if (own === undefined) throw new Error('a key number is out of range')
      const payment: Payment = {
        amount: Math.floor(random() * 100_000),
        currency: 'EUR',
        city: cities[index % cities.length] ?? '',
        card: `4000-${String(index % 10_000).padStart(4, '0')}`,
        at: start + index,
      }
      this.#sums[number] = (this.#sums[number] ?? 0) + payment.amount
      this.#counts[number] = (this.#counts[number] ?? 0) + 1
      yield { ...own, value: Buffer.from(JSON.stringify(payment)), timestamp: payment.at }
    }
  }

  /** By key, of the keys that occur. */
  oracle(): Map<string, Total> {
    const totals = new Map<string, Total>()
    for (let number = 0; number < this.workload.keys; number += 1) {
      const count = this.#counts[number] ?? 0
      if (count > 0) totals.set(keyOf(number), { sum: this.#sums[number] ?? 0, count })
    }
    return totals
  }
}

export const keyOf = (number: number): string => `account-${String(number).padStart(8, '0')}`

/** mulberry32: 32 bits of state, good enough to spread keys. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
