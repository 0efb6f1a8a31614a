/**
 * The record in hand, as user functions see it (Meta) and as operators need it. One object for each task; getters make what is
 * rarely asked for.
 */
import { fromKeyBytes, toKeyBytes } from '../cells.ts'
import type { KeyBytes } from '../cells.ts'
import type { Header, InputRecord } from '../plan.ts'
import type { Meta } from '../records.ts'
import { Origin, placeOf } from './origin.ts'

export const NO_HEADERS: readonly Header[] = Object.freeze([])
const NO_HEADER_MAP: ReadonlyMap<string, Uint8Array> = new Map()

/** Header of a result that no single position of the input causes: a switch compares by it what two versions have given. */
export const IDENTITY = 'millrace-id'
const toIdentity = (identity: string, index: number): KeyBytes => (index === 0 ? identity : `${identity}#${index}`)

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
  /** Who the result fired by time is: step, time and key. Undefined for what a record of the log caused. */
  #fired: string | undefined
  /** Results written of what is in hand. */
  #written = 0
  readonly #topics: readonly string[]
  readonly #ownPartition: number
  #topic = NO_TOPIC
  #offset = NO_OFFSET
  #input = 0
  #valueBytes: Uint8Array | undefined
  #travelled = false
  readonly #origin = new Origin()
  /** Of each input, by partition. */
  readonly #places: number[][] = []

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
    this.#fired = undefined
    this.#written = 0
    this.#topic = this.#topics[record.input] ?? NO_TOPIC
    this.#offset = record.offset
    this.#input = record.input
    this.#valueBytes = record.valueBytes
    this.#travelled = record.travelled
  }

  /** Takes in hand what no single record causes. `identity`: what tells it from all others, the same in every version (engine.md 6.2). */
  fire(key: unknown, keyBytes: KeyBytes, timestamp: number, stamp: number, identity?: string): void {
    this.key = key
    this.keyBytes = keyBytes
    this.timestamp = timestamp
    this.stamp = stamp
    this.rawHeaders = NO_HEADERS
    this.partition = this.#ownPartition
    this.#fired = identity
    this.#written = 0
    this.#topic = NO_TOPIC
    this.#offset = NO_OFFSET
  }

  /** Of the result that is written next. */
  get index(): number {
    return this.#written
  }

  /** The bytes that the value of the record in hand was read from, as in InputRecord. Not of what time has fired. */
  get valueBytes(): Uint8Array | undefined {
    return this.#offset === NO_OFFSET ? undefined : this.#valueBytes
  }

  /** Of what is in hand. What time has fired has none, but an identity. */
  origin(): Origin {
    const origin = this.#origin
    if (this.#offset === NO_OFFSET) origin.none()
    else if (this.#travelled && this.#valueBytes !== undefined) origin.repartition(this.#valueBytes)
    else origin.external(this.#place(), this.#offset)
    return origin
  }

  #place(): number {
    const places = (this.#places[this.#input] ??= [])
    return (places[this.partition] ??= placeOf(this.#topic, this.partition))
  }

  /** Headers of the result that is written now: those of the record, and the identity of what was fired by time here or in a stage before. */
  outgoingHeaders(): readonly Header[] {
    const index = this.#written++
    if (this.#fired !== undefined) return [[IDENTITY, fromKeyBytes(toIdentity(this.#fired, index))]]
    if (index === 0 || this.rawHeaders.length === 0) return this.rawHeaders
    return this.rawHeaders.map((header) =>
      header[0] === IDENTITY ? [IDENTITY, fromKeyBytes(toIdentity(toKeyBytes(header[1]), index))] : header,
    )
  }

  get headers(): ReadonlyMap<string, Uint8Array> {
    return this.rawHeaders.length === 0 ? NO_HEADER_MAP : new Map(this.rawHeaders)
  }

  get position(): { readonly topic: string; readonly partition: number; readonly offset: bigint } {
    return { topic: this.#topic, partition: this.partition, offset: BigInt(this.#offset) }
  }
}
