/** Looks a key up in the stores that a running worker holds: what is committed, not what the running transaction will change. */
import type { AnyFormat } from '../dataflow/format.ts'
import { Fault } from '../faults/fault.ts'
import type { Worker } from '../runtime/worker/worker.ts'
import { inspect } from '../state/inspection.ts'
import type { StateAnswer } from '../telemetry/admin-server.ts'
import { keyBytesOf, keyFormatOf, type KeySpelling } from './key-text.ts'
import { viewOfKey } from './state-view.ts'
import type { LoadedTopology } from './topology-module.ts'

export function readLiveState(
  worker: Worker,
  { topology, plan }: LoadedTopology,
  step: string,
  key: string,
  spelling: KeySpelling,
): StateAnswer {
  const stores = plan.subTopologies.flatMap((sub) => sub.stores.map((store) => store.step))
  const format = keyFormatOf(topology, step)
  if (format === undefined || !stores.includes(step)) return { found: false, why: `there is no store "${step}"`, stores }
  const bytes = bytesOrReason(key, spelling, format)
  if (typeof bytes === 'string') return { found: false, why: bytes }
  const tasks = [...worker.tasks.values()].filter((task) => task.context.task.changelogs.has(step))
  for (const task of tasks) {
    if (task.held === undefined) continue
    const value = viewOfKey(inspect(task.held.store), step, bytes)
    if (value !== undefined) return { found: true, task: task.name, value }
  }
  const held = tasks.filter((task) => task.held !== undefined).map((task) => task.name)
  const others =
    worker.prepared?.wiring.tasks.filter((task) => task.changelogs.has(step) && !held.includes(task.name)).map((task) => task.name) ?? []
  return {
    found: false,
    why:
      others.length === 0
        ? 'no state for this key'
        : `no state for this key in ${held.join(', ') || 'this worker'}; ${others.join(', ')} may have it, elsewhere or being restored`,
  }
}

/** Whoever asks over HTTP is told what is wrong with the key; it is no fault of the worker. */
function bytesOrReason(key: string, spelling: KeySpelling, format: AnyFormat): Uint8Array | string {
  try {
    return keyBytesOf(key, spelling, format)
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}
