/** Keys and values as two pieces of memory that move between threads without copies: lengths, and all bytes one after another. */
import { asBuffer } from '../dataflow/cells.ts'
import type { StoreWrite } from './store.ts'

export interface PackedEntries {
  readonly lengths: Int32Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Length of what is not there: the value of a deletion, the answer for an absent key. */
const NONE = -1

/** For each write the lengths of key and value. */
export function packWrites(writes: readonly StoreWrite[]): PackedEntries {
  const lengths = new Int32Array(2 * writes.length)
  let total = 0
  let at = 0
  for (const { key, value } of writes) {
    lengths[at++] = key.length
    lengths[at++] = value === null ? NONE : value.length
    total += key.length + (value === null ? 0 : value.length)
  }
  const bytes = new Uint8Array(total)
  let end = 0
  for (const { key, value } of writes) {
    bytes.set(key, end)
    end += key.length
    if (value === null) continue
    bytes.set(value, end)
    end += value.length
  }
  return { lengths, bytes }
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
