/** What lies on the disks of stopped workers. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { keyFromBytes } from '../../../libs/dataflow/key-bytes.ts'
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { decodeStored } from '../../../libs/dataflow/state-version.ts'
import { inspectStore, inspectTasks } from '../../../libs/state/inspect.ts'

export interface StoreDump {
  readonly task: string
  readonly n: number
  readonly positions: Readonly<Record<string, number>>
  /** `step cell` → entries as `key name time` → value, in hexadecimal. */
  readonly cells: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Every task's store below the folder of one state directory; those that cannot be opened are told to `onBroken`. */
export async function dumpStores(directory: string, onBroken: (text: string) => void): Promise<StoreDump[]> {
  const found: StoreDump[] = []
  for (const seat of seatsBelow(directory)) {
    for (const task of await inspectTasks(seat)) {
      try {
        const dump = await dumpStore(seat, task)
        if (dump !== undefined) found.push(dump)
      } catch (error) {
        onBroken(`${task} in ${seat}: ${error instanceof Error ? error.message : String(error)}`)
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
    const cells = new Map<string, ReadonlyMap<string, string>>()
    for (const { step, cells: ofStep } of store.steps) {
      for (const cell of ofStep.keys()) {
        const entries = store
          .scan(step, cell, Infinity)
          .map(({ key, name, time, value }): [string, string] => [`${hex(key)} ${hex(name ?? new Uint8Array())} ${time ?? ''}`, hex(value)])
        if (entries.length > 0) cells.set(`${step} ${cell}`, new Map(entries))
      }
    }
    return { task, n: store.mark.n, positions: store.mark.positions, cells }
  } finally {
    await store.close()
  }
}

/** The values of one cell over all stores, by key, as the topology wrote them. */
export function valuesOf(dumps: readonly StoreDump[], step: string, cell: string): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>()
  for (const dump of dumps) {
    for (const [key, value] of dump.cells.get(`${step} ${cell}`) ?? []) {
      const [keyText = ''] = key.split(' ')
      found.set(String(keyFromBytes(toKeyBytes(Buffer.from(keyText, 'hex')))), decodeStored(Buffer.from(value, 'hex')).value)
    }
  }
  return found
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
