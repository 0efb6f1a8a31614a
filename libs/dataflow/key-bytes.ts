/**
 * Keys by shape: one byte form for every Key, the same on every machine, ordered within each kind. Pure.
 *
 *     text              UTF-8, as other producers write it (no UTF-8 begins with 0xF8-0xFF)
 *     0xF8, 0xF9        false, true
 *     0xFA f64          number: big endian, sign flipped so that bytes sort as numbers; -0 is 0
 *     0xFB n hex        bigint: 0x80 +- length (so that longer sorts outwards), then the magnitude (inverted when negative)
 *     0xFC parts 0x00   tuple: each part as above but text, which is 0x02 UTF-8 (0x00 as 0x00 0xFF) 0x00
 *     0xFD utf-16       text with lone surrogates, which UTF-8 cannot carry
 */
import { fromKeyBytes, toKeyBytes } from './cells.ts'
import type { KeyBytes } from './cells.ts'
import type { AnyFormat, Format } from './format.ts'
import { text } from './formats.ts'
import { RecordRefused } from './plan.ts'
import type { Key } from './records.ts'

const FALSE = 0xf8
const TRUE = 0xf9
const NUMBER = 0xfa
const BIGINT = 0xfb
const TUPLE = 0xfc
const UTF16 = 0xfd
const PART_TEXT = 0x02
const END = 0x00
const ESCAPED = 0xff
const BIGINT_BYTES_MAX = 0x7e

/** The default format of keys. */
export const keyByShape: Format<Key> = {
  name: 'key by shape',
  encode: (key) => fromKeyBytes(keyToBytes(key)),
  decode: (bytes) => keyFromBytes(toKeyBytes(bytes)),
}

const ASCII = /^[\0-\x7f]*$/
/** Keys are short: looking at each character costs less than calling the regular expression. */
const SHORT = 64

