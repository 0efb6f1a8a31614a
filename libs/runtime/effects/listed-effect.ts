/** A call that a version in shadow did not make, as a record of its effects topic. Pure. */
import { fromKeyBytes } from '../../dataflow/cells.ts'
import type { EffectCall } from '../../dataflow/plan.ts'
import { decodeStructured, encodeStructured } from '../../dataflow/structured-codec.ts'
import { isRecord } from '../json.ts'
import type { LogRecord, OutgoingRecord } from '../ports/log.ts'

export interface ListedEffect {
  readonly step: string
  readonly task: string
  readonly key: unknown
  readonly value: unknown
  /** '' for results fired by time. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export function listedEffect({ step, key, keyBytes, value, position }: EffectCall, task: string, now: number): OutgoingRecord {
  const { topic, partition, offset } = position
  const listed: ListedEffect = { step, task, key, value, topic, partition, offset: Number(offset) }
  return { key: fromKeyBytes(keyBytes), value: encodeStructured(listed), timestamp: now, headers: [] }
}

/** Undefined for a record that Millrace did not write. */
export function readListedEffect(record: LogRecord): ListedEffect | undefined {
  const value = record.value === null ? undefined : decodeStructured(record.value)
  // Written by listedEffect.
  return isRecord(value) && typeof value['step'] === 'string' ? (value as unknown as ListedEffect) : undefined
}
