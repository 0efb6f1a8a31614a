/**
 * The engine's own form for state, repartition topics and `structured()`: what goes in comes out, also Date, bigint, Map, Set, bytes,
 * undefined fields, -0 and NaN. Pure.
 *
 *     JSON text              when the value is JSON-plain: readable with any tool, and fast
 *     0xFF JSON text         else: what JSON lacks stands as {"$": "date", "v": 1772359200000} (tagged.ts)
 *
 * V8's own serializer was tried and left: its bytes are for one runtime only, and what it gives back belongs to another realm
 * in jest, where `instanceof Date` then fails.
 */
import { asBuffer } from './cells.ts'
import type { Codec } from './cells.ts'
import { fromTagged, toTagged } from './tagged.ts'

/** No JSON text begins so. */
const TAGGED = 0xff

/** Deeper values go the other way, which says when it is a circle. */
const DEPTH_MAX = 64

/** True when JSON text carries the value without loss. */
export function isJsonPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth < DEPTH_MAX && (Array.isArray(value) ? isPlainArray(value, depth) : isPlainObject(value, depth)))
    default:
      return false
  }
}

function isPlainArray(array: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < array.length; index += 1) {
    // A hole reads as undefined, which is not plain.
    if (!isJsonPlain(array[index], depth + 1)) return false
  }
  return true
}

function isPlainObject(value: object, depth: number): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const name in value) {
    // The loop gives names of this very object, whose prototype has none to give.
    if (!isJsonPlain((value as Readonly<Record<string, unknown>>)[name], depth + 1)) return false
  }
  return true
}

/** `room`: so many bytes are left free behind it. Throws TypeError for what would not come back as it was: functions, symbols, class instances, circles. */
export function encodeStructured(value: unknown, room = 0): Uint8Array {
  const plain = isJsonPlain(value)
  if (plain && room === 0) return Buffer.from(JSON.stringify(value), 'utf8')
  return inRoom(JSON.stringify(plain ? value : toTagged(value)), !plain, room)
}

function inRoom(text: string, tagged: boolean, room: number): Uint8Array {
  const start = tagged ? 1 : 0
  const encoded = Buffer.allocUnsafe(start + Buffer.byteLength(text) + room)
  if (tagged) encoded[0] = TAGGED
  encoded.write(text, start, 'utf8')
  return encoded
}

/** `behind`: bytes at the end that do not belong to it. */
export function decodeStructured(bytes: Uint8Array, behind = 0): unknown {
  const buffer = asBuffer(bytes)
  const end = bytes.byteLength - behind
  if (bytes[0] === TAGGED) return fromTagged(JSON.parse(buffer.toString('utf8', 1, end)))
  return JSON.parse(buffer.toString('utf8', 0, end))
}

/** For cells of state. */
export const structuredCodec: Codec<unknown> = { encode: (value) => encodeStructured(value), decode: (bytes) => decodeStructured(bytes) }

/** A value of its own: user code may change the other one in place. */
export const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? decodeStructured(encodeStructured(value)) : value
