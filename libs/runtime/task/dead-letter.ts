/**
 * Dead letters: the original bytes with the headers of KIP-1034 and our own, so that other consoles can show and re-drive them
 * (operations.md). Pure.
 */
import type { Header, OutgoingRecord } from '../ports/log.ts'

export interface Refusal {
  readonly reason: string
  readonly message: string
  readonly stack: string | undefined
  /** Sub-topology or step that refused it. */
  readonly step: string
  /** 1 for the first try; higher when the record was found by a failed transaction. */
  readonly attempt: number
}

export interface RefusedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
}

/** Longest message and stack kept, characters: a dead letter must fit beside its record. */
const TEXT_MAX = 2_000

const header = (name: string, value: string): Header => [name, Buffer.from(value.slice(0, TEXT_MAX))]

/** `writer`: application and epoch, `<app>.v<n>/<epoch>`. `now`: the dead letter is stamped with the wall clock, since the original time may be what was wrong; it is kept in a header. */
export function deadLetter(record: RefusedRecord, refusal: Refusal, writer: string, now: number): OutgoingRecord {
  return {
    key: record.key,
    value: record.value,
    timestamp: now,
    headers: [
      ...record.headers,
      header('__streams.errors.exception', refusal.reason),
      header('__streams.errors.message', refusal.message),
      header('__streams.errors.stacktrace', refusal.stack ?? ''),
      header('__streams.errors.topic', record.topic),
      header('__streams.errors.partition', String(record.partition)),
      header('__streams.errors.offset', String(record.offset)),
      header('x-original-topic', record.topic),
      header('x-original-timestamp', String(record.timestamp)),
      header('millrace', writer),
      header('millrace-reason', refusal.reason),
      header('millrace-step', refusal.step),
      header('millrace-attempt', String(refusal.attempt)),
    ],
  }
}
