/** Looking into a store: entries with their keys taken apart, and the mark. Values stay as they are encoded. */
import { toKeyBytes } from '../dataflow/cells.ts'
import { Fault } from '../faults/fault.ts'
import { TIME_BYTES, after, cellPrefix, localKey, mapPrefix, splitMapEntry, timeOf } from './key-layout.ts'
import { StepRegistry, readMark } from './local-mark.ts'
import type { CellKind, LocalMark } from './local-mark.ts'
import type { Store, StoreEntry } from './store.ts'

export interface InspectedStep {
  readonly step: string
  /** Kinds of cells by name. */
  readonly cells: ReadonlyMap<string, CellKind>
}

/** One entry as it is stored; values are encoded by the cell's codec. */
export interface InspectedEntry {
  readonly key: Uint8Array
  /** Of map cells. */
  readonly name?: Uint8Array
  /** Of timed cells, epoch ms. */
  readonly time?: number
  readonly value: Uint8Array
}

export interface InspectedStore {
  /** Undefined: nothing was committed yet. */
  readonly mark: LocalMark | undefined
  readonly steps: readonly InspectedStep[]
  /** All entries of one key: at most one of a value cell, one for each name of a map cell, one for each time of a timed cell. */
  get(step: string, cell: string, key: Uint8Array): readonly InspectedEntry[]
  /** The first entries of a cell, in the order of their bytes. */
  scan(step: string, cell: string, limit: number): readonly InspectedEntry[]
  close(): Promise<void>
}

/** What stands in an open store: what was committed, without what the running commit will change. */
export function inspect(store: Store): InspectedStore {
  const registry = StepRegistry.read(store)
  const kindOf = (step: string, cell: string): CellKind => {
    const kind = registry.cellsOf(step).get(cell)
    if (kind !== undefined) return kind
    const known = registry.steps.flatMap((one) => [...registry.cellsOf(one).keys()].map((name) => `${name} of ${one}`))
    throw new Fault('MR4008', 'stop', `the store has no cell ${cell} of ${step}; it has ${known.join(', ') || 'no cells yet'}`, {
      place: { step },
    })
  }
  const prefixOf = (step: string, cell: string): Buffer => cellPrefix(registry.numberOf(step), cell)
  const scan = (step: string, cell: string, limit: number): InspectedEntry[] => {
    const kind = kindOf(step, cell)
    const prefix = prefixOf(step, cell)
    return store.scan({ from: prefix, to: after(prefix), limit }).map((row) => entryOf(kind, prefix.length, row))
  }
  return {
    mark: readMark(store),
    steps: registry.steps.map((step) => ({ step, cells: registry.cellsOf(step) })),
    scan,
    get(step, cell, key) {
      const kind = kindOf(step, cell)
      const prefix = prefixOf(step, cell)
      switch (kind) {
        case 'value': {
          const value = store.get(Buffer.concat([prefix, key]))
          return value === undefined ? [] : [{ key, value }]
        }
        case 'map': {
          const from = localKey(prefix, mapPrefix(toKeyBytes(key)))
          const rows = store.scan({ from, to: after(from), limit: Infinity })
          return rows.map((row) => entryOf('map', prefix.length, row))
        }
        case 'timed':
          // Ordered by time, so all of it must be looked at; the limit of a page keeps memory bounded.
          return [...timedEntries(store, prefix)].filter((entry) => Buffer.compare(entry.key, key) === 0)
      }
    },
    close: () => store.close(),
  }
}

const PAGE = 1_000

function* timedEntries(store: Store, prefix: Buffer): Generator<InspectedEntry> {
  let from: Uint8Array = prefix
  for (;;) {
    const rows = store.scan({ from, to: after(prefix), limit: PAGE })
    for (const row of rows) yield entryOf('timed', prefix.length, row)
    const last = rows.at(-1)
    if (rows.length < PAGE || last === undefined) return
    from = Buffer.concat([last[0], Buffer.from([0])])
  }
}

function entryOf(kind: CellKind, at: number, [rowKey, value]: StoreEntry): InspectedEntry {
  const entry = rowKey.subarray(at)
  switch (kind) {
    case 'value':
      return { key: entry, value }
    case 'map': {
      const { key, name } = splitMapEntry(toKeyBytes(entry))
      return { key: Buffer.from(key, 'latin1'), name: Buffer.from(name, 'latin1'), value }
    }
    case 'timed':
      return { key: entry.subarray(TIME_BYTES), time: timeOf(entry, 0), value }
  }
}
