/**
 * The order of packed keys by their bytes, found in numbers: no object is made of a key, and few are compared with one another.
 *
 * Of each key the first bytes that differ are made one number, with its place behind them so that equal keys keep their order; these are
 * sorted as numbers. Keys that are equal so far are sorted again by the bytes behind.
 */
import type { PackedEntries } from './packed-entries.ts'

/** A key is before those that it begins: the end counts as a byte below all others. */
const DIGITS = 257
/** Numbers are exact up to here. */
const EXACT_MAX = 2 ** 53
/** Fewer are put into order one by one. */
const FEW = 8

/** Where each entry begins in the bytes: its key, and its value behind it. */
export function entryStarts({ lengths }: PackedEntries): Int32Array {
  const starts = new Int32Array(lengths.length / 2)
  let at = 0
  for (let index = 0; index < starts.length; index += 1) {
    starts[index] = at
    at += (lengths[2 * index] ?? 0) + Math.max(0, lengths[2 * index + 1] ?? 0)
  }
  return starts
}

interface Keys extends PackedEntries {
  readonly starts: Int32Array
}

/** Positions of the entries in the order of their keys; equal keys keep theirs. `starts` are their `entryStarts`. */
export function keyOrder({ lengths, bytes }: PackedEntries, starts: Int32Array): Uint32Array {
  const order = new Uint32Array(starts.length)
  for (let index = 0; index < order.length; index += 1) order[index] = index
  sortPart({ lengths, bytes, starts }, order, 0)
  return order
}

/** Entries whose keys are equal in the first `depth` bytes. */
function sortPart(keys: Keys, order: Uint32Array, depth: number): void {
  if (order.length <= FEW) return insertEach(keys, order, depth)
  const begin = firstDifference(keys, order, depth)
  // All keys are equal to their ends.
  if (begin === undefined) return
  const ranks = new Float64Array(order.length)
  const width = rank(keys, order, begin, ranks)
  ranks.sort()
  const before = order.slice()
  let first = 0
  let prefix = -1
  for (let place = 0; place < order.length; place += 1) {
    const number = ranks[place] as number // of the same length
    const own = Math.floor(number / order.length)
    order[place] = before[number - own * order.length] as number // the rest is a place
    if (own === prefix) continue
    if (place - first > 1) sortPart(keys, order.subarray(first, place), begin + width)
    first = place
    prefix = own
  }
  if (order.length - first > 1) sortPart(keys, order.subarray(first), begin + width)
}

/** Gives each entry its number: as many bytes from `begin` on as fit, and its place. Answers how many bytes. */
function rank({ lengths, bytes, starts }: Keys, order: Uint32Array, begin: number, ranks: Float64Array): number {
  let width = 1
  while (DIGITS ** (width + 1) * order.length < EXACT_MAX) width += 1
  for (let place = 0; place < order.length; place += 1) {
    const entry = order[place] as number // below length
    const start = starts[entry] as number // there is one for each entry, as of the lengths
    const end = start + (lengths[2 * entry] as number)
    let number = 0
    for (let at = start + begin; at < start + begin + width; at += 1) number = number * DIGITS + (at < end ? (bytes[at] as number) + 1 : 0)
    ranks[place] = number * order.length + place
  }
  return width
}

/** The first byte in which two keys differ; undefined: there is none. */
function firstDifference({ lengths, bytes, starts }: Keys, order: Uint32Array, depth: number): number | undefined {
  const one = order[0] as number // callers have two at least; every entry has a start and a length
  const start = starts[one] as number
  const length = lengths[2 * one] as number
  let found = Infinity
  for (let place = 1; place < order.length; place += 1) {
    const other = order[place] as number
    const otherStart = starts[other] as number
    const otherLength = lengths[2 * other] as number
    const most = Math.min(found, length, otherLength)
    let at = depth
    while (at < most && bytes[start + at] === bytes[otherStart + at]) at += 1
    if (at < most || (at < found && length !== otherLength)) found = at
  }
  return found === Infinity ? undefined : found
}

/** Each behind those that are not larger. */
function insertEach(keys: Keys, order: Uint32Array, depth: number): void {
  for (let place = 1; place < order.length; place += 1) {
    const entry = order[place] as number // below length, as the others
    let hole = place
    while (hole > 0 && isBefore(keys, entry, order[hole - 1] as number, depth)) {
      order[hole] = order[hole - 1] as number
      hole -= 1
    }
    order[hole] = entry
  }
}

function isBefore({ lengths, bytes, starts }: Keys, one: number, other: number, depth: number): boolean {
  const start = starts[one] as number // of entries, as in rank()
  const otherStart = starts[other] as number
  const length = lengths[2 * one] as number
  const otherLength = lengths[2 * other] as number
  const most = Math.min(length, otherLength)
  let at = depth
  while (at < most && bytes[start + at] === bytes[otherStart + at]) at += 1
  return at < most ? (bytes[start + at] as number) < (bytes[otherStart + at] as number) : length < otherLength
}
