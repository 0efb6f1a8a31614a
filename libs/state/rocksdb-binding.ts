/**
 * The native binding of @nxtedition/rocksdb 12.2.12, as far as we use it; types are from its binding.cc. We call it below its
 * abstract-level classes, whose batches cost 1.4 to 2.2 times as much for each key (README.md, "Measured").
 *
 * Known of this version, each with a test or a measurement:
 * 1. `batch_write` runs on the calling thread: 6 to 14 ms for 7,000 random keys. Big ones go to a thread of their own.
 * 2. `db_get_many` (asynchronous) never answers when a block is damaged: the error becomes an uncaught exception. It is not used;
 *    a thread reads with `db_get_many_sync`, which throws where it should.
 * 3. A handle (`db_get_handle`) opens the same database in another thread. It must not be used after `db_close`.
 * 4. There is no read-only opening, and no range deletion inside a batch (`db_clear` is one, outside).
 */
import { createRequire } from 'node:module'

/** Opaque. */
export interface Database {
  readonly kind: 'database'
}
export interface Batch {
  readonly kind: 'batch'
}

export interface OpenOptions {
  readonly createIfMissing: boolean
  /** Block cache, bytes. */
  readonly cacheSize: number
  readonly cacheIndexAndFilterBlocks: boolean
  /** Sets write_buffer_size to a quarter of memtableMemoryBudget, at most six of them. */
  readonly compaction: 'level'
  /** Bytes. */
  readonly memtableMemoryBudget: number
  readonly compression: boolean
  readonly walCompression: boolean
}

export interface RangeOptions {
  readonly gte: Uint8Array
  readonly lt?: Uint8Array
}

export interface QueryOptions extends RangeOptions {
  readonly limit: number
  readonly keyEncoding: 'buffer'
  readonly valueEncoding: 'buffer'
  readonly fillCache: boolean
}

type Callback = (error: Error | null) => void

export interface Binding {
  db_init(location: string | bigint): Database
  db_open(database: Database, options: OpenOptions, callback: Callback): void
  db_close(database: Database, callback: Callback): void
  db_get_handle(database: Database): bigint
  db_get_many_sync(database: Database, keys: readonly Uint8Array[], options: undefined): (Buffer | undefined)[]
  /** Keys and values in turn. */
  db_query(database: Database, options: QueryOptions): { readonly rows: Buffer[]; readonly finished: boolean }
  db_clear(database: Database, options: Required<RangeOptions>): void
  db_get_property(database: Database, name: string): string
  batch_init(): Batch
  batch_put(batch: Batch, key: Uint8Array, value: Uint8Array, options: undefined): void
  batch_del(batch: Batch, key: Uint8Array, options: undefined): void
  batch_clear(batch: Batch): void
  batch_write(database: Database, batch: Batch, options: undefined): void
}

// The package has no types; these are from the source of exactly this version, which package.json pins.
export const binding = createRequire(import.meta.url)('@nxtedition/rocksdb/binding.js') as Binding
