/**
 * Zigzag variable-length integers as in Kafka's records: seven bits a byte, lowest first, the high bit says that more follow;
 * zigzag puts the sign in the lowest bit. Writers answer the position after what they wrote.
 */

/** Bytes of a 32-bit value. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  bytes[at++] = zigzag
  return at
}

/** Bytes of a 64-bit value, given as a number. */
export function varlongSize(value: number): number {
  if ((value | 0) === value) return varintSize(value)
  let zigzag = zigzag64(value)
  let size = 1
  while (zigzag >= 0x80n) {
    zigzag >>= 7n
    size++
  }
  return size
}

export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value) return writeVarint(bytes, at, value)
  let zigzag = zigzag64(value)
  while (zigzag >= 0x80n) {
    bytes[at++] = Number(zigzag & 0x7fn) | 0x80
    zigzag >>= 7n
  }
  bytes[at++] = Number(zigzag)
  return at
}

function zigzag64(value: number): bigint {
  const exact = BigInt.asIntN(64, BigInt(value))
  return BigInt.asUintN(64, (exact << 1n) ^ (exact >> 63n))
}

/** Where the last read ended. Module state instead of a result object: the reader below is the inner loop of everything. */
export let cursor = 0

/** A zigzag value of up to 64 bits that begins at `at`; sets `cursor`. NaN if it does not end before `end`. */
export function readVarlong(bytes: Uint8Array, at: number, end: number): number {
  let low = 0
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) return Number.NaN
    const byte = bytes[at++] as number // below end
    low |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      cursor = at
      return (low >>> 1) ^ -(low & 1)
    }
  }
  return readLong(bytes, at, end, low)
}

function readLong(bytes: Uint8Array, at: number, end: number, low: number): number {
  let zigzag = BigInt(low)
  for (let shift = 28n; shift < 70n; shift += 7n) {
    if (at >= end) return Number.NaN
    const byte = bytes[at++] as number // below end
    zigzag |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) {
      cursor = at
      const unsigned = BigInt.asUintN(64, zigzag)
      return Number(BigInt.asIntN(64, (unsigned >> 1n) ^ -(unsigned & 1n)))
    }
  }
  return Number.NaN
}
