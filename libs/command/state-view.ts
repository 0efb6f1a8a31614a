/** Entries of a store as values that can be shown. Pure but for the reads. */
import { toKeyBytes } from '../dataflow/cells.ts'
import type { AnyFormat } from '../dataflow/format.ts'
import { keyFromBytes } from '../dataflow/key-bytes.ts'
import { lengthCell, timerCell, timerTimeCell } from '../dataflow/plan-parts.ts'
import { decodeStored } from '../dataflow/state-version.ts'
import type { InspectedEntry, InspectedStore } from '../state/inspection.ts'
import { shownKey } from './key-text.ts'

/** Entries of a timed cell that are looked at for one key: it is ordered by time, and a running worker must not stand still. */
const TIMED_ENTRIES_MAX = 20_000

export interface ShownEntry {
  readonly key: unknown
  /** What the step keeps for the key, by cell. */
  readonly cell: string
  readonly value: unknown
  readonly name?: unknown
  readonly time?: number
}

/** What a step keeps for one key, by the names of the user's cells; undefined: nothing. */
export function viewOfKey(store: InspectedStore, step: string, key: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const cells = store.steps.find((one) => one.step === step)?.cells ?? new Map<string, string>()
  const found = new Map<string, unknown>()
  for (const [cell, kind] of cells) {
    if (cell.startsWith(timerCell('')) || cell.startsWith(lengthCell(''))) continue
    if (kind === 'timed') {
      const entries = store.scan(step, cell, TIMED_ENTRIES_MAX).filter((entry) => Buffer.compare(entry.key, key) === 0)
      if (entries.length > 0)
        found.set(
          cell,
          entries.map((entry) => ({ time: entry.time, value: shownValue(entry.value) })),
        )
      continue
    }
    const entries = store.get(step, cell, key)
    if (entries.length > 0) found.set(nameOf(cell), valueOf(kind, cells.has(lengthCell(cell)), entries, cell))
  }
  return found.size === 0 ? undefined : Object.fromEntries(found)
}

function valueOf(kind: string, isList: boolean, entries: readonly InspectedEntry[], cell: string): unknown {
  const [first] = entries
  if (kind === 'map')
    return isList
      ? entries.map((entry) => shownValue(entry.value))
      : entries.map((entry) => [shownName(entry.name), shownValue(entry.value)])
  const value = first === undefined ? undefined : shownValue(first.value)
  // A timer is kept as [wanted time, time of its entry].
  return cell.startsWith(timerTimeCell('')) && Array.isArray(value) ? value[0] : value
}

/** `time:quiet` is the user's timer `quiet`. */
const nameOf = (cell: string): string => (cell.startsWith(timerTimeCell('')) ? `timer ${cell.slice(timerTimeCell('').length)}` : cell)

/** The first entries of all cells of a step, in the order of their bytes. */
export function viewOfStep(store: InspectedStore, step: string, format: AnyFormat, limit: number): readonly ShownEntry[] {
  const cells = store.steps.find((one) => one.step === step)?.cells ?? new Map<string, string>()
  return [...cells.keys()]
    .filter((cell) => !cell.startsWith(timerCell('')))
    .flatMap((cell) => store.scan(step, cell, limit).map((entry) => shownEntry(cell, entry, format)))
    .slice(0, limit)
}

const shownEntry = (cell: string, entry: InspectedEntry, format: AnyFormat): ShownEntry => ({
  key: shownKey(entry.key, format),
  cell,
  ...(entry.name === undefined ? {} : { name: shownName(entry.name) }),
  ...(entry.time === undefined ? {} : { time: entry.time }),
  value: shownValue(entry.value),
})

function shownName(name: Uint8Array | undefined): unknown {
  if (name === undefined) return undefined
  try {
    const key = keyFromBytes(toKeyBytes(name))
    return typeof key === 'bigint' ? key.toString() : key
  } catch {
    return { hex: Buffer.from(name).toString('hex') } // Not written by a mapState: shown all the same.
  }
}

function shownValue(value: Uint8Array): unknown {
  try {
    return decodeStored(value).value
  } catch {
    return { hex: Buffer.from(value).toString('hex') } // Of a codec that is not the engine's own.
  }
}
