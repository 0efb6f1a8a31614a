/**
 * Changelog records: how changes of state are written to a step's changelog topic, and read back (engine.md 3). Pure.
 *
 *   key     fence 00 | reset 01 | change 02 followed by cell and entry (key-layout.ts): no user key can collide with the others
 *   value   change: the encoded value, null deletes · fence: a nonce · reset: empty
 *   header  e: epoch, varint
 */
import type { Header } from '../dataflow/plan.ts'
import { Fault } from '../faults/fault.ts'
import { FENCE, RESET, USER } from './key-layout.ts'

/** One changed key of a frozen layer. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  /** Kind byte and `key` as one piece; present where the change comes from a frozen layer. */
  readonly recordKey?: Uint8Array
}

interface Outgoing {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: readonly Header[]
}

export const fenceKey: Uint8Array = Buffer.from([FENCE])
export const resetKey: Uint8Array = Buffer.from([RESET])

export const EPOCH_HEADER = 'e'

export const encodeUser = (key: Uint8Array): Uint8Array => Buffer.concat([Buffer.from([USER]), key])

export function encodeEpoch(epoch: number): Uint8Array {
  const bytes: number[] = []
  let rest = epoch
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Buffer.from([...bytes, rest])
}

export function decodeEpoch(bytes: Uint8Array): number {
  let epoch = 0
  let scale = 1
  for (const byte of bytes) {
    epoch += (byte & 0x7f) * scale
    scale *= 0x80
  }
  return epoch
}

let lastEpoch = -1
let lastHeaders: readonly Header[] = []

/** One shared array for each epoch, so that the log's encoder sees that it is the same. */
function epochHeaders(epoch: number): readonly Header[] {
  if (epoch !== lastEpoch) {
    lastEpoch = epoch
    lastHeaders = Object.freeze([[EPOCH_HEADER, encodeEpoch(epoch)] as const])
  }
  return lastHeaders
}

/** The record that says a change. */
export function userChangelogRecord(change: Change, epoch: number, timestamp: number): Outgoing {
  return { key: change.recordKey ?? encodeUser(change.key), value: change.value, timestamp, headers: epochHeaders(epoch) }
}

/** The record that says: everything before it belongs to an older epoch. It has its own key and is never deleted (hole H4). */
export function resetChangelogRecord(epoch: number, timestamp: number): Outgoing {
  return { key: resetKey, value: new Uint8Array(0), timestamp, headers: epochHeaders(epoch) }
}

export type ChangelogKind = 'user' | 'fence' | 'reset'

/** Of a record whose key begins with this byte; undefined: it has no key. Fault MR4011 when the record is not of a changelog. */
export function changelogKind(first: number | undefined): ChangelogKind {
  switch (first) {
    case USER:
      return 'user'
    case FENCE:
      return 'fence'
    case RESET:
      return 'reset'
    case undefined:
      throw foreign('has no key')
    default:
      throw foreign(`has a key of the unknown kind ${first}`)
  }
}

let lastRead: readonly Header[] = []
let lastReadEpoch = 0

/** 0: it has none. Records of one producer share their headers: a log gives the same array for a run of them. */
export function changelogEpoch(headers: readonly Header[]): number {
  if (headers !== lastRead) {
    const own = headers.find(([name]) => name === EPOCH_HEADER)
    lastReadEpoch = own === undefined ? 0 : decodeEpoch(own[1])
    lastRead = headers
  }
  return lastReadEpoch
}

const foreign = (why: string): Fault =>
  new Fault(
    'MR4011',
    'stop-task',
    `a record of the changelog ${why}: another program, or a newer release of Millrace, has written to the topic. Find out which; to rebuild the state use a new version of the application`,
  )
