/**
 * Values that JSON lacks, as JSON: `{"$": <tag>, "v": <content>}`. An object that has a field "$" of its own is written as the tag
 * `object` with its entries, so that it is not taken for one. Pure.
 *
 * What belongs to another realm (jest runs tests in one) is known by its tag or shape, never by instanceof.
 */
import { asBuffer } from './cells.ts'

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

const TAG = '$'
/** Deeper than data is: a value that refers to itself. */
const DEPTH_MAX = 500

const tagged = (tag: string, content?: Json): Json => (content === undefined ? { [TAG]: tag } : { [TAG]: tag, v: content })

export function toTagged(value: unknown, depth = 0): Json {
  if (depth > DEPTH_MAX) throw new TypeError(`a value that refers to itself, or is deeper than ${DEPTH_MAX} levels, cannot be kept`)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return tagged('number', Object.is(value, -0) ? '-0' : String(value))
    case 'bigint':
      return tagged('bigint', String(value))
    case 'undefined':
      return tagged('undefined')
    case 'object':
      return value === null ? null : objectToTagged(value, depth + 1)
    default:
      throw new TypeError(`a ${typeof value} cannot be kept: only data can`)
  }
}

function objectToTagged(value: object, depth: number): Json {
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => (index in value ? toTagged(item, depth) : tagged('hole')))
  if (value instanceof Uint8Array) return tagged('bytes', asBuffer(value).toString('base64'))
  switch (Object.prototype.toString.call(value)) {
    // Each is what its tag says; a class that lies about its tag fails at the first call.
    case '[object Date]':
      return tagged('date', toTagged((value as Date).getTime(), depth))
    case '[object Map]':
      return tagged(
        'map',
        [...(value as ReadonlyMap<unknown, unknown>)].map(([key, item]) => [toTagged(key, depth), toTagged(item, depth)]),
      )
    case '[object Set]':
      return tagged(
        'set',
        [...(value as ReadonlySet<unknown>)].map((item) => toTagged(item, depth)),
      )
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TypeError(
      `an instance of ${value.constructor.name} cannot be kept, it would come back without its methods: use plain objects, arrays, Map, Set, Date, bigint or bytes`,
    )
  }
  const entries = Object.entries(value).map(([name, item]): [string, Json] => [name, toTagged(item, depth)])
  return Object.hasOwn(value, TAG) ? tagged('object', entries) : Object.fromEntries(entries)
}

export function fromTagged(json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return arrayFromTagged(json)
  const tag = json[TAG]
  if (tag === undefined) return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, fromTagged(item)]))
  return contentOf(tag, json['v'] ?? null)
}

function arrayFromTagged(items: readonly Json[]): unknown[] {
  const array: unknown[] = []
  array.length = items.length
  items.forEach((item, index) => {
    if (typeof item === 'object' && item !== null && !Array.isArray(item) && item[TAG] === 'hole') return
    array[index] = fromTagged(item)
  })
  return array
}

function contentOf(tag: Json, content: Json): unknown {
  const list = Array.isArray(content) ? content : []
  const pairs = (): [unknown, unknown][] =>
    list.map((pair) => (Array.isArray(pair) ? [fromTagged(pair[0] ?? null), fromTagged(pair[1] ?? null)] : [pair, null]))
  switch (tag) {
    case 'number':
    case 'date': {
      const number = Number(typeof content === 'object' ? fromTagged(content) : content)
      return tag === 'date' ? new Date(number) : number
    }
    case 'bigint':
      return BigInt(String(content))
    case 'undefined':
      return undefined
    case 'bytes':
      return new Uint8Array(Buffer.from(String(content), 'base64'))
    case 'map':
      return new Map(pairs())
    case 'set':
      return new Set(list.map(fromTagged))
    case 'object':
      return Object.fromEntries(pairs())
    default:
      throw new TypeError(`unknown tag ${JSON.stringify(tag)}: written by a newer Millrace?`)
  }
}
