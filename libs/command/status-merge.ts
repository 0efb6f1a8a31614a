/** The status documents of several workers of one process as one. Pure. */
import { totalsOf, type TaskStatus, type WorkerState, type WorkerStatus } from '../runtime/worker/status.ts'

const STATE_ORDER: readonly WorkerState[] = ['failed', 'stopping', 'starting', 'rebalancing', 'stopped', 'running']

/** One document of several: all tasks; of the workers the state that asks most for attention, and the turn that is longest ago. */
export function mergeStatuses(statuses: readonly [WorkerStatus, ...WorkerStatus[]], id: string): WorkerStatus {
  const [first] = statuses
  const tasks: TaskStatus[] = statuses.flatMap((status) => status.tasks)
  const most = (of: (status: WorkerStatus) => number): number => Math.max(...statuses.map(of))
  const sum = (of: (status: WorkerStatus) => number): number => statuses.reduce((total, status) => total + of(status), 0)
  return {
    ...first,
    worker: {
      ...first.worker,
      id,
      member: statuses.map((status) => status.worker.member).join(' '),
      state: STATE_ORDER.find((state) => statuses.some((status) => status.worker.state === state)) ?? first.worker.state,
      generation: most((status) => status.worker.generation),
      startedAt: Math.min(...statuses.map((status) => status.worker.startedAt)),
      lastTurnAt: Math.min(...statuses.map((status) => status.worker.lastTurnAt)),
    },
    tasks,
    totals: totalsOf(tasks),
    standbys: statuses.flatMap((status) => status.standbys ?? []),
    kept: {
      stores: sum((status) => status.kept?.stores ?? 0),
      bytes: sum((status) => status.kept?.bytes ?? 0),
      removed: sum((status) => status.kept?.removed ?? 0),
    },
    eventLoopDelay: {
      meanMs: most((status) => status.eventLoopDelay.meanMs),
      p99Ms: most((status) => status.eventLoopDelay.p99Ms),
      maxMs: most((status) => status.eventLoopDelay.maxMs),
    },
    busySeconds: sum((status) => status.busySeconds ?? 0),
    doNotScale: statuses.some((status) => status.doNotScale),
    fault: statuses.find((status) => status.fault !== undefined)?.fault,
  }
}
