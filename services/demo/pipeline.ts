/** Waiting for a pipeline of workers: lag, watermark, failures. */
import type { TaskStatus, WorkerStatus } from '../../libs/runtime/worker/status.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface PipelineView {
  readonly statuses: readonly (readonly [worker: WorkerProcess, status: WorkerStatus | undefined])[]
  readonly tasks: readonly TaskStatus[]
  readonly processed: number
  /** Undefined while some task does not know it. */
  readonly lag: number | undefined
  /** Smallest watermark of the last stage. */
  readonly watermark: number | undefined
}

export async function lookAt(workers: readonly WorkerProcess[]): Promise<PipelineView> {
  const statuses = await Promise.all(workers.map(async (worker) => [worker, worker.running ? await worker.status() : undefined] as const))
  const tasks = statuses.flatMap(([, status]) => status?.tasks ?? [])
  const lags = tasks.map((task) =>
    task.inputs.length === 0
      ? undefined
      : task.inputs.reduce<number | undefined>(
          (sum, input) => (sum === undefined || input.lagRecords === null ? undefined : sum + input.lagRecords),
          0,
        ),
  )
  const lag = tasks.length === 0 || lags.includes(undefined) ? undefined : lags.reduce<number>((sum, one) => sum + (one ?? 0), 0)
  const watermarks = tasks.map((task) => task.watermark ?? -Infinity)
  const watermark = watermarks.length === 0 ? -Infinity : Math.min(...watermarks)
  return {
    statuses,
    tasks,
    processed: tasks.reduce((sum, task) => sum + task.processed + task.filtered + task.late + task.refused, 0),
    lag,
    watermark: Number.isFinite(watermark) ? watermark : undefined,
  }
}

export interface WaitOptions {
  readonly tasks: number
  readonly withinMs: number
  onView(view: PipelineView): void
  /** Besides lag 0: for example "input is all loaded". */
  ready?(view: PipelineView): boolean
}

const LOOK_EVERY_MS = 250
/** So many looks in a row must find nothing left: markers of the last watermark are on their way. */
const QUIET_LOOKS = 6

/** Resolves when all tasks run and nothing is left to read anywhere; throws when a worker ends or time is up. */
export async function drained(current: () => readonly WorkerProcess[], options: WaitOptions): Promise<void> {
  const until = performance.now() + options.withinMs
  let quiet = 0
  while (quiet < QUIET_LOOKS) {
    const workers = current()
    const view = await lookAt(workers)
    options.onView(view)
    const fault = view.statuses
      .map(([worker, status]) => [worker, status?.fault ?? status?.tasks.find((task) => task.fault !== undefined)?.fault] as const)
      .find(([, found]) => found !== undefined)
    if (fault !== undefined) throw new Error(`worker ${fault[0].name} stopped: ${fault[1]?.message ?? ''}`)
    const dead = workers.find((worker) => !worker.running)
    if (dead !== undefined) throw new Error(`worker ${dead.name} ended; its log says:\n${await dead.lastLines(20)}`)
    const done =
      view.lag === 0 &&
      view.tasks.length === options.tasks &&
      view.tasks.every((task) => task.state === 'running') &&
      (options.ready?.(view) ?? true)
    quiet = done ? quiet + 1 : 0
    if (performance.now() > until)
      throw new Error(
        `the pipeline was not done after ${options.withinMs / 1000} s: lag ${view.lag ?? 'unknown'}, ${view.tasks.length} of ${options.tasks} tasks; logs in ${workers.map((worker) => worker.logFile).join(', ')}`,
      )
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}
