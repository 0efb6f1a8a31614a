/**
 * Records to be sent, in memory outside of the heap: keys and values one after another, and where each begins. They wait for a commit, longer
 * than the young generation of the heap does: as objects with two buffers each they would be copied there twice and collected late.
 */
import type { KeyBytes } from '../../dataflow/cells.ts'
import { copyBytes, copyKeyBytes, copyPart } from '../../dataflow/copy-bytes.ts'
import { continued, GROWS_BY, largerBytes } from '../../dataflow/growing-memory.ts'
import type { Header, OutgoingRecord, OutgoingRecords } from './log.ts'
import { NO_HEADERS, NULL_SIZE } from './log.ts'

const BYTES_FIRST = 512
const RECORDS_FIRST = 8

export class PackedOutgoing implements OutgoingRecords {
  #bytes = Buffer.allocUnsafeSlow(BYTES_FIRST)
  #end = 0
  #length = 0
  /** Of the key; the value follows. */
  #starts = new Float64Array(RECORDS_FIRST)
  /** Of key and value. */
  #sizes = new Int32Array(2 * RECORDS_FIRST)
  #timestamps = new Float64Array(RECORDS_FIRST)
  /** Of all records, as long as it is one array. */
  #shared: readonly Header[] = NO_HEADERS
  #headers: (readonly Header[])[] | undefined

  /** The same, when they are packed already. */
  static of(records: OutgoingRecords): PackedOutgoing {
    if (records instanceof PackedOutgoing) return records
    const packed = new PackedOutgoing()
    for (const { key, value, timestamp, headers } of records) packed.add(key, value, timestamp, headers)
    return packed
  }

  get length(): number {
    return this.#length
  }

  /** Copies key and value; headers are kept as they are. */
  add(key: Uint8Array | KeyBytes | null, value: Uint8Array | null, timestamp: number, headers: readonly Header[]): void {
    const index = this.#length
    const keySize = key === null ? NULL_SIZE : key.length
    const valueSize = value === null ? NULL_SIZE : value.length
    this.#reserve(Math.max(0, keySize) + Math.max(0, valueSize))
    this.#starts[index] = this.#end
    this.#sizes[2 * index] = keySize
    this.#sizes[2 * index + 1] = valueSize
    this.#timestamps[index] = timestamp
    if (typeof key === 'string') this.#end = copyKeyBytes(this.#bytes, this.#end, key)
    else if (key !== null) this.#end = copyBytes(this.#bytes, this.#end, key)
    if (value !== null) this.#end = copyBytes(this.#bytes, this.#end, value)
    if (index === 0) this.#shared = headers
    else if (headers !== this.#shared) this.#headers ??= Array.from({ length: index }, () => this.#shared)
    this.#headers?.push(headers)
    this.#length += 1
  }

  /** NULL_SIZE: it is null. */
  keySizeAt(index: number): number {
    return this.#sizes[2 * index] ?? NULL_SIZE
  }

  valueSizeAt(index: number): number {
    return this.#sizes[2 * index + 1] ?? NULL_SIZE
  }

  timestampAt(index: number): number {
    return this.#timestamps[index] ?? Number.NaN
  }

  headersAt(index: number): readonly Header[] {
    return this.#headers?.[index] ?? this.#shared
  }

  /** Answers where `target` goes on. Nothing is written for null. */
  copyKey(index: number, target: Uint8Array, at: number): number {
    return copyPart(target, at, this.#bytes, this.#starts[index] ?? 0, this.keySizeAt(index))
  }

  copyValue(index: number, target: Uint8Array, at: number): number {
    return copyPart(target, at, this.#bytes, (this.#starts[index] ?? 0) + Math.max(0, this.keySizeAt(index)), this.valueSizeAt(index))
  }

  /** Key and value are views: they stay as they are. */
  at(index: number): OutgoingRecord | undefined {
    if (index < 0 || index >= this.#length) return undefined
    const start = this.#starts[index] ?? 0
    const keyEnd = start + Math.max(0, this.keySizeAt(index))
    const valueSize = this.valueSizeAt(index)
    return {
      key: this.keySizeAt(index) < 0 ? null : this.#bytes.subarray(start, keyEnd),
      value: valueSize < 0 ? null : this.#bytes.subarray(keyEnd, keyEnd + valueSize),
      timestamp: this.timestampAt(index),
      headers: this.headersAt(index),
    }
  }

  *[Symbol.iterator](): Iterator<OutgoingRecord> {
    for (let index = 0; index < this.#length; index += 1) yield this.at(index) as OutgoingRecord // index is inside: the loop's bound
  }

  #reserve(size: number): void {
    if (this.#length === this.#starts.length) {
      const records = GROWS_BY * this.#length
      this.#starts = continued(this.#starts, new Float64Array(records))
      this.#timestamps = continued(this.#timestamps, new Float64Array(records))
      this.#sizes = continued(this.#sizes, new Int32Array(2 * records))
    }
    if (this.#end + size > this.#bytes.length) this.#bytes = largerBytes(this.#bytes, this.#end, size)
  }
}
