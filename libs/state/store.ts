/**
 * The store port: an ordered map of bytes with one atomic write, the local home of one task's committed state.
 *
 * Two homes: libs/state/rocksdb-store.ts and libs/state/memory-store.ts; both pass test/support/store-conformance.ts.
 * Keys are ordered by unsigned bytes.
 */
export interface StoreWrite {
  readonly key: Uint8Array
  /** null deletes. */
  readonly value: Uint8Array | null
}

/** A list, or what was packed without one: its memory is the store's from when it is given. */
export interface StoreWrites extends Iterable<StoreWrite> {
  readonly length: number
}

export interface ScanRange {
  /** First key, inclusive. */
  readonly from: Uint8Array
  /** First key that is no longer in the range; undefined: to the end. */
  readonly to: Uint8Array | undefined
  readonly limit: number
}

export interface ClearRange {
  /** First key, inclusive. */
  readonly from: Uint8Array
  /** First key that stays. */
  readonly to: Uint8Array
}

export type StoreEntry = readonly [key: Uint8Array, value: Uint8Array]

export interface Store {
  /** Reads off the event loop. The answer has undefined where there is no value. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** Reads on the event loop: for keys that nobody could foresee. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Ordered, at most `limit` entries, on the event loop. */
  scan(range: ScanRange): StoreEntry[]
  /** All or nothing, also after kill -9. Later writes to one key in the same batch win. */
  write(writes: StoreWrites): Promise<void>
  /** Removes every key in the ranges and then applies the writes, in one atomic step. */
  clearRanges(ranges: readonly ClearRange[], writes: StoreWrites): Promise<void>
  /** Bytes on disk, about. */
  sizeBytes(): number
  close(): Promise<void>
}

/** Opens, wipes and lists the stores of a worker. */
export interface StoreHome {
  /** Opens the store of a task, empty when it is new. Fault MR4xxx when the directory cannot be used or files are damaged. */
  open(task: string): Promise<Store>
  /** Removes a store that is not open: renamed first, then deleted, so that an interrupted wipe never leaves a half store. */
  wipe(task: string): Promise<void>
  /** Tasks that have a store here. */
  list(): Promise<readonly string[]>
  close(): Promise<void>
}
