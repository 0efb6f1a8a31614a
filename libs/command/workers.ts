/**
 * The workers of one process: one on the main thread, or several, each on a thread of its own. The rest of the command sees
 * them as one: one status document, one stop, one end.
 */
import type { BatchRequest } from '../runtime/batch/bounds.ts'
import type { WorkerStatus } from '../runtime/worker/status.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import { externalPartitions } from '../runtime/worker/prepare.ts'
import type { Log } from '../runtime/ports/log.ts'
import { wire } from '../runtime/worker/wiring.ts'
import type { Note } from '../runtime/note.ts'
import { Worker, type ExitReason } from '../runtime/worker/worker.ts'
import type { StoreHome } from '../state/store.ts'
import type { StateAnswer } from '../telemetry/admin-server.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KeySpelling } from './key-text.ts'
import { readLiveState } from './live-state.ts'
import { withinContainer } from './memory-governor.ts'
import { millraceVersion } from './millrace-version.ts'
import { mergeStatuses } from './status-merge.ts'
import type { LoadedTopology } from './topology-module.ts'
import type { World } from './world.ts'

export interface RunningWorker {
  /** Why it ended. Never rejects. */
  readonly done: Promise<ExitReason>
  /** Throws a Fault with action `stop` when it cannot work. */
  start(): Promise<void>
  status(): Promise<WorkerStatus>
  /** Looks up what is committed for a key. */
  readState(question: StateQuestion): Promise<StateAnswer>
  /** Its tasks may use this part of their memory for caches and commits, 0-1. */
  limitMemory(share: number): Promise<void>
  /** Ends in order; frees the connection and the stores. */
  stop(): Promise<void>
}

export interface StateQuestion {
  readonly step: string
  readonly key: string
  readonly spelling: KeySpelling
}

export interface WorkerSeat {
  readonly topology: LoadedTopology
  readonly settings: Settings
  readonly world: World
  readonly logger: Logger
  readonly id: string
  readonly batch: BatchRequest | undefined
  /** Of the stores. */
  readonly directory: string
  /** Seats in this process. */
  readonly seats: number
  onCommit(task: string, durationMs: number): void
}

/** A worker on this thread. Throws the Fault that hinders it: no broker, no topics, no disk. */
export async function localWorker(seat: WorkerSeat): Promise<RunningWorker> {
  const { world, topology, logger } = seat
  const { plan } = topology
  const settings = withinContainer(seat.settings)
  const log = await world.openLog(settings, logger)
  const stores = await openStores(seat, settings, log).catch(async (error: unknown) => {
    await log.close()
    throw error
  })
  let memoryShare = 1
  const options = { plan, log, stores, settings, id: seat.id, clock: world.clock, millraceVersion, note: noteTo(logger) }
  const worker = new Worker({
    ...options,
    ...(seat.batch === undefined ? {} : { batch: seat.batch }),
    onCommit: (task, durationMs) => seat.onCommit(task, durationMs),
    memoryShare: () => memoryShare,
  })
  return {
    done: worker.done,
    start: () => worker.start(),
    status: () => Promise.resolve(worker.status()),
    readState: async ({ step, key, spelling }) => readLiveState(worker, topology, step, key, spelling),
    limitMemory: async (share) => {
      memoryShare = share
    },
    stop: async () => {
      await worker.stop()
      await log.close()
      await stores.close()
    },
  }
}

/**
 * Half of the budget is RocksDB's (the other half is for decoded values), divided as if the workers of this process had all tasks: it may come
 * to that. A task is at one of them; only copies for another's case are beside it.
 */
async function openStores({ world, topology, directory, seats }: WorkerSeat, settings: Settings, log: Log): Promise<StoreHome> {
  const wiring = wire(topology.plan, await externalPartitions(log, topology.plan))
  const stateful = wiring.tasks.filter((task) => task.changelogs.size > 0).length
  return await world.openStores(directory, settings.stateMemoryBytes / 2, storesExpected(stateful, settings.standbyReplicas, seats))
}

/** `stateful`: tasks of the application that have stores. */
export const storesExpected = (stateful: number, standbyReplicas: number, seats: number): number =>
  Math.max(1, stateful) * (1 + Math.min(standbyReplicas, seats - 1))

export const noteTo =
  (logger: Logger): Note =>
  (level, message, facts = {}) =>
    logger[level](facts, message)

/** Several workers as one. The first that fails ends them all: the process is the unit that is restarted. */
export function together(workers: readonly RunningWorker[], id: string): RunningWorker {
  const [only] = workers
  if (only !== undefined && workers.length === 1) return only
  const failed = Promise.race(
    workers.map((worker) => worker.done.then((reason) => (reason.kind === 'failed' ? reason : new Promise<never>(() => undefined)))),
  )
  const stopped = Promise.all(workers.map((worker) => worker.done)).then((): ExitReason => ({ kind: 'stopped' }))
  return {
    done: Promise.race([failed, stopped]),
    start: async () => void (await Promise.all(workers.map((worker) => worker.start()))),
    stop: async () => {
      // All are awaited, also after one has failed: the others stop in order.
      const results = await Promise.allSettled(workers.map((worker) => worker.stop()))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
    limitMemory: async (share) => void (await Promise.all(workers.map((worker) => worker.limitMemory(share)))),
    readState: async (question) => {
      const answers = await Promise.all(workers.map((worker) => worker.readState(question)))
      return answers.find((answer) => answer.found) ?? answers[0] ?? { found: false, why: 'no workers' }
    },
    status: async () => {
      const [first, ...others] = await Promise.all(workers.map((worker) => worker.status()))
      if (first === undefined) throw new Error('no workers')
      return mergeStatuses([first, ...others], id)
    },
  }
}
