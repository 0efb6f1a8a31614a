/**
 * Tells a worker when the batch is over for all tasks of the application, also those of other workers (hole B5): by commit records that say
 * `ended`, or, where nothing is closed, by the group's positions, stage after stage.
 */
import { newestCommitRecord } from '../acquire/newest-commit.ts'
import type { NewestCommitRequest } from '../acquire/newest-commit.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, PartitionId, TopicPartition } from '../ports/log.ts'
import { decodeMarker } from '../task/commit-record.ts'
import type { TaskWiring, Wiring } from '../worker/wiring.ts'
import type { Bounds } from './bounds.ts'

type Search = Omit<NewestCommitRequest, 'partition' | 'until'>

/** How often the log is asked, ms. */
const LOOK_EVERY_MS = 500

/** Resolves when it is over, or the signal is aborted. A broker that is away is asked again; `onTrouble` is told each time. */
export async function batchOver(
  search: Search,
  wiring: Wiring,
  stateId: string,
  bounds: Bounds,
  onTrouble: (why: string) => void,
): Promise<void> {
  const { clock, signal } = search
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    try {
      if (!signal.aborted && (await isBatchOver(search, wiring, stateId, bounds))) return
    } catch (error) {
      if (!signal.aborted) onTrouble(error instanceof Error ? error.message : String(error))
    }
  }
}

async function isBatchOver(search: Search, wiring: Wiring, stateId: string, bounds: Bounds): Promise<boolean> {
  return bounds.close ? await everyTaskEnded(search, wiring, stateId) : await allIsRead(search, wiring, bounds)
}

async function everyTaskEnded({ log, ...search }: Search, wiring: Wiring, stateId: string): Promise<boolean> {
  const partitions = wiring.tasks.map(({ commitTopic, partition }) => ({ topic: commitTopic, partition }))
  const ranges = await log.admin.ranges(partitions)
  // From the last stage, which ends last.
  for (const partition of partitions.toReversed()) {
    // What an open transaction holds back is not waited for.
    const until = ranges.get(partitionId(partition.topic, partition.partition))?.lastStable ?? 0
    const record = await newestCommitRecord({ ...search, log, partition, until })
    if (record?.stateId !== stateId || record.status !== 'ended') return false
  }
  return true
}

/** External input partitions whose offsets somebody has moved: an ended task has left its marker on each. */
export async function movedSince({ log }: Pick<Search, 'log'>, wiring: Wiring): Promise<readonly PartitionId[]> {
  const inputs = wiring.tasks.flatMap((task) => task.inputs.filter((input) => input.external !== undefined))
  const committed = await log.admin.committed(wiring.names.group, inputs)
  return inputs.flatMap(({ id }) => {
    const found = committed.get(id)
    return found !== undefined && decodeMarker(found.metadata) === undefined ? [id] : []
  })
}

/** A stage is done when it has read what the stages before it, which are done, have written. */
async function allIsRead({ log }: Search, wiring: Wiring, bounds: Bounds): Promise<boolean> {
  for (const { name } of wiring.plan.subTopologies) {
    const inputs = wiring.tasks.filter((task) => task.subTopology.name === name).flatMap((task) => task.inputs)
    const ends = await endsOf(log, inputs, bounds)
    const committed = await log.admin.committed(wiring.names.group, inputs)
    if ([...ends].some(([id, end]) => (committed.get(id)?.position ?? 0) < end)) return false
  }
  return true
}

async function endsOf(log: Log, inputs: TaskWiring['inputs'], bounds: Bounds): Promise<ReadonlyMap<PartitionId, number>> {
  const internal: TopicPartition[] = inputs.filter((input) => input.external === undefined)
  const ranges = await log.admin.ranges(internal)
  return new Map(
    inputs.map(({ topic, partition, external }) => {
      const id = partitionId(topic, partition)
      return [id, (external === undefined ? ranges.get(id)?.end : bounds.positions[id]) ?? 0]
    }),
  )
}
