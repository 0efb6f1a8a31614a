/**
 * The fixed part of a record batch, message format 2:
 *
 *     at  bytes  field
 *      0      8  base offset
 *      8      4  length of all that follows
 *     12      4  partition leader epoch
 *     16      1  magic, 2
 *     17      4  CRC-32C of everything from byte 21
 *     21      2  attributes: bits 0-2 compression, 3 log-append time, 4 transactional, 5 control
 *     23      4  last offset delta
 *     27      8  base timestamp
 *     35      8  largest timestamp (or the append time, bit 3)
 *     43      8  producer id
 *     51      2  producer epoch
 *     53      4  base sequence
 *     57      4  number of records
 *     61         records, compressed together
 */
import { assert, Fault } from '../../faults/fault.ts'
import type { TopicPartition } from '../../runtime/ports/log.ts'

export const BATCH_HEADER_BYTES = 61
/** Offset and length: what must be there to know how large a batch is. */
export const BATCH_PREFIX_BYTES = 12

export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const COUNT_AT = 57

export const COMPRESSION_MASK = 7
export const LOG_APPEND_TIME = 8
export const TRANSACTIONAL = 16
export const CONTROL = 32

export interface BatchHeader {
  /** Where the batch begins and ends in the answer. */
  readonly start: number
  readonly end: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly attributes: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly count: number
}

/** Signed 64-bit number at a place; exact where it is a safe integer, which the caller asserts for offsets. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  if (Number.isSafeInteger(value)) {
    bytes.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
    bytes.writeUInt32BE(value >>> 0, at + 4)
  } else bytes.writeBigInt64BE(BigInt(value), at)
}

export function assertSafeOffset(offset: number): number {
  assert(Number.isSafeInteger(offset), `offset ${offset} is below 2^53`)
  return offset
}

/** Length of the whole batch that begins at `start`, or undefined where not even that can be read. */
export function batchBytesAt(bytes: Buffer, start: number): number | undefined {
  if (start + BATCH_PREFIX_BYTES > bytes.length) return undefined
  return BATCH_PREFIX_BYTES + bytes.readInt32BE(start + 8)
}

/** The batch that begins at `start`; undefined where the answer ends inside it (the broker cuts answers at their limit). */
export function readBatchHeader(bytes: Buffer, start: number, place: TopicPartition): BatchHeader | undefined {
  const size = batchBytesAt(bytes, start)
  if (size === undefined || start + Math.max(size, MAGIC_AT + 1) > bytes.length) return undefined
  const magic = bytes[start + MAGIC_AT]
  if (magic !== 2)
    throw new Fault(
      'MR3029',
      'stop-task',
      `${place.topic}:${place.partition} holds a batch in message format ${magic}; only format 2 (Kafka 0.11 and later) is read. ` +
        'Copy the topic with a current producer, or let the old records expire.',
      { place: { ...place, offset: readInt64(bytes, start) } },
    )
  if (size < BATCH_HEADER_BYTES) throw corrupt(place, readInt64(bytes, start), `its length, ${size}, is less than that of a batch header`)
  const baseOffset = assertSafeOffset(readInt64(bytes, start))
  return {
    start,
    end: start + size,
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(start + LAST_OFFSET_DELTA_AT),
    attributes: bytes.readInt16BE(start + ATTRIBUTES_AT),
    baseTimestamp: readInt64(bytes, start + BASE_TIMESTAMP_AT),
    maxTimestamp: readInt64(bytes, start + MAX_TIMESTAMP_AT),
    producerId: readInt64(bytes, start + PRODUCER_ID_AT),
    count: bytes.readInt32BE(start + COUNT_AT),
  }
}

export function corrupt(place: TopicPartition, offset: number, why: string, cause?: unknown): Fault {
  return new Fault(
    'MR3028',
    'stop-task',
    `the batch at ${place.topic}:${place.partition}:${offset} is damaged: ${why}. Check the disks of the broker and the network; ` +
      'the records can be read from another replica after a leader election.',
    { place: { ...place, offset }, cause },
  )
}
