/**
 * The bounded queue of one input partition: fetched batches wait here undecoded; a few records ahead are decoded (engine.md 4.1-4.3).
 *
 * Owns: the expected fetch position, the position behind the last record that was taken, the limit up to which records are given out, and
 * the pause of the partition.
 */
import type { InputRecord } from '../../dataflow/plan.ts'
import type { FetchedBatch, LogRecord, Records } from '../ports/log.ts'
import type { InputWiring } from '../worker/wiring.ts'

/** What stands next in a partition. Everything but a record is taken at once, whatever its time. */
export type InputItem =
  | {
      readonly kind: 'record'
      readonly record: InputRecord
      readonly stamp: number | undefined
      readonly repeated: boolean
      readonly raw: LogRecord
    }
  | { readonly kind: 'marker'; readonly task: string; readonly watermark: number; readonly raw: LogRecord }
  | { readonly kind: 'cut'; readonly task: string; readonly watermark: number; readonly s: number; readonly raw: LogRecord }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly message: string
      readonly stack: string | undefined
      readonly attempt: number
      readonly raw: LogRecord
    }
  /** Left out because the application is behind. `timestamp`: event time. */
  | { readonly kind: 'shed'; readonly timestamp: number; readonly raw: LogRecord }
  | { readonly kind: 'dropped'; readonly why: 'older-epoch' | 'foreign'; readonly raw: LogRecord }

interface WaitingBatch {
  readonly records: Records
  /** Behind everything of this batch, and of empty answers that followed it. */
  next: number
  readonly bytes: number
}

interface SpentBatch {
  /** Offset of its last record. */
  readonly last: number
  next: number
  readonly bytes: number
}

export class InputQueue {
  readonly wiring: InputWiring
  /** Index among the task's inputs, as TaskTime counts them. */
  readonly index: number
  readonly #bytesMax: number
  #batches: WaitingBatch[] = []
  #nextToDecode = 0
  #decoded: InputItem[] = []
  #taken = 0
  /** Batches whose records are all decoded but not all taken, oldest first. */
  #spent: SpentBatch[] = []
  #expected: number
  #position: number
  #bytes = 0
  #waiting = 0
  #end: number | undefined
  #limit = Infinity
  #atEnd = false
  /** Nothing at or behind this offset, and nothing with a later event time, may be taken now: the gate of a version in shadow. */
  #gate = Infinity
  #timeGate = Infinity
  #bounded = false
  paused = false

  constructor(wiring: InputWiring, index: number, position: number, bytesMax: number) {
    this.wiring = wiring
    this.index = index
    this.#bytesMax = bytesMax
    this.#expected = position
    this.#position = position
  }

  /** Behind the last record taken; behind control records too, once nothing else is left before them; the limit, once it is reached. */
  get position(): number {
    return this.#limit > this.#position && this.limitReached ? this.#limit : this.#position
  }
  /** The position that the next batch must have been fetched from. */
  get expected(): number {
    return this.#expected
  }
  get bytes(): number {
    return this.#bytes
  }
  get waiting(): number {
    return this.#waiting
  }
  /** Last stable offset, as the newest answer said; undefined before the first. */
  get end(): number | undefined {
    return this.#end
  }
  /** The newest answer reached the end of what can be read, or the limit, and all of it was taken. */
  get drained(): boolean {
    return (this.#atEnd && this.empty) || this.limitReached
  }
  /** Nothing waits that may be given out. */
  get empty(): boolean {
    return this.#waiting === 0 || (this.decodedAhead === 0 && this.#nextOffset() >= this.#limit)
  }

  /** Records at and behind this position are not given out; Infinity, the default: all are. */
  get limit(): number {
    return this.#limit
  }
  /** The first call sets it, later ones may only raise it. */
  limitTo(position: number): void {
    this.#limit = Math.max(position, this.#limit === Infinity ? position : this.#limit)
  }
  /** Nothing is left below the limit: offsets below it may be those of control, aborted or compacted records. */
  get limitReached(): boolean {
    return this.#limit <= this.#expected && this.empty
  }

  /** Offset of the first record that is not decoded yet; Infinity: none is here. */
  #nextOffset(): number {
    return this.#batches[0]?.records.offsetAt(this.#nextToDecode) ?? Infinity
  }
  get full(): boolean {
    return this.#bytes >= this.#bytesMax
  }
  get roomAgain(): boolean {
    return this.#bytes < this.#bytesMax / 2
  }

