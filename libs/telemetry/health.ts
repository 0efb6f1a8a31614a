/**
 * Health, decided from the status document. Pure.
 *
 * live: fails only when the engine makes no progress although it should: records wait in a running task and its loop has made no turn for
 * `livenessMs`, or it has failed. Never because of a rebalance, a long restore, a broker that is away or silence: a restart would not help.
 * ready: the worker is in its group and none of its tasks is still on the way to running.
 */
import type { StatusView } from './status-view.ts'

export interface Verdict {
  readonly ok: boolean
  /** One sentence. */
  readonly why: string
}

export interface Health {
  readonly live: Verdict
  readonly ready: Verdict
  /** Its own, visible state: not ready, but healthy. */
  readonly restoring: boolean
  readonly restoreRemaining: number
  readonly doNotScale: boolean
}

const IDLE_ROLES: ReadonlySet<string> = new Set(['waiting', 'given-up'])
const ON_THE_WAY: ReadonlySet<string> = new Set(['assigned', 'fencing', 'restoring'])

export function healthOf(status: StatusView, now: number, livenessMs: number): Health {
  const restoring = status.tasks.filter((task) => task.state === 'restoring')
  return {
    live: live(status, now, livenessMs),
    ready: ready(status),
    restoring: restoring.length > 0,
    restoreRemaining: restoring.flatMap((task) => task.restore).reduce((total, restore) => total + restore.remaining, 0),
    doNotScale: status.doNotScale,
  }
}

function live(status: StatusView, now: number, livenessMs: number): Verdict {
  if (status.worker.state === 'failed') return { ok: false, why: `the worker has failed: ${status.fault?.message ?? 'no reason known'}` }
  const silentMs = now - status.worker.lastTurnAt
  if (silentMs > livenessMs && hasWork(status))
    return { ok: false, why: `records wait, but the loop of the engine has made no turn for ${Math.round(silentMs / 1000)} s` }
  return { ok: true, why: `the worker is ${status.worker.state}` }
}

/** A loop with nothing to do sleeps. */
const hasWork = (status: StatusView): boolean =>
  status.tasks.some((task) => task.state === 'running' && task.inputs.some((input) => input.bufferedRecords > 0))

function ready(status: StatusView): Verdict {
  const { state } = status.worker
  if (state !== 'running' && state !== 'rebalancing') return { ok: false, why: `the worker is ${state}` }
  // It is as ready as it can be: a person must start its replay.
  if (status.role !== null && IDLE_ROLES.has(status.role))
    return { ok: true, why: `v${status.applicationVersion} is ${status.role} and has nothing to do` }
  const waiting = status.tasks.filter((task) => ON_THE_WAY.has(task.state))
  if (waiting.length > 0)
    return { ok: false, why: `tasks on the way to running: ${waiting.map((task) => `${task.name} (${task.state})`).join(', ')}` }
  return {
    ok: true,
    why:
      status.tasks.length === 0 ? 'in the group, without tasks' : `${status.tasks.length} ${status.tasks.length === 1 ? 'task' : 'tasks'}`,
  }
}
