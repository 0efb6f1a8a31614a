/**
 * State as it was: the topology runs over the retained inputs up to a moment, with everything that it writes in memory and its stores in a
 * folder that goes with the answer. The cluster is only read.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../faults/fault.ts'
import { memoryLog } from '../memory/memory-log.ts'
import { ScratchLog } from '../memory/scratch-log.ts'
import { externalInputsOf, sinksOf } from '../runtime/worker/wiring.ts'
import { Worker } from '../runtime/worker/worker.ts'
import type { CommandContext } from './command.ts'
import type { LoadedTopology } from './topology-module.ts'

/** Stores in the answer's folder: a look into the past is small or patient. */
const STORES_EXPECTED = 8
const SAY_EVERY_MS = 5_000

/** Calls `look` with the folder of the stores, as they stood before the first record of each partition at or after `timestamp` (log time, epoch ms). */
export async function withPastState<T>(
  context: CommandContext,
  { plan }: LoadedTopology,
  timestamp: number,
  look: (directory: string) => Promise<T>,
): Promise<T> {
  const settings = await context.settings()
  const { clock } = context.world
  const memory = memoryLog({ clock })
  const log = await ScratchLog.open({ base: await context.log(), read: externalInputsOf(plan), outputs: sinksOf(plan), memory })
  const directory = mkdtempSync(join(tmpdir(), 'millrace-past-'))
  try {
    const stores = await context.world.openStores(directory, settings.stateMemoryBytes / 2, STORES_EXPECTED)
    const worker = new Worker({
      plan,
      log,
      stores,
      clock,
      settings: { ...settings, startAt: 'earliest' },
      listsEffects: true,
      batch: { until: { kind: 'timestamp', timestamp }, close: false },
      note: (level, message) => {
        if (level === 'error' || level === 'warn') context.io.err(message)
      },
    })
    try {
      await runToTheEnd(context, worker)
    } finally {
      await worker.stop()
      await stores.close()
      await log.close()
    }
    return await look(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function runToTheEnd(context: CommandContext, worker: Worker): Promise<void> {
  const { clock } = context.world
  await worker.start()
  const over = new AbortController()
  const said = (async () => {
    while (!over.signal.aborted) {
      await clock.sleep(SAY_EVERY_MS, over.signal)
      const processed = [...worker.tasks.values()].reduce((sum, task) => sum + task.totals.processed, 0)
      if (!over.signal.aborted) context.io.err(`${processed.toLocaleString('en')} records processed`)
    }
  })()
  const end = await worker.done
  over.abort()
  await said
  if (end.kind !== 'failed') return
  throw end.fault instanceof Fault
    ? end.fault
    : new Fault('MR2054', 'stop', `the state of then could not be computed: ${end.fault.message}`)
}
