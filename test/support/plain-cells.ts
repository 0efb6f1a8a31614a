/**
 * Cells over plain Maps: the store contract of libs/dataflow/cells.ts said in the simplest way, for tests of operators alone.
 * `crash()` and `commit()` make it forget or keep what changed, through the codecs, as a restart would.
 */
import { TimeHeap } from '../../libs/state/time-heap.ts'
import type { Codec, DueEntry, KeyBytes, MapCell, StoreCells, TimedCell, ValueCell } from '../../libs/dataflow/cells.ts'

interface PlainCell {
  save(): unknown
  /** Loads what `save` gave; undefined: empty. */
  load(saved: unknown): void
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

class PlainValueCell<V> implements ValueCell<V>, PlainCell {
  readonly rows = new Map<KeyBytes, V>()
  readonly prefetched: KeyBytes[] = []
  readonly #codec: Codec<V>
  constructor(codec: Codec<V>) {
    this.#codec = codec
  }
  get(key: KeyBytes): V | undefined {
    return this.rows.get(key)
  }
  set(key: KeyBytes, value: V): void {
    this.rows.set(key, value)
  }
  delete(key: KeyBytes): void {
    this.rows.delete(key)
  }
  prefetch(key: KeyBytes): void {
    this.prefetched.push(key)
  }
  save(): unknown {
    return [...this.rows].map(([key, value]) => [key, this.#codec.encode(value)] as const)
  }
  load(saved: unknown): void {
    this.rows.clear()
    // Given by save() of the same cell.
    for (const [key, value] of (saved ?? []) as readonly (readonly [KeyBytes, Uint8Array])[]) this.rows.set(key, this.#codec.decode(value))
  }
}

const SEPARATOR = '\u0100'

class PlainMapCell<V> implements MapCell<V>, PlainCell {
  readonly #cell: PlainValueCell<V>
  constructor(codec: Codec<V>) {
    this.#cell = new PlainValueCell(codec)
  }
  get(key: KeyBytes, name: KeyBytes): V | undefined {
    return this.#cell.get(key + SEPARATOR + name)
  }
  set(key: KeyBytes, name: KeyBytes, value: V): void {
    this.#cell.set(key + SEPARATOR + name, value)
  }
  delete(key: KeyBytes, name: KeyBytes): void {
    this.#cell.delete(key + SEPARATOR + name)
  }
  entries(key: KeyBytes): readonly (readonly [name: KeyBytes, value: V])[] {
    const prefix = key + SEPARATOR
    return [...this.#cell.rows]
      .flatMap(([row, value]) => (row.startsWith(prefix) ? [[row.slice(prefix.length), value] as const] : []))
      .sort(([a], [b]) => byBytes(a, b))
  }
  prefetch(): void {
    // Everything is in memory.
  }
  get size(): number {
    return this.#cell.rows.size
  }
  save(): unknown {
    return this.#cell.save()
  }
  load(saved: unknown): void {
    this.#cell.load(saved)
  }
}

class PlainTimedCell<V> implements TimedCell<V>, PlainCell {
  readonly rows = new Map<number, Map<KeyBytes, V>>()
  readonly #times = new TimeHeap()
  readonly #codec: Codec<V>
  constructor(codec: Codec<V>) {
    this.#codec = codec
  }
  get(time: number, key: KeyBytes): V | undefined {
    return this.rows.get(time)?.get(key)
  }
  set(time: number, key: KeyBytes, value: V): void {
    const row = this.rows.get(time)
    if (row !== undefined) {
      row.set(key, value)
      return
    }
    this.rows.set(time, new Map([[key, value]]))
    this.#times.push(time)
  }
  delete(time: number, key: KeyBytes): void {
    const row = this.rows.get(time)
    row?.delete(key)
    if (row?.size === 0) this.rows.delete(time)
  }
  prefetch(): void {
    // Everything is in memory.
  }
  earliest(): number {
    // Times whose entries were all deleted are still in the heap.
    while (this.#times.earliest !== Infinity && !this.rows.has(this.#times.earliest)) this.#times.pop()
    return this.#times.earliest
  }
  take(upTo: number): readonly DueEntry<V>[] {
    const time = this.earliest()
    if (time > upTo || time === Infinity) return []
    const row = [...(this.rows.get(time) ?? [])].sort(([a], [b]) => byBytes(a, b))
    this.rows.delete(time)
    return row.map(([key, value]) => ({ time, key, value }))
  }
  save(): unknown {
    return [...this.rows].flatMap(([time, row]) => [...row].map(([key, value]) => [time, key, this.#codec.encode(value)] as const))
  }
  load(saved: unknown): void {
    this.rows.clear()
    // Given by save() of the same cell.
    for (const [time, key, value] of (saved ?? []) as readonly (readonly [number, KeyBytes, Uint8Array])[])
      this.set(time, key, this.#codec.decode(value))
  }
}

/** All stores of one task. */
export class PlainStores {
  readonly #cells = new Map<string, PlainCell>()
  #saved = new Map<string, unknown>()

  store(step: string): StoreCells {
    const cell = <C extends PlainCell>(name: string, make: () => C): C => {
      const id = `${step} ${name}`
      const known = this.#cells.get(id)
      // A name has one kind: asked for twice, it is of the kind that was made first.
      if (known !== undefined) return known as C
      const made = make()
      made.load(this.#saved.get(id))
      this.#cells.set(id, made)
      return made
    }
    return {
      value: (name, codec) => cell(name, () => new PlainValueCell(codec)),
      map: (name, codec) => cell(name, () => new PlainMapCell(codec)),
      timed: (name, codec) => cell(name, () => new PlainTimedCell(codec)),
    }
  }

  commit(): void {
    for (const [id, cell] of this.#cells) this.#saved.set(id, cell.save())
  }

  /** Back to the last commit, with cells that are made anew. */
  crash(): void {
    this.#cells.clear()
  }

  /** Entries of all cells together. */
  get size(): number {
    let size = 0
    for (const cell of this.#cells.values()) {
      const saved = cell.save()
      size += Array.isArray(saved) ? saved.length : 0
    }
    return size
  }
}