function isAscii(text: string): boolean {
  if (text.length > SHORT) return ASCII.test(text)
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

const char = String.fromCharCode
const utf8 = (value: string): KeyBytes => (isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1'))
const fromUtf8 = (bytes: KeyBytes): string => (isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8'))

export function keyToBytes(key: unknown): KeyBytes {
  if (typeof key === 'string') return isAscii(key) ? key : key.isWellFormed() ? utf8(key) : char(UTF16) + utf16(key)
  return partToBytes(key)
}

function partToBytes(key: unknown): KeyBytes {
  switch (typeof key) {
    case 'string':
      return key.isWellFormed()
        ? char(PART_TEXT) + utf8(key).replaceAll('\0', `\0${char(ESCAPED)}`) + char(END)
        : char(UTF16) + utf16(key).replaceAll('\0', `\0${char(ESCAPED)}`) + char(END)
    case 'boolean':
      return char(key ? TRUE : FALSE)
    case 'number':
      return numberToBytes(key)
    case 'bigint':
      return bigintToBytes(key)
    default:
      if (Array.isArray(key)) return char(TUPLE) + key.map(partToBytes).join('') + char(END)
      throw new TypeError(`${key === null ? 'null' : typeof key} is no key: give text, a number, a boolean, a bigint or a tuple of them`)
  }
}

const utf16 = (value: string): KeyBytes => Buffer.from(value, 'utf16le').toString('latin1')

const double = Buffer.alloc(8)

function numberToBytes(key: number): KeyBytes {
  if (Number.isNaN(key)) throw new TypeError('NaN is no key: it is equal to nothing, also not to itself')
  double.writeDoubleBE(key === 0 ? 0 : key)
  flipSign()
  return char(NUMBER) + double.toString('latin1')
}

/** Negative numbers: all bits inverted. Others: the sign bit set. Its own inverse when `back`. */
function flipSign(back = false): void {
  const first = double[0] ?? 0
  const negative = back ? first < 0x80 : first >= 0x80
  for (let index = 0; index < 8; index += 1) double[index] = (double[index] ?? 0) ^ (negative ? 0xff : index === 0 ? 0x80 : 0)
}

function bigintToBytes(key: bigint): KeyBytes {
  const negative = key < 0n
  const hex = (negative ? -key : key).toString(16)
  const magnitude = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  if (magnitude.length > BIGINT_BYTES_MAX)
    throw new TypeError(`a bigint of ${magnitude.length} bytes is too large for a key (${BIGINT_BYTES_MAX})`)
  if (negative) for (let index = 0; index < magnitude.length; index += 1) magnitude[index] = (magnitude[index] ?? 0) ^ 0xff
  return char(BIGINT, 0x80 + (negative ? -magnitude.length : magnitude.length)) + magnitude.toString('latin1')
}

export function keyFromBytes(bytes: KeyBytes): Key {
  const first = bytes.charCodeAt(0)
  if (bytes === '' || first < FALSE) return fromUtf8(bytes)
  if (first === UTF16) return Buffer.from(bytes.slice(1), 'latin1').toString('utf16le')
  const [key, end] = partFromBytes(bytes, 0)
  if (end !== bytes.length) throw unreadable(bytes)
  return key
}

const unreadable = (bytes: KeyBytes): RecordRefused => new RecordRefused('key', `no key: ${fromKeyBytes(bytes).toString('hex', 0, 32)}`)

function partFromBytes(bytes: KeyBytes, at: number): readonly [key: Key, end: number] {
  switch (bytes.charCodeAt(at)) {
    case FALSE:
      return [false, at + 1]
    case TRUE:
      return [true, at + 1]
    case NUMBER: {
      if (bytes.length < at + 9) throw unreadable(bytes)
      double.write(bytes.slice(at + 1, at + 9), 'latin1')
      flipSign(true)
      return [double.readDoubleBE(), at + 9]
    }
    case BIGINT:
      return bigintFromBytes(bytes, at)
    case TUPLE: {
      const parts: Key[] = []
      let next = at + 1
      while (bytes.charCodeAt(next) !== END) {
        const [part, end] = partFromBytes(bytes, next)
        parts.push(part)
        next = end
      }
      return [parts, next + 1]
    }
    case PART_TEXT: {
      const [raw, end] = unescaped(bytes, at + 1)
      return [fromUtf8(raw), end]
    }
    case UTF16: {
      const [raw, end] = unescaped(bytes, at + 1)
      return [Buffer.from(raw, 'latin1').toString('utf16le'), end]
    }
    default:
      throw unreadable(bytes)
  }
}

function bigintFromBytes(bytes: KeyBytes, at: number): readonly [key: Key, end: number] {
  const length = bytes.charCodeAt(at + 1) - 0x80
  const end = at + 2 + Math.abs(length)
  if (Number.isNaN(length) || length === 0 || bytes.length < end) throw unreadable(bytes)
  const magnitude = Buffer.from(bytes.slice(at + 2, end), 'latin1')
  if (length < 0) for (let index = 0; index < magnitude.length; index += 1) magnitude[index] = (magnitude[index] ?? 0) ^ 0xff
  const absolute = BigInt(`0x${magnitude.toString('hex')}`)
  return [length < 0 ? -absolute : absolute, end]
}

/** Up to the 0x00 that no 0xFF follows. */
function unescaped(bytes: KeyBytes, from: number): readonly [raw: KeyBytes, end: number] {
  let end = bytes.indexOf('\0', from)
  while (end !== -1 && bytes.charCodeAt(end + 1) === ESCAPED) end = bytes.indexOf('\0', end + 2)
  if (end === -1) throw unreadable(bytes)
  return [bytes.slice(from, end).replaceAll(`\0${char(ESCAPED)}`, '\0'), end + 1]
}

/** A key format over KeyBytes, so that text needs no buffer on the hot path. */
export interface KeyCodec {
  toBytes(key: unknown): KeyBytes
  fromBytes(bytes: KeyBytes): unknown
}

const shapeCodec: KeyCodec = { toBytes: keyToBytes, fromBytes: keyFromBytes }
const textCodec: KeyCodec = {
  toBytes: (key) => (typeof key === 'string' && isAscii(key) ? key : toKeyBytes(text.encode(String(key)))),
  fromBytes: (bytes) => (isAscii(bytes) ? bytes : text.decode(fromKeyBytes(bytes))),
}

export function keyCodecOf(format: AnyFormat): KeyCodec {
  if (format === keyByShape) return shapeCodec
  if (format === text) return textCodec
  // A key comes from the format's own decode or from a step typed by it.
  const own = format as Format<unknown>
  return { toBytes: (key) => toKeyBytes(own.encode(key)), fromBytes: (bytes) => format.decode(fromKeyBytes(bytes)) }
}
