/** Lengths of time and sizes as branded numbers: `tumbling(60_000)` is refused by the compiler, `at + minutes(5)` is still a number. */
import { Fault } from '../faults/fault.ts'

declare const unit: unique symbol

/** Milliseconds, made by seconds(), minutes(), ... A plain number is refused. */
export type Duration = number & { readonly [unit]: 'duration' }
/** Bytes, made by kilobytes(), megabytes(), ... */
export type Size = number & { readonly [unit]: 'size' }
/** Epoch milliseconds inside; ISO 8601 text with a zone (`2026-03-01T10:00:00Z`) accepted at the edges. */
export type Timestamp = number | string

function positive(n: number, factor: number, name: string): number {
  const product = n * factor
  if (!Number.isSafeInteger(Math.round(product)) || product < 0) {
    throw new Fault('MR1018', 'stop', `${name}(${n}) is no usable amount: give a finite number that is not negative`)
  }
  return Math.round(product)
}

// The only places where the brands are given: the number was checked just before.
const duration = (name: string, factor: number) => (n: number) => positive(n, factor, name) as Duration
const size = (name: string, factor: number) => (n: number) => positive(n, factor, name) as Size

export const milliseconds: (n: number) => Duration = duration('milliseconds', 1)
export const seconds: (n: number) => Duration = duration('seconds', 1_000)
export const minutes: (n: number) => Duration = duration('minutes', 60_000)
export const hours: (n: number) => Duration = duration('hours', 3_600_000)
/** Days of 24 hours, UTC: no daylight saving. */
export const days: (n: number) => Duration = duration('days', 86_400_000)

/** 1024 bytes each. */
export const kilobytes: (n: number) => Size = size('kilobytes', 2 ** 10)
export const megabytes: (n: number) => Size = size('megabytes', 2 ** 20)
export const gigabytes: (n: number) => Size = size('gigabytes', 2 ** 30)
