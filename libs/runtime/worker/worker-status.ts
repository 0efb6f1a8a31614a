/** Builds the status document of a worker (status.ts) from what its tasks hold. Reads only. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { Fault } from '../../faults/fault.ts'
import type { InputQueue } from '../task/input-queue.ts'
import { STATUS_VERSION, totalsOf } from './status.ts'
import type { FaultStatus, InputStatus, KeptStatus, RestoreStatus, StandbyStatus, TaskStatus, WorkerState, WorkerStatus } from './status.ts'
import type { StandbyTask } from '../standby/standby-task.ts'
import type { Task } from '../task/task.ts'
import type { TopologyPlan } from '../../dataflow/plan.ts'
import type { Clock } from '../ports/clock.ts'
import type { GroupIdentity } from '../ports/log.ts'
import type { VersionSwitch } from '../switch/version-switch.ts'

const delays = monitorEventLoopDelay({ resolution: 10 })
delays.enable()

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
const milliseconds = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : 0)

const faultStatus = (fault: Error | undefined, at: number): FaultStatus | undefined =>
  fault === undefined ? undefined : { code: fault instanceof Fault ? fault.code : 'internal', message: fault.message, at }

/** What the document is made from: a worker as its status sees it. */
export interface WorkerFacts {
  readonly options: { readonly plan: TopologyPlan; readonly clock: Clock; readonly id?: string; readonly millraceVersion?: string }
  readonly identity: GroupIdentity
  readonly switching: VersionSwitch | undefined
  readonly state: WorkerState
  readonly startedAt: number
  readonly tasks: ReadonlyMap<string, Task>
  readonly standbys: ReadonlyMap<string, StandbyTask>
  readonly kept: KeptStatus
  readonly fault: Error | undefined
}

export function workerStatus(worker: WorkerFacts): WorkerStatus {
  const { plan, clock, id, millraceVersion } = worker.options
  const now = clock.now()
  const tasks = [...worker.tasks.values()].map((task) => taskStatus(task, now))
  return {
    version: STATUS_VERSION,
    at: now,
    application: plan.name,
    applicationVersion: plan.version,
    role: worker.switching?.role ?? null,
    worker: {
      id: id ?? `${process.pid}`,
      member: worker.identity.memberId,
      generation: worker.identity.generation,
      state: worker.state,
      startedAt: worker.startedAt,
      nodeVersion: process.versions.node,
      millraceVersion: millraceVersion ?? '0.0.0',
      lastTurnAt: lastTurnOf(worker.tasks.values(), now),
    },
    tasks,
    totals: totalsOf(tasks),
    standbys: [...worker.standbys.values()].map((standby) => standbyStatus(standby, now)),
    kept: worker.kept,
    eventLoopDelay: { meanMs: milliseconds(delays.mean), p99Ms: milliseconds(delays.percentile(99)), maxMs: milliseconds(delays.max) },
    busySeconds: performance.eventLoopUtilization().active / 1_000,
    doNotScale: tasks.some((task) => task.state === 'restoring'),
    fault: faultStatus(worker.fault, now),
  }
}

const standbyStatus = (standby: StandbyTask, now: number): StandbyStatus => ({
  task: standby.name,
  state: standby.state,
  lagRecords: standby.lagRecords,
  sizeBytes: standby.sizeBytes(),
  fault: faultStatus(standby.fault, now),
})

/** The longest that a running task has left records waiting: one stuck task must not hide behind the others. */
function lastTurnOf(tasks: Iterable<Task>, now: number): number {
  let oldest = now
  for (const task of tasks) {
    const waits = task.state === 'running' && task.run?.queues.some((queue) => !queue.empty && !queue.ended) === true
    if (waits) oldest = Math.min(oldest, task.lastTurnAt)
  }
  return oldest
}

function taskStatus(task: Task, now: number): TaskStatus {
  const run = task.run
  const record = task.held?.ledger.record
  const time = task.held?.time
  const watermark = time?.watermark ?? -Infinity
  const state = task.held?.state
  return {
    name: task.name,
    subTopology: task.context.task.subTopology.name,
    partition: task.context.task.partition,
    state: task.state,
    since: task.since,
    epoch: record?.epoch ?? 0,
    n: record?.n ?? 0,
    inputs: run?.queues.map((queue) => inputStatus(queue, task, now)) ?? [],
    watermark: finite(watermark),
    watermarkDelaySeconds: Number.isFinite(watermark) ? Math.max(0, (now - watermark) / 1000) : null,
    restore: task.state === 'restoring' ? restoreStatus(task, now) : [],
    commits: { count: task.history.commits, lastAt: task.history.lastCommitAt ?? null, lastMs: task.history.lastCommitMs ?? null },
    aborts: task.history.aborts,
    fenced: task.history.fenced,
    processed: task.totals.processed,
    filtered: task.totals.filtered,
    late: task.totals.late,
    refused: task.totals.refused,
    deadLetters: task.totals.deadLetters,
    dropped: task.totals.dropped,
    shed: task.totals.shed,
    leftOut: task.history.leftOut,
    resets: task.history.resets,
    effects: { ...task.effects.counts, waiting: task.effects.waiting },
    replayRemaining: replayRemaining(task),
    steps: run?.program.counters ?? [],
    stores: {
      sizeBytes: state?.sizeBytes() ?? 0,
      cacheHits: state?.hits ?? 0,
      cacheMisses: state?.misses ?? 0,
      syncReads: state?.syncReads ?? 0,
    },
    fault: faultStatus(task.fault, task.since),
  }
}

function replayRemaining(task: Task): number | null {
  const { switching } = task.context
  if (switching.role !== 'shadow' || task.run === undefined) return null
  let remaining = 0
  for (const { wiring, position, end } of task.run.queues) {
    if (wiring.external === undefined) continue
    const gate = switching.limitOf(wiring.id)
    remaining += Math.max(0, (gate === Infinity ? (end ?? position) : gate) - position)
  }
  return remaining
}

function inputStatus(queue: InputQueue, task: Task, now: number): InputStatus {
  const { wiring, end } = queue
  const time = task.held?.time
  const committed = task.held?.ledger.record.positions[wiring.id] ?? null
  const lag = end === undefined || committed === null ? null : Math.max(0, end - committed)
  const oldest = queue.oldestTimestamp()
  const watermark = time?.watermarkOf(wiring.id) ?? -Infinity
  return {
    topic: wiring.topic,
    partition: wiring.partition,
    position: queue.position,
    committed,
    end: end ?? null,
    lagRecords: lag,
    lagSeconds: lag === 0 || (lag !== null && queue.drained) ? 0 : oldest === undefined ? null : Math.max(0, (now - oldest) / 1000),
    watermark: finite(watermark),
    bufferedRecords: queue.waiting,
    bufferedBytes: queue.bytes,
    paused: queue.paused,
    holdsBack: time?.holdingBack() === wiring.id,
  }
}

const restoreStatus = (task: Task, now: number): RestoreStatus[] =>
  [...task.restores.values()].map((progress) => {
    const remaining = Math.max(0, progress.end - progress.position)
    const seconds = (now - progress.startedAt) / 1000
    const rate = seconds > 0 ? (progress.position - progress.from) / seconds : 0
    return {
      step: progress.step,
      position: progress.position,
      end: progress.end,
      remaining,
      bytesRead: progress.bytesRead,
      startedAt: progress.startedAt,
      etaSeconds: rate > 0 ? remaining / rate : null,
    }
  })
