/**
 * Takes the place of a task's owner for one transaction: whoever opens its transactional id makes the owner powerless, and writes in its
 * stead that the task is halted (engine.md 6.2, hole S7). The owner, if it lives, acquires again, reads that, and stays halted.
 */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../faults/fault.ts'
import { newestCommitRecord } from '../acquire/newest-commit.ts'
import { COMMIT_KEY, encodeCommitRecord } from '../task/commit-record.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { SharedContext } from './shared-topic.ts'
import type { VersionTask } from './version-records.ts'

/** An owner that lives acquires again at once, and may be faster; it then halts by itself. */
const TRIES_MAX = 20
const PAUSE_MS = 100

/** Fault MR2068 for a task that has never committed: nobody knows where it stands. */
export async function fenceTask(context: SharedContext, task: VersionTask, s: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fenceOnce(context, task, s)
    } catch (error) {
      const passes = error instanceof Fault && error.action !== 'stop' && error.action !== 'stop-task'
      if (!passes || tries >= TRIES_MAX || context.signal.aborted) throw error
      await context.clock.sleep(PAUSE_MS, context.signal)
    }
  }
}

async function fenceOnce(context: SharedContext, task: VersionTask, s: number): Promise<void> {
  const producer = await context.log.openProducer(task.transactionalId)
  try {
    // Only after the fence: from then on nobody else writes one.
    const record = await newestCommitRecord({ ...context, partition: { topic: task.commitTopic, partition: task.partition } })
    if (record === undefined)
      throw new Fault(
        'MR2068',
        'stop',
        `${task.name} of the live version has never committed: where it stands is not known, so its place cannot be taken`,
        {
          place: { task: task.name },
        },
      )
    if (record.status === 'halted' && record.switchId === s) return
    const halted: CommitRecord = { ...record, n: record.n + 1, status: 'halted', switchId: s, acquisition: randomUUID() }
    const outgoing = { key: COMMIT_KEY, value: encodeCommitRecord(halted), timestamp: context.clock.now(), headers: [] }
    await producer.send([{ topic: task.commitTopic, partition: task.partition, records: [outgoing] }])
    await producer.commit()
  } finally {
    // What was written is what counts; a connection that cannot be closed times out.
    await producer.close().catch(() => undefined)
  }
}
