/** Formats without a schema: text, bytes, int64, none, nullable, and windowed keys. Pure. */
import { isUtf8 } from 'node:buffer'
import { asBuffer } from './cells.ts'
import type { Format } from './format.ts'
import { RecordRefused } from './plan.ts'
import type { Window } from './records.ts'

/** UTF-8 text; bytes that are no UTF-8 are refused. The search costs nothing when all characters are Latin-1. */
export function decodeText(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('utf8')
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw new RecordRefused('value', 'not UTF-8 text')
  return text
}

/** UTF-8 text. */
export const text: Format<string> = {
  name: 'text',
  decode: decodeText,
  encode: (value) => Buffer.from(value, 'utf8'),
}

/** Bytes as they are. */
export const bytes: Format<Uint8Array> = { name: 'bytes', decode: (value) => value, encode: (value) => value }

const INT64_BYTES = 8

/** Eight bytes, big endian, two's complement: what Kafka's LongSerializer writes. */
export const int64: Format<bigint> = {
  name: 'int64',
  decode: (value) => {
    if (value.byteLength !== INT64_BYTES) throw new RecordRefused('value', `${value.byteLength} bytes where int64 has 8`)
    return asBuffer(value).readBigInt64BE()
  },
  encode: (value) => {
    const encoded = Buffer.alloc(INT64_BYTES)
    encoded.writeBigInt64BE(value)
    return encoded
  },
}

const NO_BYTES = new Uint8Array(0)

/** No key: what a record has as key is not looked at, and none is written. */
export const none: Format<null> = { name: 'none', decode: () => null, encode: () => NO_BYTES, acceptsNull: true }

/**
 * Accepts null as a value (a tombstone), which is refused otherwise. Steps then see `V | null`.
 */
export function nullable<Read, Write>(format: Format<Read, Write>): Format<Read | null, Write | null> {
  const wrapped: Format<Read | null, Write | null> = {
    name: `nullable ${format.name}`,
    acceptsNull: true,
    decode: (value) => format.decode(value),
    // Sinks and sources of this library pass null around a format; other callers get no bytes.
    encode: (value) => (value === null ? NO_BYTES : format.encode(value)),
  }
  const { open, prepareDecode } = format
  return {
    ...wrapped,
    ...(open === undefined ? {} : { open: open.bind(format) }),
    ...(prepareDecode === undefined ? {} : { prepareDecode: prepareDecode.bind(format) }),
  }
}

/** Two times of eight bytes each behind the key. */
const WINDOW_BYTES = 16

/** Keys of updating windows: the key's own bytes, then start and end, eight bytes each, big endian (epoch ms). */
export function windowed<Read, Write>(key: Format<Read, Write>): Format<readonly [Read, Window], readonly [Write, Window]> {
  return {
    name: `windowed ${key.name}`,
    decode: (value) => {
      const split = value.byteLength - WINDOW_BYTES
      if (split < 0) throw new RecordRefused('value', `${value.byteLength} bytes where a windowed key has at least ${WINDOW_BYTES}`)
      const buffer = asBuffer(value)
      const window = { start: Number(buffer.readBigInt64BE(split)), end: Number(buffer.readBigInt64BE(split + INT64_BYTES)) }
      return [key.decode(buffer.subarray(0, split)), window]
    },
    encode: ([inner, { start, end }]) => {
      const own = key.encode(inner)
      const encoded = Buffer.allocUnsafe(own.byteLength + WINDOW_BYTES)
      encoded.set(own)
      encoded.writeBigInt64BE(BigInt(start), own.byteLength)
      encoded.writeBigInt64BE(BigInt(end), own.byteLength + INT64_BYTES)
      return encoded
    },
  }
}
