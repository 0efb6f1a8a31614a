/**
 * Writes record batches, message format 2 (layout in batch-header.ts). Hot path: one pass over the records into one reused
 * buffer, no allocation per record.
 *
 *     record: length, attributes (0), timestamp delta, offset delta, key length, key, value length, value, header count,
 *             (name length, name, value length, value)*          - all lengths and deltas zigzag varints, -1 for null
 *
 * Compressed (compression.ts) are all records of a batch together, when that makes it smaller.
 */
import { assert } from '../../faults/fault.ts'
import type { Header } from '../../runtime/ports/log.ts'
import { copyBytes } from '../../dataflow/copy-bytes.ts'
import type { PackedOutgoing } from '../../runtime/ports/packed-outgoing.ts'
import * as layout from './batch-header.ts'
import type { Packer } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varints.ts'

export interface BatchOptions {
  readonly producerId: number
  readonly producerEpoch: number
  /** Sequence of the first record. */
  readonly baseSequence: number
  readonly transactional: boolean
  /** A batch is closed before a record that would take it above this; a record that is larger goes alone. */
  readonly bytesMax: number
  /** Default: not compressed. */
  readonly packer?: Packer | undefined
}

export interface EncodedBatch {
  /** Own copy: stays valid. */
  readonly bytes: Buffer
  /** How many records it holds. */
  readonly count: number
}

/** Larger buffers are given back after use: one giant record must not cost memory for ever. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024
/** A commit record alone, a marker: what packing saves is less than what it costs. */
const PACKED_BYTES_MIN = 256
const HEADER_CACHE_SIZE = 4
const NO_HEADER_BYTES = Uint8Array.of(0)

let kept: Buffer = Buffer.allocUnsafe(256 * 1024)

/**
 * Encodes as many of `records[from, ...)` as one batch takes, at least one. Absurd timestamps that lie too far apart for an exact
 * difference go into different batches.
 */
export function encodeBatch(records: PackedOutgoing, from: number, options: BatchOptions): EncodedBatch {
  assert(from < records.length, 'a batch has a record')
  const baseTimestamp = records.timestampAt(from)
  const headersOf = headerCache()
  let maxTimestamp = baseTimestamp
  let bytes = kept
  let at = layout.BATCH_HEADER_BYTES
  let count = 0
  for (let index = from; index < records.length; index++) {
    const timestamp = records.timestampAt(index)
    const own = records.headersAt(index)
    const headers = own.length === 0 ? NO_HEADER_BYTES : headersOf(own)
    const delta = timestamp - baseTimestamp
    // The size of null, -1, is written as one byte, as the protocol has it.
    const keySize = records.keySizeAt(index)
    const valueSize = records.valueSizeAt(index)
    const keyBytes = varintSize(keySize) + Math.max(0, keySize)
    const valueBytes = varintSize(valueSize) + Math.max(0, valueSize)
    const size = 1 + varlongSize(delta) + varintSize(count) + keyBytes + valueBytes + headers.length
    const end = at + varintSize(size) + size
    if (count > 0 && (end > options.bytesMax || delta > Number.MAX_SAFE_INTEGER || delta < Number.MIN_SAFE_INTEGER)) break
    if (end > bytes.length) bytes = grown(bytes, at, end)
    at = writeVarint(bytes, at, size)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, delta)
    at = writeVarint(bytes, at, count)
    at = records.copyKey(index, bytes, writeVarint(bytes, at, keySize))
    at = records.copyValue(index, bytes, writeVarint(bytes, at, valueSize))
    at = copyBytes(bytes, at, headers)
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    count++
  }
  const whole = packed(bytes, at, options.packer) ?? Buffer.from(bytes.subarray(0, at))
  const codec = whole.length < at ? (options.packer?.codec ?? 0) : 0
  kept = bytes.length > KEPT_BYTES_MAX ? Buffer.allocUnsafe(KEPT_BYTES_MAX) : bytes
  writeHeader(whole, codec, baseTimestamp, maxTimestamp, count, options)
  return { bytes: whole, count }
}

/** Room for a header and the records of `bytes`, compressed; undefined where that would not be smaller. */
function packed(bytes: Buffer, end: number, packer: Packer | undefined): Buffer | undefined {
  if (packer === undefined || end < PACKED_BYTES_MIN) return undefined
  const records = packer.pack(bytes.subarray(layout.BATCH_HEADER_BYTES, end))
  const size = layout.BATCH_HEADER_BYTES + records.length
  if (size >= end) return undefined
  const whole = Buffer.allocUnsafe(size)
  whole.set(records, layout.BATCH_HEADER_BYTES)
  return whole
}

function writeHeader(
  bytes: Buffer,
  codec: number,
  baseTimestamp: number,
  maxTimestamp: number,
  count: number,
  options: BatchOptions,
): void {
  const end = bytes.length
  layout.writeInt64(bytes, 0, 0)
  bytes.writeInt32BE(end - layout.BATCH_PREFIX_BYTES, 8)
  bytes.writeInt32BE(-1, 12)
  bytes[layout.MAGIC_AT] = 2
  bytes.writeInt16BE(codec | (options.transactional ? layout.TRANSACTIONAL : 0), layout.ATTRIBUTES_AT)
  bytes.writeInt32BE(count - 1, layout.LAST_OFFSET_DELTA_AT)
  layout.writeInt64(bytes, layout.BASE_TIMESTAMP_AT, baseTimestamp)
  layout.writeInt64(bytes, layout.MAX_TIMESTAMP_AT, maxTimestamp)
  layout.writeInt64(bytes, layout.PRODUCER_ID_AT, options.producerId)
  bytes.writeInt16BE(options.producerEpoch, layout.PRODUCER_EPOCH_AT)
  bytes.writeInt32BE(options.baseSequence, layout.BASE_SEQUENCE_AT)
  bytes.writeInt32BE(count, layout.COUNT_AT)
  bytes.writeUInt32BE(crc32c(bytes, layout.ATTRIBUTES_AT, end), layout.CRC_AT)
}

function grown(bytes: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.max(needed, bytes.length * 2))
  bytes.copy(larger, 0, 0, used)
  return larger
}

function writeNullable(bytes: Buffer, at: number, value: Uint8Array | null): number {
  if (value === null) {
    bytes[at] = 1 // zigzag of -1
    return at + 1
  }
  return copyBytes(bytes, writeVarint(bytes, at, value.length), value)
}

/** Callers pass the same header arrays for thousands of records: each is encoded once. Lives for one batch, so a changed array is safe. */
function headerCache(): (headers: readonly Header[]) => Uint8Array {
  const arrays: (readonly Header[])[] = []
  const encoded: Uint8Array[] = []
  let turn = 0
  return (headers) => {
    const index = arrays.indexOf(headers)
    const hit = encoded[index]
    if (hit !== undefined) return hit
    const bytes = encodeHeaders(headers)
    arrays[turn] = headers
    encoded[turn] = bytes
    turn = (turn + 1) % HEADER_CACHE_SIZE
    return bytes
  }
}

function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const names = headers.map(([name]) => Buffer.from(name, 'utf8'))
  let size = varintSize(headers.length)
  headers.forEach(([, value], index) => {
    const name = names[index]?.length ?? 0
    size += varintSize(name) + name + varintSize(value.length) + value.length
  })
  const bytes = Buffer.allocUnsafe(size)
  let at = writeVarint(bytes, 0, headers.length)
  headers.forEach(([, value], index) => {
    at = writeNullable(bytes, at, names[index] ?? null)
    at = writeNullable(bytes, at, value)
  })
  return bytes
}
