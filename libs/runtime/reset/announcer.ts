/**
 * The worker's part in resets of the whole application: it announces an epoch for its tasks, one announcement at a time (two at once would
 * only fence each other), and tells them of those that it reads in the control topic.
 *
 * Owns: the newest announcement read, and the one announcement that may be under way.
 */
import { Fault } from '../../faults/fault.ts'
import type { FetchedBatch, TopicPartition } from '../ports/log.ts'
import type { Task } from '../task/task.ts'
import { EPOCH_KEY, announcedFor, decodeAnnouncement, hasManyStages } from './announcement.ts'
import type { Announcement } from './announcement.ts'
import { announce, whereMoved } from './announce.ts'
import type { AnnounceContext } from './announce.ts'
import { readApplication } from './application-view.ts'
import { judgeMove } from './moves.ts'

export class Announcer {
  readonly #context: AnnounceContext
  readonly #stateId: string
  #underWay: Promise<unknown> | undefined
  #newest: Announcement | undefined

  constructor(context: AnnounceContext, stateId: string) {
    this.#context = context
    this.#stateId = stateId
  }

  get controlPartition(): TopicPartition {
    return { topic: this.#context.wiring.names.control, partition: 0 }
  }

  /** Announces that offsets were moved back, unless somebody else has done so meanwhile. Faults MR5022, MR5026, MR5027, MR5067. */
  async announceMove(): Promise<void> {
    this.#underWay ??= announce(this.#context, whereMoved(this.#context.wiring.names.group, this.#context.settings.onGap)).finally(() => {
      this.#underWay = undefined
    })
    await this.#underWay
  }

  /** A look without fences: it only says whether it is worth to fence everybody. */
  async isMovedBack(): Promise<boolean> {
    return judgeMove((await readApplication(this.#context)).partitions).kind !== 'none'
  }

  /** True when the batch is of the control topic. */
  takes(batch: FetchedBatch, tasks: Iterable<Task>): boolean {
    if (batch.topic !== this.controlPartition.topic) return false
    for (const { key, value } of batch.records) {
      if (value === null || key === null || Buffer.from(key).toString('utf8') !== EPOCH_KEY) continue
      const announcement = decodeAnnouncement(value)
      if (announcement?.stateId === this.#stateId) this.#newest = announcement
    }
    for (const task of tasks) this.tell(task)
    return true
  }

  /** A running task whose state is of an older epoch than announced acquires again, and resets itself then. */
  tell(task: Task): void {
    const fault = this.behind(task.context.task, task.run?.acquired.ledger.record.epoch)
    if (fault !== undefined) task.onInputFault(fault)
  }

  /** What a task at this epoch is to be told; undefined: it is not behind. */
  behind(task: Task['context']['task'], epoch: number | undefined): Fault | undefined {
    const newest = this.#newest
    if (newest === undefined || epoch === undefined || newest.epoch <= epoch) return undefined
    if (announcedFor(newest, task, hasManyStages(this.#context.wiring)) === undefined) return undefined
    return new Fault(
      'MR5021',
      'acquire-again',
      `${task.name} stands at epoch ${epoch}, and epoch ${newest.epoch} was announced: it is acquired again and starts anew`,
      { place: { task: task.name } },
    )
  }
}
