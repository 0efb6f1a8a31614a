/**
 * From a record of the log to an item of an input queue: repartition envelope, formats, event time, refusals.
 * No effect on state: what is refused here can be dead-lettered in the same transaction.
 */
import { RecordRefused } from '../../dataflow/plan.ts'
import type { TaskProgram } from '../../dataflow/plan.ts'
import type { InputItem, InputQueue } from './input-queue.ts'
import type { LogRecord } from '../ports/log.ts'
import { readRepartition } from './repartition-record.ts'
import type { Refusal } from './dead-letter.ts'

/** Refusals found by a failed transaction, by 'topic:partition:offset': the re-run dead-letters these records. */
export interface Poison {
  readonly size: number
  get(id: string): Refusal | undefined
}

export const poisonId = (id: string, offset: number): string => `${id}:${offset}`

/** Thrown for a repartition record of an epoch that this task has not reached: it must reset first (engine.md 6.1). */
export class NewerEpoch extends Error {
  override readonly name = 'NewerEpoch'
  readonly epoch: number
  constructor(epoch: number) {
    super(`a record of epoch ${epoch}`)
    this.epoch = epoch
  }
}

export function decodeItem(program: TaskProgram, queue: InputQueue, raw: LogRecord, epoch: number, poison: Poison): InputItem {
  const { wiring } = queue
  let headers = raw.headers
  let stamp: number | undefined
  let repeated = false
  if (wiring.repartition !== undefined) {
    const meaning = readRepartition(raw.headers)
    if (meaning.kind === 'foreign') return { kind: 'dropped', why: 'foreign', raw }
    if (meaning.epoch < epoch) return { kind: 'dropped', why: 'older-epoch', raw }
    if (meaning.epoch > epoch) throw new NewerEpoch(meaning.epoch)
    if (meaning.kind === 'cut') return { kind: 'cut', task: meaning.task, watermark: meaning.watermark, s: meaning.s, raw }
    if (meaning.kind === 'marker') return { kind: 'marker', task: meaning.task, watermark: meaning.watermark, raw }
    headers = meaning.headers
    stamp = meaning.stamp
    repeated = meaning.repeated
  }
  // Only now: a record of an older epoch is dropped in this one, also when it has failed in its own.
  if (poison.size > 0) {
    const refusal = poison.get(poisonId(wiring.id, raw.offset))
    if (refusal !== undefined) return { kind: 'refused', ...refusal, raw }
  }
  try {
    const record = program.read(wiring.input, wiring.partition, raw, headers)
    return { kind: 'record', record, stamp, repeated, raw }
  } catch (error) {
    if (!(error instanceof RecordRefused)) throw error
    return { kind: 'refused', reason: error.reason, message: error.message, stack: undefined, attempt: 1, raw }
  }
}
