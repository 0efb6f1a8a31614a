/**
 * The store port on one RocksDB database.
 *
 * 1. The write-ahead log is on and never synced by us: a batch is whole after kill -9. After a power cut the newest batches may be
 *    missing, the oldest never: the mark inside says what is there, the changelog has the rest.
 * 2. Small writes are done at once. Big ones, and reads of many keys, run on threads; writes of one store follow one another.
 * 3. `clearRanges` is three writes (the binding has no range deletion inside a batch): first what is to be done, then the
 *    deletions, then the values. Opening finishes what a crash has interrupted. Nobody reads in between: reads in flight are
 *    awaited and the three run without a break.
 * 4. The database is closed when no thread uses it any more.
 */
import { failPoint, failPointSoon } from '../faults/fail-points.ts'
import { assert } from '../faults/fault.ts'
import { PackedWrites, packValues, unpackValues, unpackWrites } from './packed-entries.ts'
import { writeBatch } from './rocksdb-batch.ts'
import { binding } from './rocksdb-binding.ts'
import type { Database } from './rocksdb-binding.ts'
import { isDamage, readingFailed, writingFailed } from './rocksdb-failures.ts'
import type { StorePlace } from './rocksdb-failures.ts'
import type { RocksThread } from './rocksdb-offload.ts'
import type { ClearRange, ScanRange, Store, StoreEntry, StoreWrites } from './store.ts'

export interface DatabaseContext {
  readonly place: StorePlace
  readonly readThread: RocksThread
  readonly writeThread: RocksThread
  /** The files are damaged: they must not be opened again. */
  onDamage(): void
  onClose(): void
}

/** From here on a write is worth the way to the thread and back (0.1 ms): about what 100 keys cost. */
const OFFLOAD_WRITES_MIN = 128
const OFFLOAD_BYTES_MIN = 64 * 1024
const SCAN_LIMIT_MAX = 0x7fffffff

/** Above every key of key-layout.ts. Present only between the first and the last write of `clearRanges`. */
export const INTENT_KEY = Buffer.from('\xff\xff\xff\xff millrace clear', 'latin1')

