/**
 * The engine's own form for state, repartition topics and `structured()`: what goes in comes out, also Date, bigint, Map, Set, bytes,
 * undefined fields, -0 and NaN. Pure.
 *
 *     JSON text          when the value is JSON-plain: readable with any tool
 *     0xFF ...           else: V8's structured clone (0xFF never begins a JSON text)
 */
import { deserialize, serialize } from 'node:v8'
import type { Codec } from './cells.ts'

const CLONE = 0xff

/** Deeper values go the other way, which also knows cycles. */
const DEPTH_MAX = 64

/** True when JSON text carries the value without loss. Getters and class instances are no plain data. */
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

export function encodeStructured(value: unknown): Uint8Array {
  return isJsonPlain(value) ? Buffer.from(JSON.stringify(value), 'utf8') : serialize(value)
}

export function decodeStructured(bytes: Uint8Array): unknown {
  if (bytes[0] === CLONE) return deserialize(bytes)
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
}

/** For cells of state. */
export const structuredCodec: Codec<unknown> = { encode: encodeStructured, decode: decodeStructured }

/** A value of its own: user code may change the other one in place. */
export const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? decodeStructured(encodeStructured(value)) : value
