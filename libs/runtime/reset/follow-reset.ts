/** How far the tasks of an application have followed an announced epoch, from their commit records. Reads only. */
import { newestCommitRecord } from '../acquire/newest-commit.ts'
import type { ApplicationContext } from './application-view.ts'
import type { PlannedPartition } from './plan-reset.ts'

export interface Followed {
  readonly followed: number
  readonly tasks: number
}

/** With one stage only the tasks of the planned partitions are waited for. */
export async function followedBy(
  context: ApplicationContext,
  epoch: number,
  partitions: readonly PlannedPartition[],
  manyStages: boolean,
): Promise<Followed> {
  const { log, clock, signal, settings, wiring } = context
  const tasks = wiring.tasks.filter((task) => manyStages || partitions.some((one) => one.task === task.name))
  const records = await Promise.all(
    tasks.map(async ({ commitTopic, partition }) => {
      const request = { log, clock, signal, stallMs: settings.restoreStallMs, partition: { topic: commitTopic, partition } }
      return await newestCommitRecord(request)
    }),
  )
  return { followed: records.filter((record) => (record?.epoch ?? 0) >= epoch).length, tasks: tasks.length }
}
