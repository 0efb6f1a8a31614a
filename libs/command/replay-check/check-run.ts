/**
 * One run of a topology over copied input, in memory: the real engine with a clock that only the run moves, so that the same input in the
 * same order is processed in the same order. Leaves nothing behind.
 */
import { END_OF_TIME } from '../../dataflow/plan.ts'
import type { TopologyPlan } from '../../dataflow/plan.ts'
import { Fault } from '../../faults/fault.ts'
import { ManualClock } from '../../memory/manual-clock.ts'
import { memoryLog } from '../../memory/memory-log.ts'
import type { MemoryLog } from '../../memory/memory-log.ts'
import type { Settings } from '../../runtime/settings/settings.ts'
import { Worker } from '../../runtime/worker/worker.ts'
import type { WorkerOptions } from '../../runtime/worker/worker.ts'
import { memoryHome } from '../../state/memory-store.ts'
import { isQuiet } from '../../runtime/worker/quiet.ts'
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
/** Timers of the wall clock that are set by then are due, ms. */
const LAST_DAY_MS = 400 * 86_400_000
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
  const worker = new Worker(options)
  try {
    await during(clock, run.signal, worker.start())
    for (const some of arrivals(run)) {
      await append(log, some)
      await settled(clock, run.signal, worker, log)
    }
    // What is due some day: timers of the clock (0 lifts nothing, and makes a task look), then all windows and timers of event time.
    clock.jumpTo(clock.now() + LAST_DAY_MS)
    for (const watermark of [0, END_OF_TIME]) {
      for (const task of worker.tasks.values()) task.lift(watermark)
      await settled(clock, run.signal, worker, log)
    }
  } finally {
    await during(clock, run.signal, worker.stop())
    await during(clock, run.signal, Promise.all([stores.close(), log.close()]))
  }
  return trace
}

/** What comes before the next is given. */
function* arrivals({ arrival, input }: CheckRun): Iterable<readonly CopiedPartition[]> {
  if (arrival === 'together') {
    yield input.partitions
    return
  }
  for (let piece = 0; piece < PIECES; piece += 1)
    for (const one of input.partitions.toReversed()) {
      const [from, to] = [piece, piece + 1].map((n) => Math.floor((one.records.length * n) / PIECES))
      yield [{ ...one, records: one.records.slice(from, to) }]
    }
}

async function append(log: MemoryLog, partitions: readonly CopiedPartition[]): Promise<void> {
  for (const { topic, partition, records } of partitions)
    for (let from = 0; from < records.length; from += APPENDED)
      await log.append([{ topic, partition, records: records.slice(from, from + APPENDED) }])
}

async function settled(clock: ManualClock, signal: AbortSignal, worker: Worker, log: MemoryLog): Promise<void> {
  const stopped = (): Error | undefined => worker.fault ?? [...worker.tasks.values()].find((task) => task.fault !== undefined)?.fault
  await until(clock, signal, async () => stopped() !== undefined || (await isQuiet([worker], log)))
  const fault = stopped()
  if (fault !== undefined) throw ended(fault)
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
