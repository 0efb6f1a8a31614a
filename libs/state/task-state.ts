/**
 * The state of one task: cells over the local store, layer by layer (engine.md 4.3-4.6), and restore into it (3.3).
 *
 *     records ─▶ cells, active layer ─ freeze ─▶ frozen layer ─ transaction ─ apply ─▶ store and cache
 *
 * 1. The store only ever holds committed state (P2): it is written by `apply`, after the transaction, and by restore.
 * 2. Values and mark change in one atomic write, so that the mark always says what the values stand for.
 * 3. One frozen layer at a time: commit n+1 is not frozen before commit n is applied.
 * 4. If apply fails, nothing more can be committed from here: the caller closes the store and acquires again (hole D3).
 */
import { assert, Fault } from '../faults/fault.ts'
import type { KeyBytes, StoreCells } from '../dataflow/cells.ts'
import { CacheBudget } from './cache.ts'
import type { Change } from './changelog.ts'
import { localKey } from './key-layout.ts'
import { StepRegistry, markWrite, readMark } from './local-mark.ts'
import type { LocalMark } from './local-mark.ts'
import type { LayerChange, Prefetching, StateCounters, TaskScope } from './overlay.ts'
import { PackedWrites } from './packed-entries.ts'
import { RestoreBatch } from './restore-batch.ts'
import { StepCells } from './step-cells.ts'
import type { ClearRange, Store } from './store.ts'

export type { LocalMark } from './local-mark.ts'

/** The mark, and new names of steps and cells. */
const MARK_WRITES = 2

export interface TaskStateOptions {
  /** Bound of the cache of decoded values, bytes (about: sizes of decoded values are estimated from their encoded size). May change. */
  readonly cacheBytesMax: number | (() => number)
  /** Deep-freezes values that go in and out, so that user code that changes them in place is found (test kit). Default false. */
  readonly freezeValues?: boolean
}

/** What one transaction changes, by step. */
export interface FrozenLayer {
  readonly changes: ReadonlyMap<string, readonly Change[]>
}

interface SealedLayer extends FrozenLayer {
  readonly changes: ReadonlyMap<string, readonly LayerChange[]>
}

interface Announcement {
  readonly reading: Prefetching
  readonly entry: KeyBytes
}

export class TaskState implements StateCounters {
  readonly #store: Store
  readonly #registry: StepRegistry
  readonly #budget: CacheBudget
  readonly #steps = new Map<string, StepCells>()
  #mark: LocalMark | undefined
  #frozen: SealedLayer | undefined
  #announcements: Announcement[] = []
  #brokenBy: unknown
  hits = 0
  misses = 0
  syncReads = 0

  private constructor(store: Store, steps: readonly string[], options: TaskStateOptions) {
    this.#store = store
    this.#registry = StepRegistry.read(store)
    this.#mark = readMark(store)
    const { cacheBytesMax } = options
    this.#budget = new CacheBudget(typeof cacheBytesMax === 'number' ? () => cacheBytesMax : cacheBytesMax)
    const scope: TaskScope = {
      store,
      budget: this.#budget,
      freezeValues: options.freezeValues ?? false,
      counters: this,
      announce: (reading, entry) => void this.#announcements.push({ reading, entry }),
    }
    for (const step of steps) this.#steps.set(step, new StepCells(scope, this.#registry, step))
  }

  /** Reads mark and registry. Faults MR4003 and MR4007 (`acquire-again`): wipe the store and open it again. */
  static open(store: Store, steps: readonly string[], options: TaskStateOptions): TaskState {
    return new TaskState(store, steps, options)
  }

  /** Undefined: the store is new. */
  get mark(): LocalMark | undefined {
    return this.#mark
  }

  cells(step: string): StoreCells {
    return this.#step(step)
  }

