/**
 * A cell ordered by time, for windows and timers: entries of the two layers in buckets of equal time, those of the store by scan.
 *
 *   `#floor`  no entry of the store that the layers leave visible is earlier. Raised by what a scan has seen and `take` has taken,
 *             lowered when an applied layer brought earlier entries. Known without a read, so that asking what is due costs nothing.
 *   `#rows`   entries of the store read ahead, from the floor on. Good until the store changes; layers are asked for each again.
 *
 * A commit that fails takes back what was taken: the floor goes back to what holds for the store alone (`#committedFloor`).
 */
import { toKeyBytes } from '../dataflow/cells.ts'
import type { Codec, DueEntry, KeyBytes, TimedCell } from '../dataflow/cells.ts'
import type { StatefulCell } from './cells.ts'
import { TIME_BYTES, after, localKey, timeBytes, timeOf } from './key-layout.ts'
import { CellOverlay, DELETED } from './overlay.ts'
import type { LayerChange, TaskScope } from './overlay.ts'
import type { StoreEntry } from './store.ts'
import { TimeHeap } from './time-heap.ts'

/** Entries of one layer by time; only those that were set. */
class TimeBuckets {
  readonly #heap = new TimeHeap()
  readonly #entries = new Map<number, KeyBytes[]>()
  #lastTime = NaN
  #last: KeyBytes[] = []

  get earliest(): number {
    return this.#heap.earliest
  }

  add(time: number, entry: KeyBytes): void {
    if (time !== this.#lastTime) {
      let bucket = this.#entries.get(time)
      if (bucket === undefined) {
        bucket = []
        this.#entries.set(time, bucket)
        this.#heap.push(time)
      }
      this.#last = bucket
      this.#lastTime = time
    }
    this.#last.push(entry)
  }

  /** Removes the bucket of the earliest time. */
  takeEarliest(): readonly KeyBytes[] {
    const time = this.#heap.earliest
    const bucket = this.#entries.get(time) ?? []
    this.#entries.delete(time)
    this.#heap.pop()
    if (time === this.#lastTime) this.#lastTime = NaN
    return bucket
  }
}

const SCAN_FIRST = 16
const SCAN_MAX = 1024
const NOTHING: readonly never[] = Object.freeze([])

export class OverlayTimedCell<V> implements TimedCell<V>, StatefulCell {
  readonly #scope: TaskScope
  readonly #overlay: CellOverlay<V>
  readonly #end: Buffer
  #active = new TimeBuckets()
  #frozen = new TimeBuckets()
  #floor = -Infinity
  #committedFloor = -Infinity
  /** Of the frozen layer: what the committed floor becomes when it is applied. */
  #frozenFloor = -Infinity
  #frozenEarliest = Infinity
  #rows: readonly StoreEntry[] = NOTHING
  #row = 0
  #rowsEnd = false
  #scanLimit = SCAN_FIRST
  #lastTime = NaN
  #lastKey: KeyBytes = ''
  #lastTimeBytes: KeyBytes = ''
  #lastEntry: KeyBytes = ''

  constructor(scope: TaskScope, place: string, prefix: Buffer, codec: Codec<V>) {
    this.#scope = scope
    this.#overlay = new CellOverlay(scope, place, prefix, codec)
    this.#end = after(prefix)
    this.reset()
  }

  get(time: number, key: KeyBytes): V | undefined {
    return this.#overlay.get(this.#entry(time, key))
  }

  set(time: number, key: KeyBytes, value: V): void {
    if (value === undefined) return this.delete(time, key)
    const entry = this.#entry(time, key)
    const before = this.#overlay.active(entry)
    this.#overlay.set(entry, value)
    if (before === undefined || before === DELETED) this.#active.add(time, entry)
  }

  delete(time: number, key: KeyBytes): void {
    this.#overlay.delete(this.#entry(time, key))
  }

  prefetch(time: number, key: KeyBytes): void {
    this.#overlay.prefetch(this.#entry(time, key))
  }

