/** Keys and values as two pieces of memory that move between threads without copies: lengths, and all bytes one after another. */
import { asBuffer } from '../dataflow/cells.ts'
import { copyBytes, copyPart } from '../dataflow/copy-bytes.ts'
import { continued, GROWS_BY, largerBytes } from '../dataflow/growing-memory.ts'
import type { StoreWrite, StoreWrites } from './store.ts'

export interface PackedEntries {
  readonly lengths: Int32Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Length of what is not there: the value of a deletion, the answer for an absent key. */
const NONE = -1

const NO_BYTES = Buffer.alloc(0)
const WRITES_FIRST = 64
/** Of a short key and a small value. */
const BYTES_EACH = 128

/** Writes on their way to a store: made one by one, without an object for any of them. */
export class PackedWrites implements StoreWrites {
  /** Of key and value in turn. */
  #lengths: Int32Array<ArrayBuffer>
  #bytes: Buffer<ArrayBuffer>
  #length = 0
  #end = 0

  /** More than was expected may be added: that costs a copy. */
  constructor(expected = 0) {
    const first = Math.max(WRITES_FIRST, expected)
    this.#lengths = new Int32Array(2 * first)
    this.#bytes = Buffer.allocUnsafeSlow(BYTES_EACH * first)
  }

  /** The same, when they are packed already. */
  static of(writes: StoreWrites): PackedWrites {
    if (writes instanceof PackedWrites) return writes
    const packed = new PackedWrites(writes.length)
    for (const { key, value } of writes) packed.add(key, value)
    return packed
  }

  get length(): number {
    return this.#length
  }

  /** Bytes of all keys and values. */
  get size(): number {
    return this.#end
  }

  add(key: Uint8Array, value: Uint8Array | null): void {
    this.#reserve(key.length + (value === null ? 0 : value.length))
    this.#end = copyBytes(this.#bytes, this.#end, key)
    if (value !== null) this.#end = copyBytes(this.#bytes, this.#end, value)
    this.#added(key.length, value === null ? NONE : value.length)
  }

  /** A key that is put behind a prefix; key and value are parts of `memory`. A size of the value below 0: it is deleted. */
  addPart(prefix: Uint8Array, memory: Buffer, keyFrom: number, keySize: number, valueFrom: number, valueSize: number): void {
    this.#reserve(prefix.length + keySize + Math.max(0, valueSize))
    const begin = copyBytes(this.#bytes, this.#end, prefix)
    this.#end = copyPart(this.#bytes, copyPart(this.#bytes, begin, memory, keyFrom, keySize), memory, valueFrom, valueSize)
    this.#added(prefix.length + keySize, valueSize < 0 ? NONE : valueSize)
  }

  clear(): void {
    this.#length = 0
    this.#end = 0
  }

  /** Gives its memory away; what is left has no writes. */
  release(): PackedEntries {
    const packed = this.#view()
    this.#lengths = new Int32Array(2 * WRITES_FIRST)
    this.#bytes = NO_BYTES
    this.clear()
    return packed
  }

  *[Symbol.iterator](): Iterator<StoreWrite> {
    yield* unpackWrites(this.#view())
  }

  #view(): PackedEntries {
    return { lengths: this.#lengths.subarray(0, 2 * this.#length), bytes: this.#bytes.subarray(0, this.#end) }
  }

  #added(keyLength: number, valueLength: number): void {
    this.#lengths[2 * this.#length] = keyLength
    this.#lengths[2 * this.#length + 1] = valueLength
    this.#length += 1
  }

  #reserve(size: number): void {
    if (2 * this.#length === this.#lengths.length) this.#lengths = continued(this.#lengths, new Int32Array(GROWS_BY * this.#lengths.length))
    if (this.#end + size > this.#bytes.length) this.#bytes = largerBytes(this.#bytes, this.#end, size)
  }
}

export function unpackWrites({ lengths, bytes }: PackedEntries): StoreWrite[] {
  const writes: StoreWrite[] = []
  const memory = asBuffer(bytes)
  let at = 0
  for (let index = 0; index < lengths.length; index += 2) {
    const keyEnd = at + (lengths[index] ?? 0)
    const valueLength = lengths[index + 1] ?? NONE
    const key = memory.subarray(at, keyEnd)
    at = valueLength === NONE ? keyEnd : keyEnd + valueLength
    writes.push({ key, value: valueLength === NONE ? null : memory.subarray(keyEnd, at) })
  }
  return writes
}

/** One length for each. */
export function packValues(values: readonly (Uint8Array | undefined)[]): PackedEntries {
  const lengths = new Int32Array(values.length)
  let total = 0
  for (const [index, value] of values.entries()) {
    lengths[index] = value === undefined ? NONE : value.length
    total += value === undefined ? 0 : value.length
  }
  const bytes = new Uint8Array(total)
  let at = 0
  for (const value of values) {
    if (value === undefined) continue
    bytes.set(value, at)
    at += value.length
  }
  return { lengths, bytes }
}

export function unpackValues({ lengths, bytes }: PackedEntries): (Buffer | undefined)[] {
  const memory = asBuffer(bytes)
  const values: (Buffer | undefined)[] = []
  let at = 0
  for (const length of lengths) {
    if (length === NONE) {
      values.push(undefined)
      continue
    }
    values.push(memory.subarray(at, at + length))
    at += length
  }
  return values
}
