/**
 * One run of a topology over copied input, in memory: the real engine with a clock that only the run moves, so that the same input in the
 * same order is processed in the same order. Leaves nothing behind.
 */
import type { TopologyPlan } from '../../dataflow/plan.ts'
import { Fault } from '../../faults/fault.ts'
import { ManualClock } from '../../memory/manual-clock.ts'
import { memoryLog } from '../../memory/memory-log.ts'
import type { MemoryLog } from '../../memory/memory-log.ts'
import type { Settings } from '../../runtime/settings/settings.ts'
import { Worker } from '../../runtime/worker/worker.ts'
import type { ExitReason, WorkerOptions } from '../../runtime/worker/worker.ts'
import { memoryHome } from '../../state/memory-store.ts'
import { isQuiet } from '../../testing/quiet.ts'
import type { CopiedInput, CopiedPartition } from './copied-input.ts'
import { tracedPlan } from './trace.ts'
import type { Trace } from './trace.ts'

export interface CheckRun {
  readonly plan: TopologyPlan
  readonly input: CopiedInput
  readonly settings: Settings
  /** Wall clock at the start, epoch ms. */
  readonly now: number
  /** `together`: everything is there before the first record is processed. `in-turns`: partition after partition, the last first, piece by piece. */
  readonly arrival: 'together' | 'in-turns'
  readonly signal: AbortSignal
}

/** Records that are given to the log at once. */
const APPENDED = 1_000
/** Each partition comes in so many pieces. */
const PIECES = 8
/** Both are of no meaning but that they are not the same: results may not depend on when a commit is. */
const COMMIT_MS = { together: 100, 'in-turns': 37 } as const
/** Something outside of the run (a schema registry) is looked at again so soon, and waited for so long, ms. */
const OUTSIDE_WAIT_MS = 2
const OUTSIDE_MS_MAX = 30_000
/** The input says when it was; the brokers' own limits do not matter here. */
const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' }

export async function checkRun(run: CheckRun): Promise<Trace> {
  const clock = new ManualClock(run.now)
  const log = memoryLog({ clock })
  for (const [name, partitions] of run.input.counts) {
    await log.admin.createTopics([{ name, partitions, replicationFactor: 1, config: ANY_TIMESTAMP }])
  }
  const { plan, trace } = tracedPlan(run.plan)
  const stores = memoryHome()
  const options: WorkerOptions = {
    plan,
    log,
    stores,
    clock,
    // Errors end the run and are thrown then.
    note: () => undefined,
    listsEffects: true,
    settings: {
      ...run.settings,
      startAt: 'earliest',
      commitIntervalMs: COMMIT_MS[run.arrival],
      markerIntervalMs: 0,
      maxIdleMs: 0,
      metadataIntervalMs: 0,
    },
  }
  try {
    if (run.arrival === 'together') await append(log, run.input.partitions)
    else await readInTurns(run, clock, log, options)
    await toTheEnd(run, clock, new Worker({ ...options, batch: { until: { kind: 'end' }, close: true } }))
  } finally {
    await during(clock, run.signal, Promise.all([stores.close(), log.close()]))
  }
  return trace
}

async function append(log: MemoryLog, partitions: readonly CopiedPartition[]): Promise<void> {
  for (const { topic, partition, records } of partitions)
    for (let from = 0; from < records.length; from += APPENDED)
      await log.append([{ topic, partition, records: records.slice(from, from + APPENDED) }])
}

async function readInTurns(run: CheckRun, clock: ManualClock, log: MemoryLog, options: WorkerOptions): Promise<void> {
  const worker = new Worker(options)
  await during(clock, run.signal, worker.start())
  for (let piece = 0; piece < PIECES; piece += 1)
    for (const one of run.input.partitions.toReversed()) {
      const [from, to] = [piece, piece + 1].map((n) => Math.floor((one.records.length * n) / PIECES))
      await append(log, [{ ...one, records: one.records.slice(from, to) }])
      await until(clock, run.signal, async () => worker.fault !== undefined || (await isQuiet([worker], log)))
      if (worker.fault !== undefined) throw ended(worker.fault)
    }
  await during(clock, run.signal, worker.stop())
}

async function toTheEnd(run: CheckRun, clock: ManualClock, worker: Worker): Promise<void> {
  await during(clock, run.signal, worker.start())
  const end: ExitReason = await during(clock, run.signal, worker.done)
  await during(clock, run.signal, worker.stop())
  if (end.kind === 'failed') throw ended(end.fault)
}

const ended = (fault: Error): Error =>
  fault instanceof Fault ? fault : new Fault('MR2121', 'stop', `the check could not run the topology: ${fault.message}`, { cause: fault })

/** Lets time pass while a promise is waited for. */
async function during<T>(clock: ManualClock, signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let done = false
  const watched = promise.finally(() => {
    done = true
  })
  // Whoever awaits it below sees a failure; until then it must not count as unhandled.
  watched.catch(() => undefined)
  await until(clock, signal, async () => done)
  return await watched
}

/** Moves time from one wake-up to the next; where nobody sleeps, something outside is waited for. */
async function until(clock: ManualClock, signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
  let waitedMs = 0
  for (;;) {
    await clock.settle()
    if (await holds()) return
    if (signal.aborted) throw new Fault('MR2122', 'stop', 'the check was ended before it was done; nothing was changed')
    const next = clock.nextWake()
    if (next !== undefined) {
      clock.advanceTo(next)
      waitedMs = 0
      continue
    }
    waitedMs += OUTSIDE_WAIT_MS
    if (waitedMs > OUTSIDE_MS_MAX)
      throw new Fault(
        'MR2121',
        'stop',
        `the check waited ${OUTSIDE_MS_MAX / 1000} s for something outside of it, such as a schema registry`,
      )
    await new Promise((resolve) => setTimeout(resolve, OUTSIDE_WAIT_MS))
  }
}
