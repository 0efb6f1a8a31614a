/**
 * Decoded committed values, bounded in bytes: two generations for each cell, one budget for all cells of a task.
 *
 * 1. Only committed state is in here: overlay entries come in when they are applied, everything leaves after a failed commit.
 * 2. When the young generation holds half of the budget it becomes the old one, and the former old one is forgotten. What is read
 *    from the old one becomes young again. So the bytes held never exceed the budget by more than one entry.
 */
import type { KeyBytes } from '../dataflow/cells.ts'

/** The store surely has no value. Worth remembering: most new keys are read before they are written. */
export const ABSENT: unique symbol = Symbol('absent')

/** A decoded object takes more than its bytes: 2.3 to 3.1 times for three kinds of small JSON objects on Node 24. */
const DECODED_FACTOR = 3
/** Map slot, entry object and string header, bytes. */
const ENTRY_BYTES = 136

export const cachedBytes = (keyBytes: number, valueBytes: number): number => ENTRY_BYTES + keyBytes + DECODED_FACTOR * valueBytes

export interface CacheEntry<V> {
  value: V | typeof ABSENT | undefined
  /** Not decoded yet; then `value` means nothing. */
  raw: Uint8Array | undefined
  bytes: number
}

export class CacheBudget {
  readonly #bytesMax: () => number
  #young = 0
  #old = 0
  readonly #caches: { rotate(): void; clear(): void }[] = []

  /** The bound may change at any time; a smaller one is kept as soon as something is put. */
  constructor(bytesMax: () => number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#young + this.#old
  }

  join(cache: { rotate(): void; clear(): void }): void {
    this.#caches.push(cache)
  }

  charge(bytes: number): void {
    this.#young += bytes
    if (2 * this.#young <= this.#bytesMax()) return
    for (const cache of this.#caches) cache.rotate()
    this.#old = this.#young
    this.#young = 0
  }

  clear(): void {
    for (const cache of this.#caches) cache.clear()
    this.#young = 0
    this.#old = 0
  }
}

export class CellCache<V> {
  readonly #budget: CacheBudget
  #young = new Map<KeyBytes, CacheEntry<V>>()
  #old = new Map<KeyBytes, CacheEntry<V>>()

  constructor(budget: CacheBudget) {
    this.#budget = budget
    budget.join(this)
  }

  get(entry: KeyBytes): CacheEntry<V> | undefined {
    const young = this.#young.get(entry)
    if (young !== undefined || this.#old.size === 0) return young
    const old = this.#old.get(entry)
    if (old !== undefined) {
      this.#old.delete(entry)
      this.#young.set(entry, old)
      this.#budget.charge(old.bytes)
    }
    return old
  }

  /** Does not count as a use. */
  peek(entry: KeyBytes): CacheEntry<V> | undefined {
    return this.#young.get(entry) ?? this.#old.get(entry)
  }

  put(entry: KeyBytes, value: V | typeof ABSENT | undefined, raw: Uint8Array | undefined, bytes: number): void {
    const known = this.#young.get(entry)
    if (known === undefined) {
      this.#young.set(entry, { value, raw, bytes })
      this.#old.delete(entry)
      this.#budget.charge(bytes)
      return
    }
    const more = bytes - known.bytes
    known.value = value
    known.raw = raw
    known.bytes = bytes
    this.#budget.charge(more)
  }

  rotate(): void {
    this.#old = this.#young
    this.#young = new Map()
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
  }
}
