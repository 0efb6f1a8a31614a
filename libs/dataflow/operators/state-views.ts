/** valueState, mapState and listState over the cells of a store: they act on the key of the record in hand. */
import type { KeyBytes, MapCell, ValueCell } from '../cells.ts'
import { keyFromBytes, keyToBytes } from '../key-bytes.ts'
import type { Key } from '../records.ts'
import type { ListState, MapState, ValueState } from '../processors.ts'
import type { Current } from './current.ts'

export class ValueStateView implements ValueState<unknown> {
  readonly #cell: ValueCell<unknown>
  readonly #current: Current
  constructor(cell: ValueCell<unknown>, current: Current) {
    this.#cell = cell
    this.#current = current
  }
  get(): unknown {
    return this.#cell.get(this.#current.keyBytes)
  }
  set(value: unknown): void {
    // An unset value and a value of undefined could not be told apart.
    if (value === undefined) this.clear()
    else this.#cell.set(this.#current.keyBytes, value)
  }
  clear(): void {
    this.#cell.delete(this.#current.keyBytes)
  }
}

export class MapStateView implements MapState<Key, unknown> {
  readonly #cell: MapCell<unknown>
  readonly #current: Current
  constructor(cell: MapCell<unknown>, current: Current) {
    this.#cell = cell
    this.#current = current
  }
  get(name: Key): unknown {
    return this.#cell.get(this.#current.keyBytes, keyToBytes(name))
  }
  has(name: Key): boolean {
    return this.get(name) !== undefined
  }
  set(name: Key, value: unknown): void {
    if (value === undefined) this.delete(name)
    else this.#cell.set(this.#current.keyBytes, keyToBytes(name), value)
  }
  delete(name: Key): void {
    this.#cell.delete(this.#current.keyBytes, keyToBytes(name))
  }
  entries(): Iterable<readonly [Key, unknown]> {
    return this.#cell.entries(this.#current.keyBytes).map(([name, value]) => [keyFromBytes(name), value] as const)
  }
  clear(): void {
    const key = this.#current.keyBytes
    for (const [name] of this.#cell.entries(key)) this.#cell.delete(key, name)
  }
}

/** Entries by index, eight hex digits, so that bytes sort as numbers; the length is kept beside, so that push reads one small value. */
export class ListStateView implements ListState<unknown> {
  readonly #items: MapCell<unknown>
  readonly #length: ValueCell<number>
  readonly #current: Current
  constructor(items: MapCell<unknown>, length: ValueCell<number>, current: Current) {
    this.#items = items
    this.#length = length
    this.#current = current
  }
  push(value: unknown): void {
    const key = this.#current.keyBytes
    const length = this.#length.get(key) ?? 0
    this.#items.set(key, indexName(length), value)
    this.#length.set(key, length + 1)
  }
  values(): Iterable<unknown> {
    return this.#items.entries(this.#current.keyBytes).map(([, value]) => value)
  }
  clear(): void {
    const key = this.#current.keyBytes
    const length = this.#length.get(key) ?? 0
    for (let index = 0; index < length; index += 1) this.#items.delete(key, indexName(index))
    this.#length.delete(key)
  }
}

const INDEX_DIGITS = 8
const indexName = (index: number): KeyBytes => index.toString(16).padStart(INDEX_DIGITS, '0')
