/**
 * Byte layout of the local store and of changelog keys. Pure.
 *
 *   local store key
 *     registry     00 00 | 01                                  JSON, see local-mark.ts
 *     mark         00 00 | 02                                  JSON, see local-mark.ts
 *     entry        step number u16, from 1 | changelog key of the entry
 *
 *   changelog key
 *     fence        00
 *     reset        01
 *     entry        02 | cell name length u8 | cell name | entry key
 *
 *   entry key
 *     value cell   key
 *     map cell     key length, varint | key | name
 *     timed cell   time, 8 bytes big-endian, sign bit flipped so that bytes order as numbers do | key
 *
 * The local key ends with the changelog key, so that one piece of memory serves both. Step numbers are local: a changelog can be
 * restored into any store.
 */
import type { KeyBytes } from '../dataflow/cells.ts'

/** First byte of a changelog key. */
export const FENCE = 0x00
export const RESET = 0x01
export const USER = 0x02

/** Bytes of the step number in a local key; behind it the changelog key begins. */
export const STEP_BYTES = 2
const STEP_NUMBER_MAX = 0xfffe
const CELL_NAME_BYTES_MAX = 0xff

export const REGISTRY_KEY: Uint8Array = Buffer.from([0, 0, 1])
export const MARK_KEY: Uint8Array = Buffer.from([0, 0, 2])

const stepPrefix = (stepNumber: number): Buffer => {
  if (stepNumber < 1 || stepNumber > STEP_NUMBER_MAX) throw new RangeError(`step number ${stepNumber} is not from 1 to ${STEP_NUMBER_MAX}`)
  return Buffer.from([stepNumber >>> 8, stepNumber & 0xff])
}

/** Everything before the entry key in a local key. */
export function cellPrefix(stepNumber: number, cell: string): Buffer {
  const name = Buffer.from(cell)
  if (name.length > CELL_NAME_BYTES_MAX) throw new RangeError(`the name of the cell ${cell} is longer than ${CELL_NAME_BYTES_MAX} bytes`)
  return Buffer.concat([stepPrefix(stepNumber), Buffer.from([USER, name.length]), name])
}

/** All local keys of a step: from inclusive, to exclusive. */
export function stepRange(stepNumber: number): { readonly from: Buffer; readonly to: Buffer } {
  const from = stepPrefix(stepNumber)
  return { from, to: after(from) }
}

/** The first key that is above all keys with this prefix. */
export function after(prefix: Uint8Array): Buffer {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1
  if (length === 0) throw new RangeError('there is no key above this prefix')
  const end = Buffer.from(prefix.subarray(0, length))
  end[length - 1] = (end[length - 1] ?? 0) + 1
  return end
}

export function localKey(prefix: Uint8Array, entry: KeyBytes): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + entry.length)
  key.set(prefix)
  key.write(entry, prefix.length, 'latin1')
  return key
}

const TWO_POW_32 = 2 ** 32
export const TIME_BYTES = 8

/** Order of the bytes = order of the times. */
export function timeBytes(time: number): KeyBytes {
  if (!Number.isSafeInteger(time)) throw new RangeError(`the time ${time} of a timed entry is not a whole number of milliseconds`)
  const high = Math.floor(time / TWO_POW_32)
  const low = time - high * TWO_POW_32
  const flipped = (high ^ 0x80000000) >>> 0
  return String.fromCharCode(
    flipped >>> 24,
    (flipped >>> 16) & 0xff,
    (flipped >>> 8) & 0xff,
    flipped & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  )
}

export const timeOf = (entry: Uint8Array, at: number): number => {
  const view = new DataView(entry.buffer, entry.byteOffset + at, TIME_BYTES)
  return ((view.getUint32(0) ^ 0x80000000) | 0) * TWO_POW_32 + view.getUint32(4)
}

/** `key length | key`: what all entries of one key of a map cell begin with. */
export function mapPrefix(key: KeyBytes): KeyBytes {
  let length = ''
  let rest = key.length
  while (rest > 0x7f) {
    length += String.fromCharCode((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return length + String.fromCharCode(rest) + key
}

/** Reads `key length | key | name` back. */
export function splitMapEntry(entry: KeyBytes): { readonly key: KeyBytes; readonly name: KeyBytes } {
  let length = 0
  let at = 0
  for (let shift = 0; ; shift += 7) {
    const byte = entry.charCodeAt(at++)
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  return { key: entry.slice(at, at + length), name: entry.slice(at + length) }
}
