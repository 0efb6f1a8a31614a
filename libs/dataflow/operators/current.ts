/**
 * The record in hand, as user functions see it (Meta) and as operators need it. One object for each task; getters make what is
 * rarely asked for.
 */
import type { KeyBytes } from '../cells.ts'
import type { Header, InputRecord } from '../plan.ts'
import type { Meta } from '../records.ts'

export const NO_HEADERS: readonly Header[] = Object.freeze([])
const NO_HEADER_MAP: ReadonlyMap<string, Uint8Array> = new Map()

/** Topic and offset of what has no place in the log. */
const NO_TOPIC = ''
const NO_OFFSET = -1

export class Current implements Meta<unknown> {
  key: unknown = null
  keyBytes: KeyBytes = ''
  timestamp = 0
  /** Watermark of the origin partition just before the record; -Infinity for results fired by time. */
  stamp = -Infinity
  rawHeaders: readonly Header[] = NO_HEADERS
  /** Some step kept, counted or wrote it. */
  reached = false
  /** Some step was closed for it. */
  late = false
  /** Of the origin; the task's own for results fired by time. */
  partition: number
  readonly #topics: readonly string[]
  readonly #ownPartition: number
  #topic = NO_TOPIC
  #offset = NO_OFFSET

  /** `topics`: names of the inputs. */
  constructor(topics: readonly string[], partition: number) {
    this.#topics = topics
    this.#ownPartition = partition
    this.partition = partition
  }

  /** Takes a record of the log in hand. */
  take(record: InputRecord, stamp: number): void {
    this.key = record.key
    this.keyBytes = record.keyBytes
    this.timestamp = record.timestamp
    this.stamp = stamp
    this.rawHeaders = record.headers
    this.reached = false
    this.late = false
    this.partition = record.partition
    this.#topic = this.#topics[record.input] ?? NO_TOPIC
    this.#offset = record.offset
  }

  /** Takes in hand what no single record causes. */
  fire(key: unknown, keyBytes: KeyBytes, timestamp: number, stamp: number): void {
    this.key = key
    this.keyBytes = keyBytes
    this.timestamp = timestamp
    this.stamp = stamp
    this.rawHeaders = NO_HEADERS
    this.partition = this.#ownPartition
    this.#topic = NO_TOPIC
    this.#offset = NO_OFFSET
  }

  get headers(): ReadonlyMap<string, Uint8Array> {
    return this.rawHeaders.length === 0 ? NO_HEADER_MAP : new Map(this.rawHeaders)
  }

  get position(): { readonly topic: string; readonly partition: number; readonly offset: bigint } {
    return { topic: this.#topic, partition: this.partition, offset: BigInt(this.#offset) }
  }
}
