/** The standby copies of one worker, and the one reader that they share. Opened when the first copy is asked for. */
import { Fault } from '../../faults/fault.ts'
import type { FetchedBatch, PartitionReader, TopicPartition } from '../ports/log.ts'
import { partitionId } from '../ports/log.ts'
import type { TaskWiring } from '../worker/wiring.ts'
import { StandbyTask } from './standby-task.ts'
import type { ClosedCopy, StandbyContext } from './standby-task.ts'

export type StandbysContext = Omit<StandbyContext, 'reader' | 'task'>

export class Standbys {
  readonly #context: StandbysContext
  readonly #copies = new Map<string, StandbyTask>()
  #reader: PartitionReader | undefined

  constructor(context: StandbysContext) {
    this.#context = context
  }

  get all(): ReadonlyMap<string, StandbyTask> {
    return this.#copies
  }

  /** Ends the copies of all but these tasks; answers their stores when they are closed. */
  async keepOnly(tasks: readonly string[]): Promise<readonly ClosedCopy[]> {
    const gone = [...this.#copies.values()].filter(({ name }) => !tasks.includes(name))
    const closed = await Promise.all(gone.map((copy) => copy.close()))
    for (const { name } of gone) this.#copies.delete(name)
    return closed
  }

  follow(task: TaskWiring): void {
    if (this.#copies.has(task.name)) return
    this.#reader ??= this.#openReader()
    this.#copies.set(task.name, new StandbyTask({ ...this.#context, reader: this.#reader, task }))
  }

  async close(): Promise<void> {
    await this.keepOnly([])
    await this.#reader?.close()
  }

  #openReader(): PartitionReader {
    return this.#context.log.openReader({
      onBatch: (batch: FetchedBatch) => this.#tell(batch, (copy, step) => copy.onBatch(step, batch)),
      onOutOfRange: (partition, position, logStart, logEnd) =>
        this.#tell(partition, (copy) => copy.onFault(outOfRange(copy.name, partition, position, logStart, logEnd))),
      onFault: (partition, fault) => this.#tell(partition, (copy) => copy.onFault(fault)),
    })
  }

  #tell({ topic, partition }: TopicPartition, how: (copy: StandbyTask, step: string) => void): void {
    for (const copy of this.#copies.values()) {
      const step = copy.stepOf(topic, partition)
      if (step !== undefined) return how(copy, step)
    }
  }
}

const outOfRange = (task: string, place: TopicPartition, position: number, logStart: number, logEnd: number): Fault =>
  new Fault(
    'MR5041',
    'acquire-again',
    `the standby copy of ${task} follows ${partitionId(place.topic, place.partition)} at ${position}, but that has the range ${logStart} to ${logEnd}: it was truncated, deleted or made again. The copy is looked at again, and made anew where it must be`,
    { place: { task, ...place, offset: position } },
  )
