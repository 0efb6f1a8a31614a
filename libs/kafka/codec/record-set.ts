/**
 * Reads what a fetch brings: a row of record batches, the last perhaps cut. Hot path.
 *
 * Checked before a byte is believed: the checksum of the batch (kafkajs skips it, K12), that every length lies inside its
 * record, that the batch holds as many records as it says. Whatever fails is a fault with the place, never a wrong record.
 * Keys, values and header values are views on the answer: they keep its memory as long as they live.
 */
import type { Fault } from '../../faults/fault.ts'
import type { TopicPartition } from '../../runtime/ports/log.ts'
import { NO_HEADERS } from '../../runtime/ports/log.ts'
import type { AbortedTransaction } from './aborted-filter.ts'
import { AbortedFilter } from './aborted-filter.ts'
import type { BatchHeader } from './batch-header.ts'
import * as layout from './batch-header.ts'
import { corrupt } from './batch-header.ts'
import { decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { PackedRecords, RecordRun } from './packed-records.ts'
import { readHeaders } from './record-headers.ts'
import { cursor, readVarlong } from './varints.ts'

export interface Extent {
  /** The position after the last whole batch; `from` where there is none. */
  readonly next: number
  /** Size of the batch that was cut, where it begins the answer: the next request must allow as much. Else 0. */
  readonly bytesNeeded: number
}

/** How far an answer reaches, without decoding it: enough to send the next request. */
export function extentOf(bytes: Buffer, from: number, place: TopicPartition): Extent {
  let next = from
  let at = 0
  for (let batch = layout.readBatchHeader(bytes, at, place); batch; batch = layout.readBatchHeader(bytes, at, place)) {
    next = Math.max(next, batch.lastOffset + 1)
    at = batch.end
  }
  return { next, bytesNeeded: at === 0 ? (layout.batchBytesAt(bytes, 0) ?? 0) : 0 }
}

/** What the records of an answer hold in memory besides it. */
export interface Unpacked {
  bytes: number
}

/** The committed data records at or after `from`. Adds to `unpacked` what was decompressed. */
export function decodeRecordSet(
  bytes: Buffer,
  from: number,
  aborted: readonly AbortedTransaction[],
  place: TopicPartition,
  unpacked: Unpacked = { bytes: 0 },
): PackedRecords {
  const filter = new AbortedFilter(aborted)
  const records = new PackedRecords()
  let at = 0
  for (let batch = layout.readBatchHeader(bytes, at, place); batch; batch = layout.readBatchHeader(bytes, at, place)) {
    at = batch.end
    checkSum(bytes, batch, place)
    if (batch.attributes & layout.CONTROL) {
      filter.onMarker(batch.producerId, batch.lastOffset, isAbortMarker(bytes, batch, place))
      continue
    }
    if (batch.attributes & layout.TRANSACTIONAL && filter.isAborted(batch.producerId, batch.lastOffset)) continue
    if (batch.lastOffset < from) continue
    const section = sectionOf(bytes, batch, place)
    if (batch.attributes & layout.COMPRESSION_MASK) unpacked.bytes += section.length
    records.add(decodeBatch(section, batch, from, place))
  }
  return records
}

function checkSum(bytes: Buffer, batch: BatchHeader, place: TopicPartition): void {
  const stated = bytes.readUInt32BE(batch.start + layout.CRC_AT)
  const found = crc32c(bytes, batch.start + layout.ATTRIBUTES_AT, batch.end)
  if (stated !== found) throw corrupt(place, batch.baseOffset, `its checksum is ${found.toString(16)} instead of ${stated.toString(16)}`)
}

/** A marker's key is (version, type), both 16 bits; type 0 is an abort. A marker that compaction has emptied ends nothing. */
function isAbortMarker(bytes: Buffer, batch: BatchHeader, place: TopicPartition): boolean {
  const markers = decodeBatch(sectionOf(bytes, batch, place), batch, batch.baseOffset, place)
  const key = markers.length === 0 ? null : markers.at(0).key
  return key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0
}

/** The records of a batch, unpacked. */
function sectionOf(answer: Buffer, batch: BatchHeader, place: TopicPartition): Buffer {
  const codec = batch.attributes & layout.COMPRESSION_MASK
  const section = answer.subarray(batch.start + layout.BATCH_HEADER_BYTES, batch.end)
  return codec === 0 ? section : decompress(codec, section, batch.baseOffset, place)
}

function decodeBatch(bytes: Buffer, batch: BatchHeader, from: number, place: TopicPartition): RecordRun {
  const run = new RecordRun(bytes, batch.baseOffset, batch.count)
  const appendTime = (batch.attributes & layout.LOG_APPEND_TIME) !== 0
  const end = bytes.length
  const fail = (why: string): Fault => corrupt(place, batch.baseOffset, why)
  let at = 0
  let headersFrom = 0
  let headersEnd = 0
  let headers = NO_HEADERS
  for (let index = 0; index < batch.count; index++) {
    const size = readVarlong(bytes, at, end)
    at = cursor
    const recordEnd = at + size
    if (!(size > 0 && recordEnd <= end)) throw fail(`record ${index} reaches beyond the batch`)
    const timestampDelta = readVarlong(bytes, at + 1, recordEnd)
    const offset = batch.baseOffset + readVarlong(bytes, cursor, recordEnd)
    const keySize = readVarlong(bytes, cursor, recordEnd)
    const keyFrom = cursor
    const keyEnd = keySize < 0 ? keyFrom : keyFrom + keySize
    const valueSize = readVarlong(bytes, keyEnd, recordEnd)
    const valueFrom = cursor
    const valueEnd = valueSize < 0 ? valueFrom : valueFrom + valueSize
    if (!(keyEnd <= recordEnd && valueEnd < recordEnd)) throw fail(`the key or value of record ${index} reaches beyond the record`)
    if (bytes[valueEnd] === 0) {
      headers = NO_HEADERS
      headersFrom = headersEnd
    } else if (!sameBytes(bytes, headersFrom, headersEnd, valueEnd, recordEnd)) {
      headers = readHeaders(bytes, valueEnd, recordEnd, fail)
      headersFrom = valueEnd
      headersEnd = recordEnd
    }
    at = recordEnd
    if (!(offset >= batch.baseOffset && offset <= batch.lastOffset) || Number.isNaN(timestampDelta))
      throw fail(`the offset or time of record ${index} is no number of the batch`)
    if (offset < from) continue
    const timestamp = appendTime ? batch.maxTimestamp : batch.baseTimestamp + timestampDelta
    run.add(offset, timestamp, keyFrom, keySize, valueFrom, valueSize, headers)
  }
  if (at !== end) throw fail(`${end - at} bytes follow the last of its ${batch.count} records`)
  return run
}

/** Records of one producer often carry equal headers: decoded once for a run of them. */
function sameBytes(bytes: Uint8Array, aFrom: number, aEnd: number, bFrom: number, bEnd: number): boolean {
  if (aEnd - aFrom !== bEnd - bFrom) return false
  for (let a = aFrom, b = bFrom; a < aEnd; a++, b++) if (bytes[a] !== bytes[b]) return false
  return true
}
