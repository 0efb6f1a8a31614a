/**
 * Reads and writes Kafka's primitive types (https://kafka.apache.org/protocol#protocol_types). Everything big-endian; the
 * "compact" forms and tagged fields belong to flexible request versions.
 */
import { assert } from '../../faults/fault.ts'
import { readInt64, writeInt64 } from '../codec/batch-header.ts'

/** From here on bytes are referred to instead of copied: a batch of records goes to the socket from where it was encoded. */
const REFERRED_BYTES_MIN = 4 * 1024

export class ByteWriter {
  readonly #expectedBytes: number
  readonly #before: Uint8Array[] = []
  #sizeBefore = 0
  #bytes: Buffer
  #at = 0

  constructor(expectedBytes = 256) {
    this.#expectedBytes = expectedBytes
    this.#bytes = Buffer.allocUnsafe(expectedBytes)
  }

  get size(): number {
    return this.#sizeBefore + this.#at
  }

  /** What was written, in order: views, also on large values that were given. */
  get parts(): readonly Uint8Array[] {
    return this.#at === 0 ? this.#before : [...this.#before, this.#written]
  }

  /** What was written, as one: a view, or a copy where large values were given. */
  get bytes(): Buffer {
    return this.#before.length === 0 ? this.#written : Buffer.concat(this.parts)
  }

  get #written(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  int8(value: number): this {
    this.#reserve(1)
    this.#at = this.#bytes.writeInt8(value, this.#at)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    this.#reserve(2)
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
    return this
  }

  int32(value: number): this {
    this.#reserve(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
    return this
  }

  int64(value: number): this {
    this.#reserve(8)
    writeInt64(this.#bytes, this.#at, value)
    this.#at += 8
    return this
  }

  string(value: string): this {
    const size = Buffer.byteLength(value)
    assert(size <= 0x7fff, `a string of ${size} bytes fits a Kafka string`)
    return this.int16(size).#text(value, size)
  }

  nullableString(value: string | null): this {
    return value === null ? this.int16(-1) : this.string(value)
  }

  bytesField(value: Uint8Array): this {
    return this.int32(value.length).raw(value)
  }

  /** A large value must not change any more. */
  raw(value: Uint8Array): this {
    if (value.length >= REFERRED_BYTES_MIN) return this.#refer(value)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  array<Item>(items: readonly Item[], write: (item: Item) => void): this {
    this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  uvarint(value: number): this {
    this.#reserve(5)
    let left = value >>> 0
    while (left >= 0x80) {
      this.#bytes[this.#at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.#bytes[this.#at++] = left
    return this
  }

  compactString(value: string): this {
    const size = Buffer.byteLength(value)
    return this.uvarint(size + 1).#text(value, size)
  }

  compactNullableString(value: string | null): this {
    return value === null ? this.uvarint(0) : this.compactString(value)
  }

  compactArray<Item>(items: readonly Item[], write: (item: Item) => void): this {
    this.uvarint(items.length + 1)
    for (const item of items) write(item)
    return this
  }

  /** Ends a structure of a flexible version; we send no tagged field. */
  noTags(): this {
    return this.uvarint(0)
  }

  #refer(value: Uint8Array): this {
    this.#before.push(this.#written, value)
    this.#sizeBefore += this.#at + value.length
    this.#bytes = Buffer.allocUnsafe(this.#expectedBytes)
    this.#at = 0
    return this
  }

  #text(value: string, size: number): this {
    this.#reserve(size)
    this.#at += this.#bytes.write(value, this.#at, size, 'utf8')
    return this
  }

  #reserve(size: number): void {
    const needed = this.#at + size
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

/** Throws a RangeError where an answer is shorter than its schema says. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  int64(): number {
    return readInt64(this.#bytes, this.#take(8))
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | null {
    const size = this.int16()
    return size < 0 ? null : this.#text(size)
  }

  /** A view; empty for null. */
  bytesField(): Buffer {
    return this.#view(Math.max(0, this.int32()))
  }

  /** A null array reads as an empty one. */
  array<Item>(read: () => Item): Item[] {
    return this.#items(this.int32(), read)
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a variable-length number has more than five bytes')
  }

  compactString(): string {
    return this.compactNullableString() ?? ''
  }

  compactNullableString(): string | null {
    const size = this.uvarint() - 1
    return size < 0 ? null : this.#text(size)
  }

  compactArray<Item>(read: () => Item): Item[] {
    return this.#items(this.uvarint() - 1, read)
  }

  /** 16 bytes in the usual text form; undefined for the zero id ("no topic id"). */
  uuid(): string | undefined {
    const hex = this.#view(16).toString('hex')
    if (/^0+$/.test(hex)) return undefined
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint()
      this.#take(this.uvarint())
    }
  }

  #items<Item>(count: number, read: () => Item): Item[] {
    // Every item takes a byte at least: a damaged count ends at the end of the answer instead of filling the memory.
    if (count > this.left) throw new RangeError(`an array of ${count} items in ${this.left} bytes`)
    const items: Item[] = []
    for (let index = 0; index < count; index++) items.push(read())
    return items
  }

  #text(size: number): string {
    const from = this.#take(size)
    return this.#bytes.toString('utf8', from, from + size)
  }

  #view(size: number): Buffer {
    const from = this.#take(size)
    return this.#bytes.subarray(from, from + size)
  }

  #take(size: number): number {
    const from = this.#at
    if (from + size > this.#bytes.length)
      throw new RangeError(`the answer ends after ${this.#bytes.length} bytes, ${from + size} were expected`)
    this.#at = from + size
    return from
  }
}
