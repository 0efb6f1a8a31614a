/**
 * The overlay of one cell: what a task has changed and not yet committed, over the committed values (engine.md 4.3-4.6).
 *
 *       get ─▶ active ─▶ frozen ─▶ cache ─▶ store, on the event loop
 *                │          │        ▲  ▲
 *     freeze ────┘          │        │  └── prefetched, off the event loop
 *                    apply ─┴────────┘
 *
 * 1. A layer answers a value, `DELETED`, or nothing: then the layer below is asked.
 * 2. The cache holds committed values only. An entry of a layer enters it when the layer was applied, not before.
 * 3. An announced read is forgotten when its key is applied, read on the event loop, or everything is discarded; an answer that
 *    comes later finds nothing to fill. So an answer older than the last write of its key is never used (hole D1).
 * 4. Each changed key is encoded once, when the layer is frozen. The same bytes go to the changelog and to the store.
 */
import type { Codec, KeyBytes } from '../dataflow/cells.ts'
import { fromKeyBytes } from '../dataflow/cells.ts'
import { assert, Fault } from '../faults/fault.ts'
import type { CacheBudget } from './cache.ts'
import { ABSENT, CellCache, cachedBytes } from './cache.ts'
import type { CacheEntry } from './cache.ts'
import type { Change } from './changelog.ts'
import { deepFreeze } from './freeze-values.ts'
import { STEP_BYTES } from './key-layout.ts'
import type { Store } from './store.ts'

export const DELETED: unique symbol = Symbol('deleted')

/** What the cells of one task share. */
export interface TaskScope {
  readonly store: Store
  readonly budget: CacheBudget
  readonly freezeValues: boolean
  readonly counters: StateCounters
  /** A read to come, for the next prefetch. */
  announce(reading: Prefetching, entry: KeyBytes): void
}

/** The side of an overlay that prefetching sees. */
export interface Prefetching {
  readonly prefix: Buffer
  beginRead(entry: KeyBytes): Announced | undefined
  endRead(entry: KeyBytes, announced: Announced, raw: Uint8Array | undefined): void
}

/** A read to come or under way. */
export interface Announced {
  asked: boolean
}

export interface StateCounters {
  /** Reads answered by layers and cache. */
  hits: number
  /** Reads that needed the store, prefetched ones too. */
  misses: number
  /** Those of them that were done on the event loop. */
  syncReads: number
}

/** One changed key: `storeKey` ends with `recordKey`, which ends with `key`. */
export class LayerChange implements Change {
  readonly storeKey: Buffer
  readonly value: Uint8Array | null

  constructor(storeKey: Buffer, value: Uint8Array | null) {
    this.storeKey = storeKey
    this.value = value
  }

  get recordKey(): Buffer {
    return this.storeKey.subarray(STEP_BYTES)
  }

  get key(): Buffer {
    return this.storeKey.subarray(STEP_BYTES + 1)
  }
}

/** Assumed until the first values of a cell have been encoded. */
const FIRST_VALUE_BYTES = 64
/** How much the newest layer moves the mean size of values. */
const MEAN_WEIGHT = 0.25

export type Layer<V> = Map<KeyBytes, V | typeof DELETED>

export class CellOverlay<V> implements Prefetching {
  readonly #scope: TaskScope
  readonly #place: string
  readonly #prefix: Buffer
  readonly #codec: Codec<V>
  readonly #cache: CellCache<V>
  readonly #counters: StateCounters
  #active: Layer<V> = new Map()
  #frozen: Layer<V> | undefined
  /** Bytes of the encoded values of the frozen layer, in its order. */
  #frozenBytes: number[] = []
  #announced = new Map<KeyBytes, Announced>()
  #meanBytes = FIRST_VALUE_BYTES
  #scratch: Buffer

  /** `place`: step and cell, for messages. */
  constructor(scope: TaskScope, place: string, prefix: Buffer, codec: Codec<V>) {
    this.#scope = scope
    this.#place = place
    this.#prefix = prefix
    this.#codec = codec
    this.#cache = new CellCache(scope.budget)
    this.#counters = scope.counters
    this.#scratch = Buffer.alloc(256)
    this.#scratch.set(prefix)
  }

  get prefix(): Buffer {
    return this.#prefix
  }

  get dirty(): boolean {
    return this.#active.size > 0
  }

  /** Estimate of what the active layer takes when it is encoded. */
  get dirtyBytes(): number {
    return this.#active.size * this.#meanBytes
  }

  // ---- reading and writing

  get(entry: KeyBytes): V | undefined {
    const held = this.layered(entry)
    if (held !== undefined) {
      this.#counters.hits += 1
      return held === DELETED ? undefined : held
    }
    const cached = this.#cache.get(entry)
    if (cached === undefined) return this.#read(entry)
    this.#counters.hits += 1
    return this.#valueOf(cached, entry)
  }

