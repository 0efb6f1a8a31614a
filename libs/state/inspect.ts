/** Looking into the state directory of a stopped worker, for `millrace state`. An open store is looked into by inspection.ts. */
import { inspect } from './inspection.ts'
import type { InspectedStore } from './inspection.ts'
import { listTasks, openExisting } from './rocksdb-store.ts'

/** Tasks that have a store in a worker's state directory. */
export async function inspectTasks(directory: string): Promise<readonly string[]> {
  return await listTasks(directory)
}

/**
 * Opens the store of a stopped worker. The binding cannot open for reading only, so this finishes what a crash has left, as a
 * restart would; no value is changed. Faults: MR4002 while a worker has it open, MR4003 when it is damaged, MR4008 when there is none.
 */
export async function inspectStore(directory: string, task: string): Promise<InspectedStore> {
  const store = await openExisting(directory, task)
  try {
    return inspect(store)
  } catch (error) {
    await store.close()
    throw error
  }
}
