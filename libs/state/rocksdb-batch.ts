/** One atomic write, on the calling thread. */
import { copyPart } from '../dataflow/copy-bytes.ts'
import { asBuffer } from '../dataflow/cells.ts'
import type { PackedEntries } from './packed-entries.ts'
import { entryStarts, keyOrder } from './packed-order.ts'
import { binding } from './rocksdb-binding.ts'
import type { Batch, Database } from './rocksdb-binding.ts'
import type { StoreWrite } from './store.ts'

/** One for each thread: its memory is used again. */
let batch: Batch | undefined

function emptyBatch(): Batch {
  batch ??= binding.batch_init()
  binding.batch_clear(batch)
  return batch
}

/** Whole or not at all, also after kill -9: the write-ahead log holds it as one record. It is not synced to disk. */
export function writeBatch(database: Database, writes: Iterable<StoreWrite>): void {
  const empty = emptyBatch()
  for (const { key, value } of writes) {
    if (value === null) binding.batch_del(empty, key, undefined)
    else binding.batch_put(empty, key, value, undefined)
  }
  binding.batch_write(database, empty, undefined)
}

/**
 * The same in the order of the keys: neighbours are inserted faster (measured 7.6 instead of 13.7 ms for 7,000 keys). Equal keys keep their
 * order, so that the last one wins.
 */
export function writePacked(database: Database, packed: PackedEntries): void {
  const { lengths } = packed
  const empty = emptyBatch()
  const memory = asBuffer(packed.bytes)
  const starts = entryStarts(packed)
  for (const entry of keyOrder(packed, starts)) {
    const start = starts[entry] ?? 0
    const keyLength = lengths[2 * entry] ?? 0
    const valueLength = lengths[2 * entry + 1] ?? 0
    const key = part(keyParts, memory, start, keyLength)
    if (valueLength < 0) binding.batch_del(empty, key, undefined)
    else binding.batch_put(empty, key, part(valueParts, memory, start + keyLength, valueLength), undefined)
  }
  binding.batch_write(database, empty, undefined)
}

/** The binding wants a buffer for each key and value, and copies it at once: one for each size is enough, where it is short. */
const keyParts: Buffer[] = []
const valueParts: Buffer[] = []
const PART_BYTES_MAX = 256

function part(parts: Buffer[], memory: Buffer, from: number, size: number): Buffer {
  if (size > PART_BYTES_MAX) return memory.subarray(from, from + size)
  const own = (parts[size] ??= Buffer.allocUnsafeSlow(size))
  copyPart(own, 0, memory, from, size)
  return own
}