  /** What the layers say; undefined: ask below. */
  layered(entry: KeyBytes): V | typeof DELETED | undefined {
    const active = this.#active.get(entry)
    if (active !== undefined || this.#frozen === undefined) return active
    return this.#frozen.get(entry)
  }

  /** What the active layer says. */
  active(entry: KeyBytes): V | typeof DELETED | undefined {
    return this.#active.get(entry)
  }

  set(entry: KeyBytes, value: V): void {
    if (this.#scope.freezeValues) deepFreeze(value)
    this.#active.set(entry, value)
  }

  delete(entry: KeyBytes): void {
    // Surely absent below: then nobody needs to hear of it.
    if (this.#cache.peek(entry)?.value === ABSENT && this.#frozen?.has(entry) !== true) this.#active.delete(entry)
    else this.#active.set(entry, DELETED)
  }

  /** The value of a row that a scan of the store has found and no layer knows. */
  ofRow(entry: KeyBytes, row: Uint8Array): V {
    const cached = this.#cache.get(entry)
    const known = cached === undefined ? undefined : this.#valueOf(cached, entry)
    if (known !== undefined) return known
    this.#announced.delete(entry)
    return this.#decode(entry, row)
  }

  #read(entry: KeyBytes): V | undefined {
    this.#counters.misses += 1
    this.#counters.syncReads += 1
    this.#announced.delete(entry)
    const at = this.#prefix.length
    const length = at + entry.length
    if (this.#scratch.length < length) {
      this.#scratch = Buffer.alloc(2 * length)
      this.#scratch.set(this.#prefix)
    }
    this.#scratch.write(entry, at, 'latin1')
    const raw = this.#scope.store.get(this.#scratch.subarray(0, length))
    if (raw === undefined) {
      this.#cache.put(entry, ABSENT, undefined, cachedBytes(entry.length, 0))
      return undefined
    }
    return this.#decode(entry, raw)
  }

  #valueOf(cached: CacheEntry<V>, entry: KeyBytes): V | undefined {
    if (cached.raw !== undefined) return this.#decode(entry, cached.raw)
    return cached.value === ABSENT ? undefined : cached.value
  }

  #decode(entry: KeyBytes, raw: Uint8Array): V {
    let value: V
    try {
      value = this.#codec.decode(raw)
    } catch (cause) {
      // It says by itself what is wrong (versions of state); only the place is missing.
      if (cause instanceof Fault)
        throw new Fault(cause.code, cause.action, `the stored value of ${this.#place} at key ${shown(entry)}: ${cause.message}`, { cause })
      throw new Fault(
        'MR4009',
        'stop-task',
        `the stored value of ${this.#place} at key ${shown(entry)} cannot be decoded: ${messageOf(cause)}. Nothing was changed. Start the release that wrote it, give the state a version with an upgrade, or the application a new version`,
        { cause },
      )
    }
    if (this.#scope.freezeValues) deepFreeze(value)
    this.#cache.put(entry, value, undefined, cachedBytes(entry.length, raw.length))
    return value
  }

  // ---- prefetch

  prefetch(entry: KeyBytes): void {
    // The cache first: most keys are found there.
    if (this.#cache.peek(entry) !== undefined || this.#announced.has(entry) || this.layered(entry) !== undefined) return
    this.#announced.set(entry, { asked: false })
    this.#scope.announce(this, entry)
  }

  /** The announced read begins now; undefined: nobody wants it any more. */
  beginRead(entry: KeyBytes): Announced | undefined {
    const announced = this.#announced.get(entry)
    if (announced === undefined || announced.asked) return undefined
    announced.asked = true
    return announced
  }

  endRead(entry: KeyBytes, announced: Announced, raw: Uint8Array | undefined): void {
    if (this.#announced.get(entry) !== announced) return
    this.#announced.delete(entry)
    this.#counters.misses += 1
    this.#cache.put(entry, raw === undefined ? ABSENT : undefined, raw, cachedBytes(entry.length, raw?.length ?? 0))
  }

  // ---- layers

  /** Active becomes frozen; its changes are added to the list. Fault MR4010 when a value cannot be encoded. */
  freeze(changes: LayerChange[]): void {
    assert(this.#frozen === undefined, 'commit n+1 is frozen only when commit n is applied')
    if (this.#active.size === 0) return
    const layer = this.#active
    const { length } = this.#prefix
    let keyBytes = layer.size * length
    for (const entry of layer.keys()) keyBytes += entry.length
    // One piece of memory for all keys. Not from the pool: it would hold the pool's page as long.
    const keys = Buffer.allocUnsafeSlow(keyBytes)
    const sizes: number[] = []
    let at = 0
    let valueBytes = 0
    for (const [entry, held] of layer) {
      const value = held === DELETED ? null : this.#encode(entry, held)
      const start = at
      for (let index = 0; index < length; index += 1) keys[at++] = this.#prefix[index] ?? 0
      at += keys.write(entry, at, 'latin1')
      changes.push(new LayerChange(keys.subarray(start, at), value))
      const size = value === null ? 0 : value.length
      sizes.push(size)
      valueBytes += size
    }
    this.#meanBytes += MEAN_WEIGHT * ((keyBytes + valueBytes) / layer.size - this.#meanBytes)
    this.#frozen = layer
    this.#frozenBytes = sizes
    this.#active = new Map()
  }

  /** The frozen layer stands in the store. */
  applied(): void {
    if (this.#frozen === undefined) return
    let index = 0
    const waiting = this.#announced.size > 0
    for (const [entry, held] of this.#frozen) {
      const bytes = cachedBytes(entry.length, this.#frozenBytes[index++] ?? 0)
      this.#cache.put(entry, held === DELETED ? ABSENT : held, undefined, bytes)
      if (waiting) this.#announced.delete(entry)
    }
    this.#frozen = undefined
    this.#frozenBytes = []
  }

  /** Both layers and reads to come; the caller empties the cache. */
  discard(): void {
    this.#active = new Map()
    this.#frozen = undefined
    this.#frozenBytes = []
    this.#announced = new Map()
  }

  #encode(entry: KeyBytes, value: V): Uint8Array {
    try {
      return this.#codec.encode(value)
    } catch (cause) {
      throw new Fault(
        'MR4010',
        'stop-task',
        `the value of ${this.#place} at key ${shown(entry)} cannot be encoded: ${messageOf(cause)}. Nothing of it was committed; mend the code that sets it and start again`,
        { cause },
      )
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const KEY_SHOWN_MAX = 80
const shown = (entry: KeyBytes): string => JSON.stringify(fromKeyBytes(entry.slice(0, KEY_SHOWN_MAX)).toString())