  /** False when the batch is not the expected one: it must be fetched again from `expected`. */
  push(batch: FetchedBatch): boolean {
    if (batch.fetchedFrom !== this.#expected) return false
    this.#end = batch.lastStable
    this.#atEnd = batch.next >= batch.highWatermark
    this.#expected = batch.next
    if (batch.records.length === 0) {
      // Control records only: they are passed together with what stands before them.
      const before = this.#batches.at(-1) ?? this.#spent.at(-1)
      if (before === undefined) this.#position = batch.next
      else before.next = batch.next
      return true
    }
    this.#batches.push({ records: batch.records, next: batch.next, bytes: batch.bytes })
    this.#bytes += batch.bytes
    this.#waiting += batch.records.length
    return true
  }

  /** The next records that are not decoded yet, at most `count` of the oldest batch. */
  toDecode(count: number): readonly LogRecord[] {
    const batch = this.#batches[0]
    if (batch === undefined) return []
    const next = batch.records.slice(this.#nextToDecode, this.#nextToDecode + count)
    return batch.next <= this.#limit ? next : next.filter((record) => record.offset < this.#limit)
  }

  get decodedAhead(): number {
    return this.#decoded.length - this.#taken
  }

  addDecoded(items: readonly InputItem[]): void {
    if (this.#taken > 0 && this.#taken === this.#decoded.length) {
      this.#decoded = []
      this.#taken = 0
    }
    for (const item of items) this.#decoded.push(item)
    this.#nextToDecode += items.length
    const batch = this.#batches[0]
    if (batch !== undefined && this.#nextToDecode >= batch.records.length) {
      this.#batches.shift()
      this.#nextToDecode = 0
      this.#spent.push({ last: batch.records.offsetAt(batch.records.length - 1) ?? -1, next: batch.next, bytes: batch.bytes })
    }
  }

  /** What may be taken next. */
  head(): InputItem | undefined {
    const item = this.#decoded[this.#taken]
    return this.#bounded && item !== undefined && this.#isBeyond(item) ? undefined : item
  }

  /** The gate: Infinity where there is none. Unlike the limit it may move both ways. */
  bound(position: number, time: number): void {
    this.#gate = position
    this.#timeGate = time
    this.#bounded = position !== Infinity || time !== Infinity
  }

  #isBeyond(item: InputItem): boolean {
    return item.raw.offset >= this.#gate || (item.kind === 'record' && item.record.timestamp > this.#timeGate)
  }

  /** Nothing is left that may be taken, for sure: at the end of the log, or at the bound (hole S14: offsets may be missing there). */
  get ended(): boolean {
    if (!this.#bounded) return this.drained
    const item = this.#decoded[this.#taken]
    if (item !== undefined) return this.#isBeyond(item)
    const next = this.#batches[0]?.records.offsetAt(this.#nextToDecode) ?? this.#expected
    return next >= this.#gate || this.drained
  }

  /** Takes the head. */
  take(): InputItem | undefined {
    const item = this.#decoded[this.#taken]
    if (item === undefined) return undefined
    this.#taken += 1
    this.#waiting -= 1
    this.#position = item.raw.offset + 1
    const spent = this.#spent[0]
    if (spent !== undefined && item.raw.offset === spent.last) this.#passSpent()
    return item
  }

  #passSpent(): void {
    const first = this.#spent.shift()
    if (first === undefined) return
    this.#position = first.next
    this.#bytes -= first.bytes
  }

  /** Log time of the oldest record that waits; undefined when none does. */
  oldestTimestamp(): number | undefined {
    return this.#decoded[this.#taken]?.raw.timestamp ?? this.#batches[0]?.records.timestampAt(this.#nextToDecode)
  }
}