  #step(step: string): StepCells {
    const cells = this.#steps.get(step)
    assert(cells !== undefined, `the step ${step} is among those that the state was opened with`)
    return cells
  }

  // ---- hot path

  /** Starts one read for all announced keys; undefined: there is nothing to read. */
  prefetchPending(): Promise<void> | undefined {
    if (this.#announcements.length === 0) return undefined
    const announcements = this.#announcements
    this.#announcements = []
    const keys: Uint8Array[] = []
    const waiting: ((raw: Uint8Array | undefined) => void)[] = []
    for (const { reading, entry } of announcements) {
      const announced = reading.beginRead(entry)
      if (announced === undefined) continue
      keys.push(localKey(reading.prefix, entry))
      waiting.push((raw) => reading.endRead(entry, announced, raw))
    }
    if (keys.length === 0) return undefined
    return this.#store.getMany(keys).then((values) => {
      for (const [index, answer] of waiting.entries()) answer(values[index])
    })
  }

  /** Estimate of the encoded size of the active layer. */
  get dirtyBytes(): number {
    let bytes = 0
    for (const cells of this.#steps.values()) bytes += cells.dirtyBytes
    return bytes
  }

  get dirty(): boolean {
    for (const cells of this.#steps.values()) if (cells.dirty) return true
    return false
  }

  // ---- commit

  /** Seals the active layer; each changed key is encoded here, once. Fault MR4010 (`stop-task`) when a value cannot be encoded. */
  freeze(): FrozenLayer {
    assert(this.#frozen === undefined, 'commit n+1 is frozen only when commit n is applied')
    this.#mustBeSound()
    const changes = new Map<string, readonly LayerChange[]>()
    for (const [step, cells] of this.#steps) {
      const list: LayerChange[] = []
      cells.freeze(list)
      if (list.length > 0) changes.set(step, list)
    }
    this.#frozen = { changes }
    return this.#frozen
  }

  /** The transaction happened: values and mark go to the store in one atomic write, then the values into the cache. */
  async apply(frozen: FrozenLayer, mark: LocalMark): Promise<void> {
    const layer = this.#frozen
    assert(layer !== undefined && layer === frozen, 'the layer to apply is the one that was frozen last')
    let expected = MARK_WRITES
    for (const changes of layer.changes.values()) expected += changes.length
    const writes = new PackedWrites(expected)
    for (const changes of layer.changes.values()) for (const change of changes) writes.add(change.storeKey, change.value)
    await this.#write(writes, mark)
    // Discarded meanwhile: then the caller has given this state up.
    if (this.#frozen !== layer) return
    this.#frozen = undefined
    for (const cells of this.#steps.values()) cells.applied()
  }

  /** After a failed transaction: layers, reads in flight and cache go, also what user code may have changed in place (hole D2). */
  discard(): void {
    this.#frozen = undefined
    this.#announcements = []
    for (const cells of this.#steps.values()) cells.discard()
    this.#budget.clear()
  }

  // ---- restore

  /** For changelog records of the step, to be applied next. `expected`: how many, about. */
  restoring(step: string, expected = 0): RestoreBatch {
    const epoch = this.#mark?.changelogEpochs[step] ?? 0
    // All local keys of a step begin with the first of its range, and go on as its changelog's keys do.
    return new RestoreBatch(step, this.#restorable(step).range.from, epoch, expected + MARK_WRITES)
  }

  /** Applies the records and the mark in one atomic write. */
  async restore(batch: RestoreBatch, mark: LocalMark): Promise<void> {
    const cells = this.#restorable(batch.step)
    // A store without a mark is empty: whatever is written comes with one.
    await this.#write(batch.writes, mark, batch.cleared && this.#mark !== undefined ? [cells.range] : [])
    cells.reset()
    this.#budget.clear()
  }

  /** Empties steps, in one atomic write with the mark. */
  async clear(steps: readonly string[], mark: LocalMark): Promise<void> {
    const all = steps.map((step) => this.#restorable(step))
    await this.#write(
      new PackedWrites(),
      mark,
      all.map((cells) => cells.range),
    )
    for (const cells of all) cells.reset()
    this.#budget.clear()
  }

  async writeMark(mark: LocalMark): Promise<void> {
    await this.#write(new PackedWrites(), mark)
  }

  /** Bytes on disk, about. */
  sizeBytes(): number {
    return this.#store.sizeBytes()
  }

  /** Bytes that the cache of decoded values holds, estimated. */
  get cacheBytes(): number {
    return this.#budget.bytes
  }

  #restorable(step: string): StepCells {
    const cells = this.#step(step)
    assert(this.#frozen === undefined && !cells.dirty, `nothing of ${step} is changed while it is restored`)
    return cells
  }

  /** All of `writes`, which go away with it, and the mark. */
  async #write(writes: PackedWrites, mark: LocalMark, ranges: readonly ClearRange[] = []): Promise<void> {
    this.#mustBeSound()
    for (const { key, value } of [...this.#registry.pendingWrites(), markWrite(mark)]) writes.add(key, value)
    try {
      if (ranges.length === 0) await this.#store.write(writes)
      else await this.#store.clearRanges(ranges, writes)
    } catch (error) {
      this.#brokenBy = error
      throw error
    }
    this.#mark = mark
  }

  #mustBeSound(): void {
    if (this.#brokenBy === undefined) return
    throw new Fault('MR4005', 'acquire-again', 'a write to the local store has failed before: close it and acquire the task again', {
      cause: this.#brokenBy,
    })
  }
}
