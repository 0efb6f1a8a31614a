/**
 * Has a changelog lost its newest records (an unclean election of a leader, a topic that was deleted and made again)? Nobody may go on then.
 *
 * Every acquisition writes fence records, and so makes a short changelog longer: looked at after a few restarts it would seem whole again. So
 *
 *   1  the ends are looked at before anything is written to a changelog, and
 *   2  what was found, here or by a task that was told of older offsets than it knew, is written into the commit topic, where every later
 *      acquisition finds it behind the newest commit record.
 *
 * A new leader may not know for a moment how far its log goes: a short end is looked at again before it is believed.
 */
import { Fault } from '../../faults/fault.ts'
import { COMMIT_LOST_KEY, encodeLostTail } from '../task/commit-record.ts'
import type { CommitRecord, LostTail } from '../task/commit-record.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, TransactionalProducer } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'
import type { TaskWiring } from '../worker/wiring.ts'
import { newestCommitRecord } from './newest-commit.ts'

export interface TailContext {
  readonly log: Log
  readonly clock: Clock
  readonly settings: Settings
  readonly task: TaskWiring
  readonly signal: AbortSignal
  /** What a run of the task has found. */
  readonly lostTail: LostTail | undefined
}

const WAIT_MS = 30_000
const LOOK_AGAIN_MS = 1_000

/** With a producer that owns the task, before the fence records. Fault MR5016. */
export async function checkTails(context: TailContext, producer: TransactionalProducer): Promise<void> {
  const { clock, task, signal } = context
  if (task.changelogs.size === 0) return
  const until = clock.monotonic() + WAIT_MS
  for (;;) {
    const { known, lost } = await lookAt(context)
    if (known) throw tailFault(task, known)
    if (lost === undefined || signal.aborted) return
    if (context.lostTail !== undefined || clock.monotonic() >= until) {
      await writeDown(context, producer, lost)
      throw tailFault(task, lost)
    }
    await clock.sleep(LOOK_AGAIN_MS, signal)
  }
}

/** `known`: written down before. `lost`: found now. */
async function lookAt(context: TailContext): Promise<{ readonly known: LostTail | undefined; readonly lost: LostTail | undefined }> {
  const { log, task, clock, settings, signal } = context
  let known: LostTail | undefined
  const record = await newestCommitRecord({
    log,
    clock,
    signal,
    stallMs: settings.restoreStallMs,
    partition: { topic: task.commitTopic, partition: task.partition },
    onLostTail: (tail) => (known = tail),
  })
  if (known !== undefined || context.lostTail !== undefined) return { known, lost: context.lostTail }
  return { known, lost: record === undefined ? undefined : await shortOf(context, record) }
}

async function shortOf({ log, task }: TailContext, record: CommitRecord): Promise<LostTail | undefined> {
  const partitions = [...task.changelogs.values()].map((topic) => ({ topic, partition: task.partition }))
  const ranges = await log.admin.ranges(partitions)
  for (const [step, topic] of task.changelogs) {
    const written = record.changelogEnds[step]
    const end = ranges.get(partitionId(topic, task.partition))?.end ?? 0
    // Behind the last record stands the marker of its transaction.
    if (written !== undefined && end <= written) return { topic, end, written }
  }
  return undefined
}

async function writeDown({ task, clock }: TailContext, producer: TransactionalProducer, tail: LostTail): Promise<void> {
  const record = { key: COMMIT_LOST_KEY, value: encodeLostTail(tail), timestamp: clock.now(), headers: [] }
  await producer.send([{ topic: task.commitTopic, partition: task.partition, records: [record] }])
  await producer.commit()
}

const tailFault = (task: TaskWiring, { topic, end, written }: LostTail): Fault =>
  new Fault(
    'MR5016',
    'stop-task',
    `${topic}-${task.partition} ended at ${end}, but ${task.name} has written it up to ${written}: it was truncated (an unclean election of a leader) or deleted and made again. The state that it lost is lost; going on would give wrong results, so the task stopped, also when the changelog has grown again since. Reprocess the inputs with a new version of the application`,
    { place: { task: task.name, topic, partition: task.partition } },
  )
