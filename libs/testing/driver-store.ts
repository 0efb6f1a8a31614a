/** Committed state of one step, as a test sees it: keys and values decoded as the step's own formats do. */
import { fromKeyBytes, toKeyBytes } from '../dataflow/cells.ts'
import type { KeyBytes } from '../dataflow/cells.ts'
import { keyFromBytes } from '../dataflow/key-bytes.ts'
import type { StorePlan, TopologyPlan } from '../dataflow/plan.ts'
import { decodeStored } from '../dataflow/state-version.ts'
import type { Task } from '../runtime/task/task.ts'
import { after, cellPrefix, splitMapEntry, TIME_BYTES, timeOf } from '../state/key-layout.ts'
import { StepRegistry } from '../state/local-mark.ts'

export interface DriverStore {
  /** The value of a key; undefined where there is none. `cell`: needed where the step has several. */
  get(key: unknown, cell?: string): unknown
  /** Everything in the cell: key and value; for map state the key is [key, name], for windows and timers [time, key]. */
  entries(cell?: string): readonly (readonly [key: unknown, value: unknown])[]
}

export function driverStore(step: string, plan: TopologyPlan, tasks: () => readonly Task[]): DriverStore {
  const store = plan.subTopologies.flatMap((sub) => sub.stores).find((one) => one.step === step)
  if (store === undefined) {
    const known = plan.subTopologies.flatMap((sub) => sub.stores.map((one) => one.step))
    throw new RangeError(`the topology ${plan.name} has no stateful step ${step}; it has ${known.join(', ') || 'none'}`)
  }
  const entries = (cell?: string): [unknown, unknown][] => {
    const [name, kind] = chosenCell(store, cell)
    return tasks().flatMap((task) => entriesOf(task, step, name, kind))
  }
  return {
    entries,
    get: (key, cell) => entries(cell).find(([found]) => JSON.stringify(found) === JSON.stringify(key))?.[1],
  }
}

type CellKind = 'value' | 'map' | 'timed'

function chosenCell(store: StorePlan, wanted: string | undefined): readonly [string, CellKind] {
  const cells = Object.entries(store.cells)
  const found = wanted === undefined ? (cells.length === 1 ? cells[0] : undefined) : cells.find(([name]) => name === wanted)
  if (found === undefined)
    throw new RangeError(`the step ${store.step} has the cells ${cells.map(([name]) => name).join(', ')}: name one of them`)
  return found
}

function entriesOf(task: Task, step: string, cell: string, kind: CellKind): [unknown, unknown][] {
  const store = task.held?.store
  if (store === undefined || !task.context.task.changelogs.has(step)) return []
  const number = StepRegistry.read(store).known(step)
  if (number === undefined) return []
  const prefix = cellPrefix(number, cell)
  return store
    .scan({ from: prefix, to: after(prefix), limit: Infinity })
    .map(([key, value]): [unknown, unknown] => [entryKey(key.subarray(prefix.length), kind), decodeStored(value).value])
}

function entryKey(entry: Uint8Array, kind: CellKind): unknown {
  switch (kind) {
    case 'value':
      return decoded(toKeyBytes(entry))
    case 'timed':
      return [timeOf(entry, 0), decoded(toKeyBytes(entry.subarray(TIME_BYTES)))]
    case 'map': {
      const { key, name } = splitMapEntry(toKeyBytes(entry))
      return [decoded(key), decoded(name)]
    }
  }
}

/** By shape; keys of a topic with a format of its own are given as bytes. */
function decoded(key: KeyBytes): unknown {
  try {
    return keyFromBytes(key)
  } catch {
    return fromKeyBytes(key)
  }
}
