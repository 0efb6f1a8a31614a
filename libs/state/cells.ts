/** Value and map cells over an overlay: see libs/dataflow/cells.ts for what they promise to operators. */
import { toKeyBytes } from '../dataflow/cells.ts'
import type { Codec, KeyBytes, MapCell, ValueCell } from '../dataflow/cells.ts'
import { after, localKey, mapPrefix } from './key-layout.ts'
import { CellOverlay, DELETED } from './overlay.ts'
import type { LayerChange, TaskScope } from './overlay.ts'

/** What the task state does with a cell of any kind. */
export interface StatefulCell {
  readonly dirty: boolean
  readonly dirtyBytes: number
  freeze(changes: LayerChange[]): void
  applied(): void
  discard(): void
  /** The store was changed from below (restore): forget what is known of it. */
  reset(): void
}

export class OverlayValueCell<V> implements ValueCell<V>, StatefulCell {
  readonly #overlay: CellOverlay<V>

  constructor(scope: TaskScope, place: string, prefix: Buffer, codec: Codec<V>) {
    this.#overlay = new CellOverlay(scope, place, prefix, codec)
  }

  get(key: KeyBytes): V | undefined {
    return this.#overlay.get(key)
  }
  set(key: KeyBytes, value: V): void {
    if (value === undefined) this.#overlay.delete(key)
    else this.#overlay.set(key, value)
  }
  delete(key: KeyBytes): void {
    this.#overlay.delete(key)
  }
  prefetch(key: KeyBytes): void {
    this.#overlay.prefetch(key)
  }

  get dirty(): boolean {
    return this.#overlay.dirty
  }
  get dirtyBytes(): number {
    return this.#overlay.dirtyBytes
  }
  freeze(changes: LayerChange[]): void {
    this.#overlay.freeze(changes)
  }
  applied(): void {
    this.#overlay.applied()
  }
  discard(): void {
    this.#overlay.discard()
  }
  reset(): void {
    this.#overlay.discard()
  }
}

/** The names that a layer holds, by key: without it `entries` would have to look through the whole layer. */
type NamesByKey = Map<KeyBytes, Set<KeyBytes>>

const SCAN_LIMIT = 0x7fffffff

export class OverlayMapCell<V> implements MapCell<V>, StatefulCell {
  readonly #scope: TaskScope
  readonly #overlay: CellOverlay<V>
  #activeNames: NamesByKey = new Map()
  #frozenNames: NamesByKey | undefined

  constructor(scope: TaskScope, place: string, prefix: Buffer, codec: Codec<V>) {
    this.#scope = scope
    this.#overlay = new CellOverlay(scope, place, prefix, codec)
  }

  get(key: KeyBytes, name: KeyBytes): V | undefined {
    return this.#overlay.get(mapPrefix(key) + name)
  }

  set(key: KeyBytes, name: KeyBytes, value: V): void {
    if (value === undefined) return this.delete(key, name)
    this.#overlay.set(mapPrefix(key) + name, value)
    const names = this.#activeNames.get(key)
    if (names === undefined) this.#activeNames.set(key, new Set([name]))
    else names.add(name)
  }

  delete(key: KeyBytes, name: KeyBytes): void {
    this.#overlay.delete(mapPrefix(key) + name)
  }

  prefetch(key: KeyBytes, name: KeyBytes): void {
    this.#overlay.prefetch(mapPrefix(key) + name)
  }

  entries(key: KeyBytes): readonly (readonly [name: KeyBytes, value: V])[] {
    const overlay = this.#overlay
    const prefix = mapPrefix(key)
    const found: (readonly [KeyBytes, V])[] = []
    const from = localKey(overlay.prefix, prefix)
    for (const [rowKey, row] of this.#scope.store.scan({ from, to: after(from), limit: SCAN_LIMIT })) {
      const name = toKeyBytes(rowKey.subarray(from.length))
      if (overlay.layered(prefix + name) === undefined) found.push([name, overlay.ofRow(prefix + name, row)])
    }
    const names = new Set(this.#activeNames.get(key))
    for (const name of this.#frozenNames?.get(key) ?? []) names.add(name)
    for (const name of names) {
      const value = overlay.layered(prefix + name)
      if (value !== undefined && value !== DELETED) found.push([name, value])
    }
    return names.size === 0 ? found : found.sort(byName)
  }

  get dirty(): boolean {
    return this.#overlay.dirty
  }
  get dirtyBytes(): number {
    return this.#overlay.dirtyBytes
  }
  freeze(changes: LayerChange[]): void {
    this.#overlay.freeze(changes)
    this.#frozenNames = this.#activeNames
    this.#activeNames = new Map()
  }
  applied(): void {
    this.#overlay.applied()
    this.#frozenNames = undefined
  }
  discard(): void {
    this.#overlay.discard()
    this.#activeNames = new Map()
    this.#frozenNames = undefined
  }
  reset(): void {
    this.discard()
  }
}

const byName = (a: readonly [KeyBytes, unknown], b: readonly [KeyBytes, unknown]): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)
