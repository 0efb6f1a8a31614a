/** What lies on the disks of stopped workers. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { keyFromBytes } from '../../../libs/dataflow/key-bytes.ts'
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { decodeStored } from '../../../libs/dataflow/state-version.ts'
import { inspectStore, inspectTasks } from '../../../libs/state/inspect.ts'
import type { InspectedEntry } from '../../../libs/state/inspection.ts'
import { STEP_BYTES, TIME_BYTES, cellPrefix, mapPrefix, timeBytes, timeOf } from '../../../libs/state/key-layout.ts'
import type { CellKind } from '../../../libs/state/local-mark.ts'

export interface StoreDump {
  readonly task: string
  /** Where it was found. */
  readonly place: string
  readonly n: number
  readonly epoch: number
  readonly positions: Readonly<Record<string, number>>
  /** Step → next offset of its changelog. */
  readonly changelogs: Readonly<Record<string, number>>
  /** Step → what its changelog must say: key → value, both in base64. */
  readonly steps: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Every task's store below the folder of one state directory; those that cannot be opened are told to `onBroken`. */
export async function dumpStores(directory: string, onBroken: (text: string, task: string) => void): Promise<StoreDump[]> {
  const found: StoreDump[] = []
  for (const seat of seatsBelow(directory)) {
    for (const task of await inspectTasks(seat)) {
      try {
        const dump = await dumpStore(seat, task)
        if (dump !== undefined) found.push(dump)
      } catch (error) {
        onBroken(`${task} in ${seat}: ${error instanceof Error ? error.message : String(error)}`, task)
      }
    }
  }
  return found
}

/** `<state directory>/<application>/<seat>`. */
function seatsBelow(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory).flatMap((application) =>
    readdirSync(join(directory, application), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, application, entry.name)),
  )
}

async function dumpStore(seat: string, task: string): Promise<StoreDump | undefined> {
  const store = await inspectStore(seat, task)
  try {
    if (store.mark === undefined || !store.mark.complete) return undefined
    const steps = new Map<string, ReadonlyMap<string, string>>()
    for (const { step, cells } of store.steps) {
      const entries = [...cells].flatMap(([cell, kind]) =>
        store.scan(step, cell, Infinity).map((entry): [string, string] => [base64(changelogKey(cell, kind, entry)), base64(entry.value)]),
      )
      steps.set(step, new Map(entries))
    }
    const { n, epoch, positions, changelogs } = store.mark
    return { task, place: seat, n, epoch, positions, changelogs, steps }
  } finally {
    await store.close()
  }
}

/** Behind the number of the step, a local key is the changelog's. */
function changelogKey(cell: string, kind: CellKind, { key, name, time }: InspectedEntry): Uint8Array {
  const entry: Record<CellKind, () => Uint8Array> = {
    value: () => key,
    map: () => Buffer.concat([Buffer.from(mapPrefix(toKeyBytes(key)), 'latin1'), name ?? Buffer.alloc(0)]),
    timed: () => Buffer.concat([Buffer.from(timeBytes(time ?? 0), 'latin1'), key]),
  }
  return Buffer.concat([cellPrefix(1, cell).subarray(STEP_BYTES), entry[kind]()])
}

/** The values of a value cell by key, as the topology wrote them. `entries`: of a store or of a changelog, in base64. */
export const valuesOf = (entries: Iterable<readonly [key: string, value: string]>, cell: string): ReadonlyMap<string, unknown> =>
  new Map(entriesOf(entries, cell).map(([entry, value]) => [keyText(entry), decoded(value)]))

/** Bytes that nothing can be made of are a difference like any other. */
export function decoded(value: Uint8Array): unknown {
  try {
    return decodeStored(value).value
  } catch {
    return `undecodable: ${base64(value)}`
  }
}

export interface TimedEntry {
  readonly time: number
  readonly key: string
  readonly value: Uint8Array
}

/** The entries of a timed cell. */
export const timedOf = (entries: Iterable<readonly [key: string, value: string]>, cell: string): TimedEntry[] =>
  entriesOf(entries, cell).map(([entry, value]) => ({ time: timeOf(entry, 0), key: keyText(entry.subarray(TIME_BYTES)), value }))

function entriesOf(entries: Iterable<readonly [key: string, value: string]>, cell: string): (readonly [Buffer, Buffer])[] {
  const prefix = cellPrefix(1, cell).subarray(STEP_BYTES)
  return [...entries]
    .map(([key, value]) => [Buffer.from(key, 'base64'), value] as const)
    .filter(([key]) => Buffer.compare(key.subarray(0, prefix.length), prefix) === 0)
    .map(([key, value]) => [key.subarray(prefix.length), Buffer.from(value, 'base64')] as const)
}

const keyText = (bytes: Uint8Array): string => String(keyFromBytes(toKeyBytes(bytes)))
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
