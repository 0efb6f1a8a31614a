/**
 * Bytes of a record whose schema is in a registry (Confluent's wire format, which other producers and consumers speak too). Pure.
 *
 *     AVRO, JSON   00 | schema id, 4 bytes big-endian | payload
 *     PROTOBUF     00 | schema id, 4 bytes big-endian | message index | payload
 *
 * The message index says which message of the Protobuf file it is: the number of indexes, then each index (from the outermost
 * message to the innermost), all as zigzag varints. The first message of a file, [0], is written as the single byte 00.
 */

import { asBuffer } from '../dataflow/cells.ts'

const MAGIC = 0
const PREFIX_BYTES = 5
/** Deeper nesting than this is garbage, not Protobuf. */
const INDEX_DEPTH_MAX = 32

export function schemaPrefix(id: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES, MAGIC)
  prefix.writeInt32BE(id, 1)
  return prefix
}

/** The id of the writer's schema; undefined when the bytes do not begin like this. */
export function schemaIdOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < PREFIX_BYTES || bytes[0] !== MAGIC) return undefined
  return ((bytes[1] ?? 0) << 24) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0)
}

/** What follows the id; a view, not a copy. */
export function payloadOf(bytes: Uint8Array): Buffer {
  return asBuffer(bytes).subarray(PREFIX_BYTES)
}

export function encodeMessageIndex(index: readonly number[]): Buffer {
  if (index.length === 1 && index[0] === 0) return Buffer.from([0])
  return Buffer.from([index.length, ...index].flatMap((number) => varint(number * 2)))
}

/** The index and what follows it. Throws when the bytes end early or hold no index. */
export function decodeMessageIndex(payload: Buffer): { readonly index: readonly number[]; readonly message: Buffer } {
  let at = 0
  const next = (): number => {
    let value = 0
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = payload[at]
      if (byte === undefined) break
      at += 1
      value += (byte & 127) * factor
      if (byte < 128 && value % 2 === 0) return value / 2
      if (byte < 128) break
    }
    throw new Error('the bytes hold no Protobuf message index')
  }
  const depth = next()
  if (depth > INDEX_DEPTH_MAX) throw new Error(`a Protobuf message index of ${depth} levels`)
  const index = depth === 0 ? [0] : Array.from({ length: depth }, next)
  return { index, message: payload.subarray(at) }
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}
