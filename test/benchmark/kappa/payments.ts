/**
 * The payments that most workloads read. Pure and seeded: equal sizes give equal records.
 *
 * Amounts are whole cents, so that sums are exact in every language and order. Event time goes on by one millisecond for each record.
 */
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import type { InputSize, PlannedRecord } from './workload.ts'

export interface Payment {
  /** Cents. */
  readonly amount: number
  readonly currency: string
  readonly city: string
  readonly card: string
  /** Epoch ms. */
  readonly at: number
  /** Only where records are large. */
  readonly note?: string
}

export interface PaymentOptions extends InputSize {
  /**
   * Records whose keys are all different, in an order that no cache likes: `always`, round after round, or only the `first` ones, until each
   * key was there once. Default: keys are drawn.
   */
  readonly eachKey?: 'always' | 'first'
  /** Length of the note; default none, which makes records of about 100 bytes. */
  readonly noteLength?: number
  /** Other than JSON text. */
  readonly encode?: (payment: Payment) => Buffer
}

/** Of event time; a whole number of days, so that windows begin here. */
export const paymentsBegin = Date.UTC(2025, 0, 1)
export const cardsCount = 10_000
const cities = ['Berlin', 'Lisbon', 'Nairobi', 'Osaka', 'Quito', 'Tromso', 'Utrecht', 'Valparaiso']
const amountsMax = 100_000
/** Prime, and no divisor of any number of keys that is used here. */
const stride = 1_000_003

export const accountName = (number: number): string => `account-${String(number).padStart(8, '0')}`
export const cardName = (number: number): string => `4000-${String(number).padStart(4, '0')}`

/** All payments in the order in which they are appended; tells each to `heard`, for the oracle. */
export function* payments(
  options: PaymentOptions,
  heard: (account: number, payment: Payment, partition: number) => void,
): Generator<PlannedRecord> {
  const { records, keys, partitions, eachKey, noteLength = 0, encode = asJson } = options
  const random = randomNumbers(20_250_101)
  const note = 'Thank you for your purchase. '.repeat(Math.ceil(noteLength / 29)).slice(0, noteLength)
  for (let index = 0; index < records; index += 1) {
    const drawn = Math.floor(random() * keys)
    const isNext = eachKey === 'always' || (eachKey === 'first' && index < keys)
    const number = isNext ? (index * stride) % keys : drawn
    const key = Buffer.from(accountName(number))
    const partition = partitionOf(toKeyBytes(key), partitions)
    const payment: Payment = {
      amount: Math.floor(random() * amountsMax),
      currency: 'EUR',
      city: cities[index % cities.length] ?? '',
      card: cardName(index % cardsCount),
      at: paymentsBegin + index,
      ...(noteLength > 0 && { note }),
    }
    heard(number, payment, partition)
    yield { partition, key, value: encode(payment), timestamp: payment.at }
  }
}

const asJson = (payment: Payment): Buffer => Buffer.from(JSON.stringify(payment))

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
