/** What the tests of the codec build answers of a broker from: batches, markers, joined as a fetch brings them. */
import { encodeBatch } from '../../../libs/kafka/codec/batch-encoder.ts'
import * as layout from '../../../libs/kafka/codec/batch-header.ts'
import type { Packer } from '../../../libs/kafka/codec/compression.ts'
import { crc32c } from '../../../libs/kafka/codec/crc32c.ts'
import { decodeRecordSet } from '../../../libs/kafka/codec/record-set.ts'
import type { LogRecord, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { PackedOutgoing } from '../../../libs/runtime/ports/packed-outgoing.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'

export const place = { topic: 'rides', partition: 3 }

/** `decodeRecordSet`, all records made. */
export const decoded = (...answer: Parameters<typeof decodeRecordSet>): LogRecord[] => [...decodeRecordSet(...answer)]

export const record = (value: string | null, more: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  timestamp: 1_700_000_000_000,
  headers: NO_HEADERS,
  ...more,
})

export interface BatchShape {
  readonly producerId?: number
  readonly transactional?: boolean
  /** Bits on top of those of the encoder. */
  readonly attributes?: number
  readonly packer?: Packer | undefined
}

/** As many batches as the records need. */
export function batches(offset: number, records: readonly OutgoingRecord[]): Buffer {
  const all: Buffer[] = []
  for (let from = 0; from < records.length;) {
    const one = batch(offset + from, records.slice(from))
    from += one.readInt32BE(layout.COUNT_AT)
    all.push(one)
  }
  return Buffer.concat(all)
}

/** One batch at an offset, as a broker stores it. */
export function batch(offset: number, records: readonly OutgoingRecord[], shape: BatchShape = {}): Buffer {
  const { bytes } = encodeBatch(PackedOutgoing.of(records), 0, {
    producerId: shape.producerId ?? -1,
    producerEpoch: 0,
    baseSequence: 0,
    transactional: shape.transactional ?? shape.producerId !== undefined,
    bytesMax: Number.MAX_SAFE_INTEGER,
    packer: shape.packer,
  })
  layout.writeInt64(bytes, 0, offset)
  bytes.writeInt16BE(bytes.readInt16BE(layout.ATTRIBUTES_AT) | (shape.attributes ?? 0), layout.ATTRIBUTES_AT)
  return resealed(bytes)
}

/** The marker that ends a transaction. */
export const marker = (offset: number, producerId: number, kind: 'abort' | 'commit'): Buffer =>
  batch(offset, [record('', { key: Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1]) })], { producerId, attributes: layout.CONTROL })

/** The checksum made right again after a change. */
export function resealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes, layout.ATTRIBUTES_AT, bytes.length), layout.CRC_AT)
  return bytes
}