  earliest(): number {
    return Math.min(this.#floor, this.#active.earliest, this.#frozen.earliest)
  }

  take(upTo: number): readonly DueEntry<V>[] {
    for (;;) {
      const time = this.earliest()
      if (time > upTo || time === Infinity) return NOTHING
      if (this.#floor <= time) this.#look()
      if (this.#floor > time && time !== Math.min(this.#active.earliest, this.#frozen.earliest)) continue
      const due = this.#collect(time)
      if (due.length > 0) return due
    }
  }

  /** All visible entries of that time, removed. */
  #collect(time: number): DueEntry<V>[] {
    const found = new Map<KeyBytes, V>()
    while (this.#floor === time) {
      const row = this.#rows[this.#row++]
      if (row !== undefined) {
        const entry = toKeyBytes(row[0].subarray(this.#overlay.prefix.length))
        if (this.#overlay.layered(entry) === undefined) found.set(entry, this.#overlay.ofRow(entry, row[1]))
      }
      this.#look()
    }
    if (this.#active.earliest === time) this.#gather(this.#active, found)
    if (this.#frozen.earliest === time) this.#gather(this.#frozen, found)
    const entries = [...found.keys()].sort()
    const due: DueEntry<V>[] = []
    for (const entry of entries) {
      const value = found.get(entry)
      this.#overlay.delete(entry)
      // Always so: values are never undefined (set deletes instead).
      if (value !== undefined) due.push({ time, key: entry.slice(TIME_BYTES), value })
    }
    return due
  }

  #gather(buckets: TimeBuckets, found: Map<KeyBytes, V>): void {
    for (const entry of buckets.takeEarliest()) {
      const value = this.#overlay.layered(entry)
      if (value !== undefined && value !== DELETED) found.set(entry, value)
    }
  }

  /** Makes the floor exact: the time of the next row that was not taken. */
  #look(): void {
    if (this.#row >= this.#rows.length && !this.#rowsEnd) this.#scan()
    const row = this.#rows[this.#row]
    this.#floor = row === undefined ? Infinity : timeOf(row[0], this.#overlay.prefix.length)
  }

  #scan(): void {
    const { prefix } = this.#overlay
    const last = this.#rows.at(-1)?.[0]
    const from =
      last !== undefined ? Buffer.concat([last, ZERO]) : this.#floor === -Infinity ? prefix : localKey(prefix, timeBytes(this.#floor))
    this.#rows = this.#scope.store.scan({ from, to: this.#end, limit: this.#scanLimit })
    this.#row = 0
    this.#rowsEnd = this.#rows.length < this.#scanLimit
    this.#scanLimit = Math.min(SCAN_MAX, 2 * this.#scanLimit)
  }

  /** The store has changed: what was read ahead may be old. */
  #forgetRows(): void {
    this.#rows = NOTHING
    this.#row = 0
    this.#rowsEnd = this.#floor === Infinity
    this.#scanLimit = SCAN_FIRST
  }

  #entry(time: number, key: KeyBytes): KeyBytes {
    if (time === this.#lastTime && key === this.#lastKey) return this.#lastEntry
    if (time !== this.#lastTime) this.#lastTimeBytes = timeBytes(time)
    this.#lastTime = time
    this.#lastKey = key
    this.#lastEntry = this.#lastTimeBytes + key
    return this.#lastEntry
  }

  // ---- layers

  get dirty(): boolean {
    return this.#overlay.dirty
  }
  get dirtyBytes(): number {
    return this.#overlay.dirtyBytes
  }

  freeze(changes: LayerChange[]): void {
    this.#overlay.freeze(changes)
    this.#frozenFloor = this.#floor
    this.#frozenEarliest = this.#active.earliest
    this.#frozen = this.#active
    this.#active = new TimeBuckets()
  }

  applied(): void {
    this.#overlay.applied()
    this.#committedFloor = Math.min(this.#frozenFloor, this.#frozenEarliest)
    this.#floor = Math.min(this.#floor, this.#frozenEarliest)
    this.#frozen = new TimeBuckets()
    this.#forgetRows()
  }

  discard(): void {
    this.#overlay.discard()
    this.#active = new TimeBuckets()
    this.#frozen = new TimeBuckets()
    this.#floor = this.#committedFloor
    this.#forgetRows()
  }

  reset(): void {
    this.#overlay.discard()
    this.#active = new TimeBuckets()
    this.#frozen = new TimeBuckets()
    this.#floor = -Infinity
    this.#forgetRows()
    this.#look()
    this.#committedFloor = this.#floor
  }
}

const ZERO = Buffer.from([0])
