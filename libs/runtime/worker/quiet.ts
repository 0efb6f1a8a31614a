/** When there is nothing left to do: all tasks run, all inputs are read to the end, nothing waits to be committed. Changes nothing. */
import type { Log } from '../ports/log.ts'
import type { Task } from '../task/task.ts'
import type { Worker } from './worker.ts'

export async function isQuiet(workers: readonly Worker[], log: Log): Promise<boolean> {
  const wanted = workers[0]?.prepared?.wiring.tasks.length ?? 0
  const tasks = workers.flatMap((worker) => [...worker.tasks.values()])
  if (workers.some((worker) => worker.state !== 'running') || tasks.length !== wanted) return false
  const resting = (task: Task): boolean =>
    task.state === 'running' && task.run !== undefined && task.run.inFlight === undefined && !task.run.hasWork
  if (!tasks.every(resting)) return false
  const queues = tasks.flatMap((task) => task.run?.queues ?? [])
  const ranges = await log.admin.ranges(queues.map((queue) => queue.wiring))
  return tasks.every(resting) && queues.every((queue) => queue.empty && queue.position >= (ranges.get(queue.wiring.id)?.end ?? 0))
}
