/**
 * A task's own reset (engine.md 6.1): everything that its state was made from is to be read again, in a new epoch.
 *
 *   one transaction   a reset record in each changelog · the commit record {new epoch, start, no event time, needed from these records on}
 *                     · the offsets with its marker
 *   one store write   the values go, and the mark says the new epoch
 *
 * Killed before the end of the transaction: nothing happened, the next acquisition finds the same and does it again. After it: the store is
 * behind, and clears itself when its restore comes to the reset record. What stands in changelogs before that is of no use any more, and
 * goes by compaction as its keys are written again; until then every restore passes it and clears.
 */
import { resetChangelogRecord } from '../../state/changelog.ts'
import type { TaskState } from '../../state/task-state.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { GroupIdentity, PartitionId, TransactionalProducer } from '../ports/log.ts'
import { COMMIT_KEY, encodeCommitRecord, encodeMarker } from '../task/commit-record.ts'
import type { CommitRecord, Repeats } from '../task/commit-record.ts'
import { commitTransaction } from '../task/commit.ts'
import type { CommitProbe } from '../task/commit.ts'
import { TaskLedger, markOf } from '../task/task-ledger.ts'
import { TaskTime } from '../task/task-time.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface TaskReset {
  readonly task: TaskWiring
  readonly clock: Clock
  readonly probe: CommitProbe
  readonly producer: TransactionalProducer
  readonly state: TaskState
  /** The newest of the log: of the epoch that ends. */
  readonly record: CommitRecord
  /** Step → next changelog offset, as restored. */
  readonly changelogs: Readonly<Record<string, number>>
  readonly acquisition: string
  readonly epoch: number
  readonly positions: ReadonlyMap<PartitionId, number>
  identity(): GroupIdentity
}

/** The furthest that it ever came, by position and by event time. */
function repeatsOf(task: TaskWiring, { positions, repeats, ...record }: CommitRecord): Repeats {
  const furthest = task.inputs
    .filter((input) => input.external !== undefined)
    .map(({ id }) => [id, Math.max(positions[id] ?? 0, repeats?.positions[id] ?? 0)] as const)
  const inputs = task.inputs.map(({ id, external, upstream }) => ({ id, outOfOrdernessMs: external?.outOfOrdernessMs, upstream }))
  const watermark = Math.max(new TaskTime(inputs, record).watermark, repeats?.watermark ?? -Infinity)
  return { positions: Object.fromEntries(furthest), watermark: Number.isFinite(watermark) ? watermark : undefined }
}

export async function resetTask(reset: TaskReset): Promise<TaskLedger> {
  const { task, clock, producer, epoch } = reset
  const steps = [...task.changelogs.keys()]
  const clear = resetChangelogRecord(epoch, clock.now())
  const batches = [...task.changelogs.values()].map((topic) => ({ topic, partition: task.partition, records: [clear] }))
  const sent = batches.length === 0 ? new Map<PartitionId, { readonly last: number }>() : await producer.send(batches)
  const begins = (step: string): number =>
    sent.get(partitionId(task.changelogs.get(step) ?? '', task.partition))?.last ?? reset.changelogs[step] ?? 0
  const record: CommitRecord = {
    ...reset.record,
    epoch,
    n: reset.record.n + 1,
    positions: { ...reset.record.positions, ...Object.fromEntries(reset.positions) },
    watermarks: {},
    markersIn: {},
    markerOut: undefined,
    firstNeeded: Object.fromEntries(steps.map((step) => [step, begins(step)])),
    changelogEnds: Object.fromEntries(steps.map((step) => [step, begins(step) + 1])),
    acquisition: reset.acquisition,
    repeats: repeatsOf(task, reset.record),
    // In a new epoch everything is given anew.
    handover: undefined,
  }
  const changelogs = Object.fromEntries(steps.map((step) => [step, begins(step) + 1]))
  const value = encodeCommitRecord(record)
  await commitTransaction(
    producer,
    {
      task: task.name,
      turn: 'reset',
      batches: [
        { topic: task.commitTopic, partition: task.partition, records: [{ key: COMMIT_KEY, value, timestamp: clock.now(), headers: [] }] },
      ],
      identity: reset.identity(),
      positions: task.inputs.map(({ id, topic, partition }) => ({
        topic,
        partition,
        position: record.positions[id] ?? 0,
        metadata: encodeMarker(record),
      })),
    },
    async () => await reset.state.clear(steps, markOf(record, changelogs, steps, clock.now())),
    reset.probe,
  )
  return new TaskLedger(task, { record, changelogs, acquisition: reset.acquisition })
}