export class RocksStore implements Store {
  readonly #database: Database
  readonly #handle: bigint
  readonly #context: DatabaseContext
  /** The end of the last write; never rejects. */
  #writing: Promise<void> | undefined
  readonly #reading = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(database: Database, context: DatabaseContext) {
    this.#database = database
    this.#handle = binding.db_get_handle(database)
    this.#context = context
    const intent = this.get(INTENT_KEY)
    if (intent !== undefined) this.#clear(decodeIntent(intent))
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#mustBeOpen()
    try {
      return binding.db_get_many_sync(this.#database, [key], undefined)[0]
    } catch (error) {
      throw this.#readingFailed(error)
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#mustBeOpen()
    if (keys.length === 0) return []
    const reading = this.#context.readThread.run(this.#handle, packValues(keys))
    this.#reading.add(reading)
    try {
      const values = await reading
      assert(values !== undefined, 'a read is answered with values')
      return unpackValues(values)
    } catch (error) {
      throw this.#readingFailed(error)
    } finally {
      this.#reading.delete(reading)
    }
  }

  scan({ from, to, limit }: ScanRange): StoreEntry[] {
    this.#mustBeOpen()
    if (limit <= 0) return []
    const options = {
      gte: from,
      limit: Math.min(limit, SCAN_LIMIT_MAX),
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      fillCache: true,
    } as const
    let rows: readonly Buffer[]
    try {
      ;({ rows } = binding.db_query(this.#database, to === undefined ? options : { ...options, lt: to }))
    } catch (error) {
      throw this.#readingFailed(error)
    }
    const entries: StoreEntry[] = []
    for (let index = 0; index + 1 < rows.length; index += 2) {
      const key = rows[index]
      const value = rows[index + 1]
      if (key !== undefined && value !== undefined) entries.push([key, value])
    }
    return entries
  }

  async write(writes: StoreWrites): Promise<void> {
    this.#mustBeOpen()
    await this.#inTurn(() => {
      if (!isBig(writes)) {
        failPoint('writing-store')
        writeBatch(this.#database, writes)
        return undefined
      }
      const written = this.#context.writeThread.run(this.#handle, PackedWrites.of(writes).release())
      failPointSoon('writing-store')
      return written.then(() => undefined)
    })
  }

  async clearRanges(ranges: readonly ClearRange[], writes: StoreWrites): Promise<void> {
    this.#mustBeOpen()
    await this.#inTurn(async () => {
      await Promise.allSettled(this.#reading)
      const intent = { ranges, writes }
      writeBatch(this.#database, [{ key: INTENT_KEY, value: encodeIntent(intent) }])
      failPoint('writing-store')
      this.#clear(intent)
    })
  }

  #clear({ ranges, writes }: ClearIntent): void {
    for (const { from, to } of ranges) binding.db_clear(this.#database, { gte: from, lt: to })
    writeBatch(this.#database, [...writes, { key: INTENT_KEY, value: null }])
  }

  sizeBytes(): number {
    this.#mustBeOpen()
    return SIZE_PROPERTIES.reduce((sum, name) => sum + Number(binding.db_get_property(this.#database, name)), 0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writing
    await Promise.allSettled(this.#reading)
    await closeDatabase(this.#database).finally(() => this.#context.onClose())
  }

  /** Writes follow one another in the order of the calls; a small one that finds nobody in front is done before this returns. */
  async #inTurn(write: () => Promise<void> | undefined): Promise<void> {
    const before = this.#writing
    const { promise: mine, resolve: done } = Promise.withResolvers<void>()
    this.#writing = mine
    try {
      if (before !== undefined) await before
      const written = write()
      if (written !== undefined) await written
    } catch (error) {
      if (isDamage(error)) this.#context.onDamage()
      throw writingFailed(this.#context.place, error)
    } finally {
      if (this.#writing === mine) this.#writing = undefined
      done()
    }
  }

  #readingFailed(error: unknown): Error {
    if (isDamage(error)) this.#context.onDamage()
    return readingFailed(this.#context.place, error)
  }

  #mustBeOpen(): void {
    assert(this.#closing === undefined, `the store of ${this.#context.place.task} is open when it is used`)
  }
}

export async function closeDatabase(database: Database): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    binding.db_close(database, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}

const SIZE_PROPERTIES = ['rocksdb.total-sst-files-size', 'rocksdb.cur-size-all-mem-tables']

function isBig(writes: StoreWrites): boolean {
  if (writes.length >= OFFLOAD_WRITES_MIN) return true
  if (writes instanceof PackedWrites) return writes.size >= OFFLOAD_BYTES_MIN
  let bytes = 0
  for (const { key, value } of writes) bytes += key.length + (value?.length ?? 0)
  return bytes >= OFFLOAD_BYTES_MIN
}

export interface ClearIntent {
  readonly ranges: readonly ClearRange[]
  readonly writes: StoreWrites
}

/** `number of ranges u32 | number of lengths u32 | lengths i32... | bytes`, ranges first, as if they were writes. */
export function encodeIntent({ ranges, writes }: ClearIntent): Buffer {
  const packed = new PackedWrites()
  for (const { from, to } of ranges) packed.add(from, to)
  for (const { key, value } of writes) packed.add(key, value)
  const { lengths, bytes } = packed.release()
  const head = Buffer.alloc(8)
  head.writeUInt32LE(ranges.length, 0)
  head.writeUInt32LE(lengths.length, 4)
  return Buffer.concat([head, Buffer.from(lengths.buffer, lengths.byteOffset, lengths.byteLength), bytes])
}

function decodeIntent(intent: Uint8Array): ClearIntent {
  // A copy, so that the lengths lie on a multiple of four.
  const copy = new Uint8Array(intent)
  const view = new DataView(copy.buffer)
  const count = view.getUint32(4, true)
  const entries = unpackWrites({ lengths: new Int32Array(copy.buffer, 8, count), bytes: copy.subarray(8 + 4 * count) })
  const ranges = entries.splice(0, view.getUint32(0, true))
  return { ranges: ranges.map(({ key, value }) => ({ from: key, to: value ?? key })), writes: entries }
}
