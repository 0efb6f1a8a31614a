/**
 * What the whole application stands for: C and S of every external input partition, the newest announcement, and the newest commit record of
 * every task that reads them (engine.md 6.1, step 3). Reads only; exact while nobody works, that is behind the fences of announce.ts.
 */
import { readControl } from '../acquire/control.ts'
import type { ControlView } from '../acquire/control.ts'
import type { PartitionFacts } from '../acquire/barrier.ts'
import { gatherInputs } from '../acquire/input-facts.ts'
import type { InputFactsContext } from '../acquire/input-facts.ts'
import { newestCommitRecord } from '../acquire/newest-commit.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { announcedFor, hasManyStages } from './announcement.ts'
import type { Standing } from './moves.ts'
import type { TaskWiring, Wiring } from '../worker/wiring.ts'

export interface ApplicationContext extends InputFactsContext {
  readonly wiring: Wiring
}

/** One external input partition. */
export interface ApplicationPartition extends PartitionFacts, Standing {
  readonly topic: string
  readonly partition: number
  readonly task: string
}

export interface ApplicationView {
  readonly control: ControlView
  readonly manyStages: boolean
  readonly partitions: readonly ApplicationPartition[]
  /** Of the tasks that read external inputs. */
  readonly commitRecords: ReadonlyMap<string, CommitRecord>
  /** The highest that anybody has seen. */
  readonly epoch: number
}

export async function readApplication(context: ApplicationContext): Promise<ApplicationView> {
  const { wiring, settings } = context
  const stallMs = settings.restoreStallMs
  const control = await readControl({ ...context, stallMs }, wiring.names.control)
  const manyStages = hasManyStages(wiring)
  const external = wiring.tasks.flatMap((task) => task.inputs.filter((input) => input.external !== undefined))
  // In one answer: an announcement that ends meanwhile is in it for all partitions, or for none. And before the commit records are looked for.
  const committed = await context.log.admin.committed(context.identity().groupId, external)
  const commitRecords = new Map<string, CommitRecord>()
  const partitions: ApplicationPartition[] = []
  for (const task of wiring.tasks) {
    const inputs = task.inputs.filter((input) => input.external !== undefined)
    if (inputs.length === 0) continue
    const partition = { topic: task.commitTopic, partition: task.partition }
    const record = await newestCommitRecord({ log: context.log, clock: context.clock, stallMs, signal: context.signal, partition })
    if (record !== undefined) commitRecords.set(task.name, record)
    const stands = standsOf(control, task, record, manyStages)
    const facts = await gatherInputs({ ...context, identity: () => context.identity() }, inputs, record, committed)
    facts.forEach((one, index) => {
      const { topic = '', partition: number = 0 } = inputs[index] ?? {}
      const stood = record === undefined ? undefined : stands(one)
      partitions.push({ ...one, topic, partition: number, task: task.name, stands: stood, read: record?.positions[one.id] })
    })
  }
  const epochs = [...commitRecords.values()].map((record) => record.epoch)
  const marked = partitions.map(({ committed }) => committed?.marker?.epoch ?? 1)
  return { control, manyStages, partitions, commitRecords, epoch: Math.max(1, control.announced?.epoch ?? 1, ...epochs, ...marked) }
}

/** S, or where an announced epoch starts that the task has not followed. */
function standsOf(
  { announced: newest }: ControlView,
  task: TaskWiring,
  record: CommitRecord | undefined,
  manyStages: boolean,
): (facts: PartitionFacts) => number {
  const announced = announcedFor(newest, task, manyStages)
  const behind = announced !== undefined && announced.epoch > (record?.epoch ?? 0) ? announced : undefined
  return ({ id, logStart }) => behind?.positions[id] ?? record?.positions[id] ?? logStart
}
