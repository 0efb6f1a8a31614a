/** One atomic write, on the calling thread. */
import { binding } from './rocksdb-binding.ts'
import type { Batch, Database } from './rocksdb-binding.ts'
import type { StoreWrite } from './store.ts'

let batch: Batch | undefined

/** Whole or not at all, also after kill -9: the write-ahead log holds it as one record. It is not synced to disk. */
export function writeBatch(database: Database, writes: readonly StoreWrite[]): void {
  // One batch for each thread: its memory is used again.
  batch ??= binding.batch_init()
  binding.batch_clear(batch)
  for (const { key, value } of writes) {
    if (value === null) binding.batch_del(batch, key, undefined)
    else binding.batch_put(batch, key, value, undefined)
  }
  binding.batch_write(database, batch, undefined)
}
