/**
 * The records of an answer as numbers: where each stands in the memory of its batch. A record is made when it is asked for.
 *
 * An answer holds thousands of records, which wait for their turn. As objects they would outlive the young generation of the heap: each would
 * be copied twice and collected late. As numbers they are outside of it.
 */
import type { Header, LogRecord, Records, SeeRecord } from '../../runtime/ports/log.ts'
import { NO_HEADERS, NULL_SIZE } from '../../runtime/ports/log.ts'

/** Of each record: offset in its batch, begin and size of the key, begin and size of the value. A negative size: null. */
const PLACES = 5
/** What a record takes at least: its size, attributes, time, offset, the sizes of key and value, the number of headers. */
const RECORD_BYTES_MIN = 7

/** The records of one batch. */
export class RecordRun {
  readonly #bytes: Buffer
  readonly #baseOffset: number
  readonly #places: Int32Array
  readonly #timestamps: Float64Array
  /** Undefined: none has any, so far. */
  #headers: (readonly Header[])[] | undefined
  #length = 0

  /** `count`, which the batch says of itself, is believed as far as its bytes reach. */
  constructor(bytes: Buffer, baseOffset: number, count: number) {
    const most = Math.min(Math.max(0, count), Math.floor(bytes.length / RECORD_BYTES_MIN))
    this.#bytes = bytes
    this.#baseOffset = baseOffset
    this.#places = new Int32Array(PLACES * most)
    this.#timestamps = new Float64Array(most)
  }

  get length(): number {
    return this.#length
  }

  /** Sizes below 0 are those of null. */
  add(
    offset: number,
    timestamp: number,
    keyFrom: number,
    keySize: number,
    valueFrom: number,
    valueSize: number,
    headers: readonly Header[],
  ): void {
    const index = this.#length++
    const places = this.#places
    const at = index * PLACES
    places[at] = offset - this.#baseOffset
    places[at + 1] = keyFrom
    places[at + 2] = keySize
    places[at + 3] = valueFrom
    places[at + 4] = valueSize
    this.#timestamps[index] = timestamp
    if (headers.length > 0) this.#headers ??= Array.from({ length: index }, () => NO_HEADERS)
    this.#headers?.push(headers)
  }

  offsetAt(index: number): number {
    return this.#baseOffset + (this.#places[index * PLACES] ?? Number.NaN)
  }

  timestampAt(index: number): number {
    return this.#timestamps[index] ?? Number.NaN
  }

  at(index: number): LogRecord {
    const at = index * PLACES
    return {
      offset: this.offsetAt(index),
      timestamp: this.timestampAt(index),
      key: this.#bytesAt(at + 1),
      value: this.#bytesAt(at + 3),
      headers: this.#headers?.[index] ?? NO_HEADERS,
    }
  }

  look(from: number, to: number, see: SeeRecord): void {
    const places = this.#places
    for (let index = from; index < to; index += 1) {
      const at = index * PLACES
      see(
        this.#bytes,
        places[at + 1] ?? 0,
        places[at + 2] ?? NULL_SIZE,
        places[at + 3] ?? 0,
        places[at + 4] ?? NULL_SIZE,
        this.#headers?.[index] ?? NO_HEADERS,
      )
    }
  }

  #bytesAt(place: number): Buffer | null {
    const from = this.#places[place] ?? 0
    const size = this.#places[place + 1] ?? NULL_SIZE
    return size < 0 ? null : this.#bytes.subarray(from, from + size)
  }
}

/** The records of several batches, one after another. */
export class PackedRecords implements Records {
  readonly #runs: RecordRun[] = []
  #length = 0
  /** Where it was looked last: a reader goes on from there. */
  #run = 0
  /** Records before that run. */
  #before = 0

  get length(): number {
    return this.#length
  }

  /** It is complete. */
  add(run: RecordRun): void {
    if (run.length === 0) return
    this.#runs.push(run)
    this.#length += run.length
  }

  offsetAt(index: number): number | undefined {
    return this.#find(index)?.offsetAt(index - this.#before)
  }

  timestampAt(index: number): number | undefined {
    return this.#find(index)?.timestampAt(index - this.#before)
  }

  slice(from: number, to: number): readonly LogRecord[] {
    const records: LogRecord[] = []
    this.#eachRun(from, to, (run, begin, end) => {
      for (let own = begin; own < end; own += 1) records.push(run.at(own))
    })
    return records
  }

  look(from: number, to: number, see: SeeRecord): void {
    this.#eachRun(from, to, (run, begin, end) => run.look(begin, end, see))
  }

  #eachRun(from: number, to: number, take: (run: RecordRun, begin: number, end: number) => void): void {
    const end = Math.min(to, this.#length)
    for (let index = from; index < end;) {
      const run = this.#find(index)
      if (run === undefined) break
      const before = this.#before
      const until = Math.min(run.length, end - before)
      take(run, index - before, until)
      index = before + until
    }
  }

  *[Symbol.iterator](): Iterator<LogRecord> {
    for (const run of this.#runs) for (let index = 0; index < run.length; index += 1) yield run.at(index)
  }

  /** The run that has the record; `#before` then counts those before it. */
  #find(index: number): RecordRun | undefined {
    if (index < 0 || index >= this.#length) return undefined
    if (index < this.#before) {
      this.#run = 0
      this.#before = 0
    }
    for (let run = this.#runs[this.#run]; run !== undefined; run = this.#runs[++this.#run]) {
      if (index < this.#before + run.length) return run
      this.#before += run.length
    }
    return undefined
  }
}
