/**
 * The records that a load generator appends at a given rate, computable by number, so that generator and reader need not talk. Pure.
 *
 * Record i has the key number i % keys, hence it is the (i / keys + 1)-th of its key: a total that counts n records of a key stands for all
 * its records up to number key + keys * (n - 1).
 */
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import { cardName, type Payment } from './payments.ts'

export interface LoadPlan {
  readonly keys: number
  readonly partitions: number
}

/** Records with the numbers from `first` on, `perSecond` of them from `at` (epoch ms) on. */
export interface Phase {
  readonly first: number
  readonly perSecond: number
  readonly at: number
}

const prefix = 'probe-'
export const probeName = (number: number): string => `${prefix}${String(number).padStart(6, '0')}`
/** Undefined: not of a load. */
export const probeNumber = (key: string): number | undefined => (key.startsWith(prefix) ? Number(key.slice(prefix.length)) : undefined)

export const amountOf = (index: number): number => (index * 7_919) % 100_000

/** When a record is due, epoch ms: latency counts from here, so that a generator that is held up hides nothing. */
export const dueAt = ({ first, perSecond, at }: Phase, index: number): number => at + ((index - first) * 1_000) / perSecond

/** The first number that is not due at `now`. */
export const dueUntil = ({ first, perSecond, at }: Phase, now: number): number =>
  first + Math.max(0, Math.floor(((now - at) * perSecond) / 1_000))

export class LoadRecords {
  readonly #keys: readonly { readonly key: Buffer; readonly partition: number }[]

  constructor({ keys, partitions }: LoadPlan) {
    this.#keys = Array.from({ length: keys }, (_, number) => {
      const key = Buffer.from(probeName(number))
      return { key, partition: partitionOf(toKeyBytes(key), partitions) }
    })
  }

  /** `at`: when it is due, or sent. */
  record(
    index: number,
    at: number,
  ): { readonly key: Buffer; readonly partition: number; readonly value: Buffer; readonly timestamp: number } {
    const own = this.#keys[index % this.#keys.length]
    if (own === undefined) throw new Error('a load has keys')
    const timestamp = Math.floor(at)
    const payment: Payment = {
      amount: amountOf(index),
      currency: 'EUR',
      city: 'Nairobi',
      card: cardName(index % 10_000),
      at: timestamp,
    }
    return { ...own, value: Buffer.from(JSON.stringify(payment)), timestamp }
  }
}

/** What the output must say of `count` records from number 0 on. */
export function loadTotals({ keys }: LoadPlan, count: number): { readonly sums: Float64Array; readonly counts: Float64Array } {
  const sums = new Float64Array(keys)
  const counts = new Float64Array(keys)
  for (let index = 0; index < count; index += 1) {
    sums[index % keys] = (sums[index % keys] ?? 0) + amountOf(index)
    counts[index % keys] = (counts[index % keys] ?? 0) + 1
  }
  return { sums, counts }
}
