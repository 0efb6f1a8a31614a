/**
 * The inputs of a task: their queues, decoding ahead, and the choice of the next record (engine.md 4.1-4.3).
 *
 * Owns: the queues, and since when an input is waited for that is empty here and may have more at its broker.
 */
import type { TaskProgram } from '../../dataflow/plan.ts'
import { Fault } from '../../faults/fault.ts'
import { choose } from './chooser.ts'
import { NewerEpoch, decodeItem } from './decode.ts'
import type { Poison } from './decode.ts'
import { paceOf, shedOrKeep } from './flow-control.ts'
import { InputQueue } from './input-queue.ts'
import type { InputItem } from './input-queue.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { FetchedBatch, LogRecord, PartitionReader, TopicPartition } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'
import type { Pace } from '../switch/pace.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface InputsContext {
  readonly task: TaskWiring
  readonly settings: Settings
  readonly clock: Clock
  readonly poison: Poison
  /** Not by a version in shadow, in a batch, or below the position of a queue up to which its input was processed before. */
  readonly shedsFrom: ((queue: InputQueue) => number) | undefined
}

/**
 * Records decoded ahead for each partition: their state is read together, off the event loop. Asking another thread costs as much as 20
 * records; with 256 a record took a tenth more of the worker's thread than with 1,024, and with 4,096 no less (`make bench ONLY=stages`).
 */
const DECODE_AHEAD = 1024

export class TaskInputs {
  readonly queues: readonly InputQueue[]
  readonly #context: InputsContext
  readonly #epoch: number
  readonly #paces: ReadonlyMap<InputQueue, Pace>
  #waitingSince: number | undefined

  constructor(context: InputsContext, positions: Readonly<Record<string, number>>, epoch: number) {
    const { task, settings } = context
    this.#context = context
    this.#epoch = epoch
    this.queues = task.inputs.map((wiring, index) => new InputQueue(wiring, index, positions[wiring.id] ?? 0, settings.bufferBytesMax))
    this.#paces = new Map(this.queues.flatMap((queue) => [paceOf(queue)].flatMap((pace) => (pace === undefined ? [] : [[queue, pace]]))))
  }

  async decodeAhead(program: TaskProgram): Promise<void> {
    for (const queue of this.queues) {
      if (queue.decodedAhead > 0) continue
      const raws = queue.toDecode(DECODE_AHEAD)
      if (raws.length === 0) continue
      const items: InputItem[] = []
      // By index: in a function that waits, an iterator makes an object for each record.
      for (let index = 0; index < raws.length; index += 1) {
        const raw = raws[index] as LogRecord // index is inside: the loop's bound
        const prepared = program.prepare(queue.wiring.input, raw)
        if (prepared !== undefined) await prepared
        const item = this.#decode(program, queue, raw)
        if (item.kind === 'record') program.prefetch(item.record)
        items.push(item)
      }
      queue.addDecoded(items)
    }
  }

  #decode(program: TaskProgram, queue: InputQueue, raw: LogRecord): InputItem {
    const { task, poison, clock, shedsFrom } = this.#context
    try {
      const item = decodeItem(program, queue, raw, this.#epoch, poison)
      const shed = queue.wiring.external?.shed
      if (shed === undefined || shedsFrom === undefined || raw.offset < shedsFrom(queue)) return item
      return shedOrKeep(item, shed, clock)
    } catch (error) {
      if (!(error instanceof NewerEpoch)) throw error
      const { id, topic, partition } = queue.wiring
      throw new Fault(
        'MR5031',
        'acquire-again',
        `${task.name} read ${error.message} from ${id} and stands at epoch ${this.#epoch}: it is acquired again to follow the reset`,
        { place: { task: task.name, topic, partition, offset: raw.offset }, cause: error },
      )
    }
  }

  /** Some records wait and none of their partition is decoded. */
  get undecoded(): boolean {
    return this.queues.some((queue) => !queue.empty && queue.decodedAhead === 0)
  }

  /** An empty input that may have more at its broker is waited for, once for `maxIdleMs`, until it shows what it has. */
  patient(): boolean {
    if (!this.queues.some((queue) => queue.empty && !queue.ended)) this.#waitingSince = undefined
    return this.#waitingSince === undefined || this.#patienceLeft(this.#waitingSince) > 0
  }

  #patienceLeft(since: number): number {
    const { clock, settings } = this.#context
    return since + settings.maxIdleMs - clock.monotonic()
  }

  /** The queue to take from; undefined: nothing may be taken now. */
  next(patient: boolean): InputQueue | undefined {
    const chosen = choose(this.queues, patient)
    if (chosen !== 'wait') return this.#paces.size === 0 || chosen === undefined ? chosen : this.#atPace(chosen)
    this.#waitingSince ??= this.#context.clock.monotonic()
    return undefined
  }

  /** The order of the choice stays: nothing overtakes what waits for its source's rate. */
  #atPace(chosen: InputQueue): InputQueue | undefined {
    const pace = this.#paces.get(chosen)
    if (pace === undefined) return chosen
    if (pace.allowance(this.#context.clock.monotonic()) < 1) return undefined
    pace.took(1)
    return chosen
  }

  /** Milliseconds until a record may be taken that waits for its source's rate; Infinity: none does. */
  paceAllowsIn(): number {
    let soonest = Infinity
    for (const [queue, pace] of this.#paces) if (queue.head() !== undefined) soonest = Math.min(soonest, pace.waitMs())
    return soonest > 0 ? soonest : Infinity
  }

  /** Milliseconds until patience with an empty input is over; Infinity: none is waited for. */
  patienceEndsIn(): number {
    if (this.#waitingSince === undefined || this.queues.every((queue) => queue.empty || queue.ended)) return Infinity
    const left = this.#patienceLeft(this.#waitingSince)
    return left <= 0 ? Infinity : left
  }
}

/** Partitions that were paused because their queue was full, and that have room again. */
export function resumeReading(queues: readonly InputQueue[], reader: PartitionReader): void {
  for (const queue of queues) {
    if (!queue.paused || !queue.roomAgain) continue
    queue.paused = false
    reader.resume(queue.wiring)
  }
}

/** A batch for one of the queues. False: none of these. A batch from a wrong position is fetched again; a full queue pauses its partition. */
export function takeBatch(queues: readonly InputQueue[], batch: FetchedBatch, reader: PartitionReader): boolean {
  const queue = queues.find((one) => one.wiring.topic === batch.topic && one.wiring.partition === batch.partition)
  if (queue === undefined) return false
  if (!queue.push(batch)) {
    queue.paused = false
    reader.assign(queue.wiring, queue.expected)
    return false
  }
  if (queue.full && !queue.paused) {
    queue.paused = true
    reader.pause(queue.wiring)
  }
  return true
}

/** An input cannot be read on; the barrier finds out what that means. */
export const inputOutOfRange = ({ topic, partition }: TopicPartition, position: number, logStart: number, logEnd: number): Fault =>
  new Fault(
    'MR5034',
    'acquire-again',
    `${partitionId(topic, partition)} has the range ${logStart} to ${logEnd} and cannot be read from ${position}: it was truncated, re-created or its records were deleted while it was read`,
    { place: { topic, partition, offset: position } },
  )
