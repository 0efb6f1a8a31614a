/**
 * What travels through a repartition topic besides the user's bytes (engine.md 5). Pure.
 *
 *     data record     header `mr` = epoch u32 | stamp f64 (only where the stamp is above the event time) | 1 u8 (only where it repeats)
 *     watermark marker  key null, value null, header `mw` = epoch u32 | watermark f64 | name of the upstream task (UTF-8)
 *     cut marker        key null, value null, header `mc` = epoch u32 | watermark f64 | switch f64 | name of the upstream task (UTF-8)
 *
 * Header arrays without a stamp are one shared object per epoch: the encoder of the log recognises it by identity.
 */
import { asBuffer } from '../../dataflow/cells.ts'
import type { Header } from '../ports/log.ts'

const DATA = 'mr'
const MARKER = 'mw'
const CUT = 'mc'

export class RepartitionHeaders {
  /** What is written now comes of input that was processed before a reset of offsets: calls to the world are not made again for it. */
  repeated = false
  readonly #plain: readonly Header[]
  readonly #epoch: number

  constructor(epoch: number) {
    this.#epoch = epoch
    const value = Buffer.alloc(4)
    value.writeUInt32BE(epoch)
    this.#plain = Object.freeze([[DATA, value] as const])
  }

  /** Headers of a data record: the user's, then ours. */
  of(timestamp: number, stamp: number, user: readonly Header[]): readonly Header[] {
    if (this.repeated) return this.#repeatedOf(timestamp, stamp, user)
    if (stamp <= timestamp && user.length === 0) return this.#plain
    if (stamp <= timestamp) return [...user, ...this.#plain]
    const value = Buffer.alloc(12)
    value.writeUInt32BE(this.#epoch)
    value.writeDoubleBE(stamp, 4)
    return [...user, [DATA, value]]
  }

  #repeatedOf(timestamp: number, stamp: number, user: readonly Header[]): readonly Header[] {
    const stamped = stamp > timestamp
    const value = Buffer.alloc(stamped ? 13 : 5, 1)
    value.writeUInt32BE(this.#epoch)
    if (stamped) value.writeDoubleBE(stamp, 4)
    return [...user, [DATA, value]]
  }

  marker(task: string, watermark: number): readonly Header[] {
    const name = Buffer.from(task)
    const value = Buffer.alloc(12 + name.length)
    value.writeUInt32BE(this.#epoch)
    value.writeDoubleBE(watermark, 4)
    name.copy(value, 12)
    return [[MARKER, value]]
  }

  /** The task halts for the switch: nothing of it follows before a decision. */
  cut(task: string, watermark: number, s: number): readonly Header[] {
    const name = Buffer.from(task)
    const value = Buffer.alloc(20 + name.length)
    value.writeUInt32BE(this.#epoch)
    value.writeDoubleBE(watermark, 4)
    value.writeDoubleBE(s, 12)
    name.copy(value, 20)
    return [[CUT, value]]
  }
}

export type RepartitionMeaning =
  | {
      readonly kind: 'record'
      readonly epoch: number
      readonly stamp: number
      readonly repeated: boolean
      readonly headers: readonly Header[]
    }
  | { readonly kind: 'marker'; readonly epoch: number; readonly task: string; readonly watermark: number }
  | { readonly kind: 'cut'; readonly epoch: number; readonly task: string; readonly watermark: number; readonly s: number }
  /** Not written by Millrace: somebody else writes to an internal topic. */
  | { readonly kind: 'foreign' }

const DATA_LENGTHS: readonly number[] = [4, 5, 12, 13]
const NO_USER_HEADERS: readonly Header[] = Object.freeze([])

let lastHeaders: readonly Header[] | undefined
let lastMeaning: RepartitionMeaning = { kind: 'foreign' }

/** The decoder of the log gives one array to a run of records with equal headers, which nobody changes: read once. */
export function readRepartition(headers: readonly Header[]): RepartitionMeaning {
  if (headers === lastHeaders) return lastMeaning
  lastMeaning = meaningOf(headers)
  lastHeaders = headers
  return lastMeaning
}

function meaningOf(headers: readonly Header[]): RepartitionMeaning {
  const own = headers[headers.length - 1]
  if (own === undefined) return { kind: 'foreign' }
  const bytes = asBuffer(own[1])
  if (own[0] === DATA && DATA_LENGTHS.includes(bytes.length)) {
    return {
      kind: 'record',
      epoch: bytes.readUInt32BE(),
      stamp: bytes.length >= 12 ? bytes.readDoubleBE(4) : -Infinity,
      repeated: bytes.length % 2 === 1,
      headers: headers.length === 1 ? NO_USER_HEADERS : headers.slice(0, -1),
    }
  }
  if (own[0] === MARKER && bytes.length > 12)
    return { kind: 'marker', epoch: bytes.readUInt32BE(), watermark: bytes.readDoubleBE(4), task: bytes.toString('utf8', 12) }
  if (own[0] === CUT && bytes.length > 20) {
    const watermark = bytes.readDoubleBE(4)
    return { kind: 'cut', epoch: bytes.readUInt32BE(), watermark, s: bytes.readDoubleBE(12), task: bytes.toString('utf8', 20) }
  }
  return { kind: 'foreign' }
}
