/**
 * Finds what a block repeats of itself: the part that the writers of lz4 and snappy share. Greedy, with one remembered place for each
 * hash of four bytes; where nothing repeats it looks at fewer and fewer places.
 */

/** Distances inside a block fit into 16 bits, which both formats have. */
export const BLOCK_BYTES_MAX = 64 * 1024
/** lz4 asks for it: no match begins in the last 12 bytes of a block or reaches into its last 5. */
const LAST_START_BYTES = 12
const LAST_LITERAL_BYTES = 5
export const MATCH_BYTES_MIN = 4
const HASH_BITS = 14
/** Odd, close to 2^32 divided by the golden ratio. */
const HASH_FACTOR = 0x9e3779b1
/** After so many places without a match the step grows by one (a power of two). */
const PATIENCE_BITS = 6

const places = new Int32Array(1 << HASH_BITS)

/** `literals`: from its first argument to its second, then `length` bytes from `distance` before. */
export type TakeMatch = (literalsFrom: number, literalsEnd: number, distance: number, length: number) => void

/** Answers where the last literals begin; they end at `end`. */
export function eachMatch(bytes: Uint8Array, from: number, end: number, take: TakeMatch): number {
  places.fill(-1)
  const lastStart = end - LAST_START_BYTES
  const matchEnd = end - LAST_LITERAL_BYTES
  let anchor = from
  let misses = 0
  for (let at = from; at < lastStart;) {
    const word = fourAt(bytes, at)
    const hash = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS)
    const before = places[hash] ?? -1
    places[hash] = at
    if (before < 0 || fourAt(bytes, before) !== word) {
      at += 1 + (misses++ >> PATIENCE_BITS)
      continue
    }
    let length = MATCH_BYTES_MIN
    while (at + length < matchEnd && bytes[at + length] === bytes[before + length]) length++
    take(anchor, at, at - before, length)
    at += length
    anchor = at
    misses = 0
  }
  return anchor
}

const fourAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
