/** What failed in user code, or cannot be sent, and what it is called: a record that the re-run refuses, or a fault that stops the task. Pure. */
import { RecordRefused } from '../../dataflow/plan.ts'
import type { RefusalPolicy } from '../../dataflow/plan.ts'
import { Fault } from '../../faults/fault.ts'
import type { FaultPlace } from '../../faults/fault.ts'
import type { Refusal } from './dead-letter.ts'
import { poisonId } from './decode.ts'
import type { InputQueue } from './input-queue.ts'
import type { LogRecord } from '../ports/log.ts'
import type { TaskWiring } from '../worker/wiring.ts'
import type { ActiveLayer } from './active-layer.ts'

/** User code failed on a record, or its result cannot be sent: it is refused by the re-run. */
export class RecordFailed extends Error {
  override readonly name = 'RecordFailed'
  readonly id: string
  readonly refusal: Refusal
  readonly policy: RefusalPolicy
  constructor(id: string, refusal: Refusal, policy: RefusalPolicy, cause: unknown) {
    super(refusal.message, { cause })
    this.id = id
    this.refusal = refusal
    this.policy = policy
  }
}

/** A record together with the input that it came from. */
export interface ItemInHand {
  readonly queue: InputQueue
  readonly raw: LogRecord
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Faults of the world pass: they say themselves what to do. */
export function recordFailed(task: TaskWiring, { queue, raw }: ItemInHand, error: unknown): Error {
  if (error instanceof Fault) return error
  const reason = error instanceof RecordRefused ? error.reason : 'user-code'
  return refusedByRerun(task, { queue, raw }, reason, error)
}

/** The broker refuses, for good, what this record alone led to. */
export const recordTooLarge = (task: TaskWiring, item: ItemInHand, error: unknown): RecordFailed =>
  refusedByRerun(task, item, 'too-large', error)

function refusedByRerun(task: TaskWiring, { queue, raw }: ItemInHand, reason: string, error: unknown): RecordFailed {
  const refusal: Refusal = {
    reason,
    message: textOf(error),
    stack: error instanceof Error ? error.stack : undefined,
    step: task.subTopology.name,
    attempt: 2,
  }
  return new RecordFailed(poisonId(queue.wiring.id, raw.offset), refusal, queue.wiring.external?.onRefused ?? 'dead-letter', error)
}

/** Runs what event time, the clock or a commit makes due: no record is in hand there that could be set aside. */
export function byTime(task: TaskWiring, what: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw timerFailed(task, error, what)
  }
}

function timerFailed(task: TaskWiring, error: unknown, what: string): Fault {
  if (error instanceof Fault) return error
  if (error instanceof RecordRefused && error.reason === 'too-large') return resultTooLarge(task, error)
  return new Fault(
    'MR5032',
    'stop-task',
    `${what} of ${task.name} failed in user code: ${textOf(error)}. There is no record to set aside, so the task stops; mend the code and start again, nothing is lost`,
    { place: { task: task.name }, cause: error },
  )
}

/** What no single record has led to is too large, for us or for the broker. */
function resultTooLarge(task: TaskWiring, error: Error & { readonly place?: FaultPlace }): Fault {
  return new Fault(
    'MR5035',
    'stop-task',
    `${task.name}: what a timer, a window or a table has led to is too large for its topic: ${error.message}. There is no record to set aside, so the task stops; raise max.message.bytes of the topic, or make results and state smaller, and start again, nothing is lost`,
    { place: { ...error.place, task: task.name }, cause: error },
  )
}

/** A source that says `onRefused: 'stop'`. */
export function refusalStops(task: TaskWiring, { queue, raw }: ItemInHand, reason: string, message: string): Fault {
  const { topic, partition } = queue.wiring
  return new Fault(
    'MR6001',
    'stop-task',
    `${topic}-${partition}@${raw.offset} cannot be used (${reason}): ${message}. The source says onRefused: 'stop'; mend the record's producer and set onRefused to 'dead-letter' or 'skip' to pass it`,
    { place: { topic, partition, offset: raw.offset, task: task.name } },
  )
}

/** A refusal by the broker is told as that of the record that led to it, where that is known. */
export function refusedLayer(
  task: TaskWiring,
  error: unknown,
  layer: Pick<ActiveLayer, 'items' | 'lastRecord'>,
  wasCareful: boolean,
): unknown {
  if (!(error instanceof Fault) || error.action !== 'refuse-record') return error
  if (layer.items === 0 || (wasCareful && layer.lastRecord === undefined)) return resultTooLarge(task, error)
  return wasCareful && layer.lastRecord !== undefined ? recordTooLarge(task, layer.lastRecord, error) : error
}
