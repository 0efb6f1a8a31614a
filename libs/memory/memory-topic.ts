/**
 * One topic and its partitions: the log itself.
 *
 * Invariants:
 * 1. Entries are in offset order, with gaps where compaction took some; an offset is never given twice (except after `truncate`).
 * 2. An entry of a transaction is open until the transaction's marker is written, then committed or aborted for ever.
 * 3. `lastStable` is the first offset of the oldest open transaction, or the end. Below it nothing is open.
 * 4. Every change of the end, the last stable offset or the log start is told to the watchers, who must not act at once.
 */
import { assert } from '../faults/fault.ts'
import type { Header, LogRecord, OutgoingRecord } from '../runtime/ports/log.ts'
import { invalidRecord, tooLarge } from './memory-faults.ts'
import type { TopicSettings } from './topic-settings.ts'

export type Outcome = 'commit' | 'abort'

export interface Entry {
  readonly record: LogRecord
  /** A `commit` or `abort` marker takes an offset, and is never delivered. */
  readonly kind: 'data' | Outcome
  /** -1 outside transactions. */
  readonly producerId: number
  /** Size as a batch of its own. */
  readonly bytes: number
  state: 'open' | 'committed' | 'aborted'
}

/** A record as it went on the wire: own copies of all bytes. */
export interface WireRecord extends OutgoingRecord {
  readonly bytes: number
}

export interface ReadAnswer {
  readonly records: readonly LogRecord[]
  readonly next: number
  readonly bytes: number
}

const NO_ENTRIES: readonly LogRecord[] = Object.freeze([])
const MARKER_BYTES = 78

export class MemoryPartition {
  readonly topic: string
  readonly partition: number
  readonly settings: () => TopicSettings
  readonly watchers = new Set<() => void>()
  entries: Entry[] = []
  logStart = 0
  /** High watermark; there is one copy of the log, so it is the log end, too. */
  end = 0
  /** The topic was deleted: nothing of this object is a log any more. */
  deleted = false
  /** Entries of each open transaction by producer; the oldest transaction first, because a map keeps the order of insertion. */
  readonly #open = new Map<number, { first: number; entries: Entry[] }>()

  constructor(topic: string, partition: number, settings: () => TopicSettings) {
    this.topic = topic
    this.partition = partition
    this.settings = settings
  }

  get lastStable(): number {
    const oldest = this.#open.values().next()
    return oldest.done ? this.end : Math.max(this.logStart, oldest.value.first)
  }

  /** Throws the refusal of the first record that the topic would refuse; `indexFrom` is the index of the first record in the caller's list. */
  check(records: readonly WireRecord[], indexFrom: number, nowEpochMs: number): void {
    const settings = this.settings()
    for (const [index, record] of records.entries()) {
      const place = { topic: this.topic, partition: this.partition, offset: indexFrom + index }
      if (record.bytes > settings.messageBytesMax) throw tooLarge(place, record.bytes, settings.messageBytesMax)
      if (record.key === null && settings.compacted) throw invalidRecord(place, 'it has no key, and the topic is compacted')
      // -1 stands for "no timestamp" on the wire and is taken everywhere.
      if (settings.stampsOnAppend || record.timestamp === -1) continue
      if (record.timestamp - nowEpochMs > settings.timestampAfterMaxMs) {
        throw invalidRecord(
          place,
          `its timestamp ${record.timestamp} is more than ${settings.timestampAfterMaxMs} ms ahead of the broker's clock`,
        )
      }
      if (nowEpochMs - record.timestamp > settings.timestampBeforeMaxMs) {
        throw invalidRecord(
          place,
          `its timestamp ${record.timestamp} is more than ${settings.timestampBeforeMaxMs} ms behind the broker's clock`,
        )
      }
    }
  }

  /** Appends records that were checked. `producerId` -1: outside a transaction, committed at once. */
  append(records: readonly WireRecord[], producerId: number, nowEpochMs: number): { readonly first: number; readonly last: number } {
    assert(records.length > 0, 'an append has records')
    const first = this.end
    const stampsOnAppend = this.settings().stampsOnAppend
    let transaction = this.#open.get(producerId)
    if (producerId >= 0 && transaction === undefined) {
      transaction = { first, entries: [] }
      this.#open.set(producerId, transaction)
    }
    for (const { key, value, headers, timestamp, bytes } of records) {
      const record = { offset: this.end++, timestamp: stampsOnAppend ? nowEpochMs : timestamp, key, value, headers }
      const entry: Entry = { record, kind: 'data', producerId, bytes, state: transaction === undefined ? 'committed' : 'open' }
      this.entries.push(entry)
      transaction?.entries.push(entry)
    }
    this.#tell()
    return { first, last: this.end - 1 }
  }

  /** Writes the marker that ends a producer's transaction here. */
  endTransaction(producerId: number, outcome: Outcome, nowEpochMs: number): void {
    if (this.deleted) return
    const transaction = this.#open.get(producerId)
    const state = outcome === 'commit' ? 'committed' : 'aborted'
    for (const entry of transaction?.entries ?? []) entry.state = state
    this.#open.delete(producerId)
    const record = { offset: this.end++, timestamp: nowEpochMs, key: null, value: null, headers: [] }
    this.entries.push({ record, kind: outcome, producerId, bytes: MARKER_BYTES, state })
    this.#tell()
  }

  /** What a read-committed fetch answers: at least one entry if there is one, else bounded by bytes (aborted ones count, as on the wire). */
  read(position: number, bytesMax: number): ReadAnswer {
    const stable = this.lastStable
    const records: LogRecord[] = []
    let bytes = 0
    let index = this.indexOf(position)
    for (; ; index++) {
      const entry = this.entries[index]
      if (entry === undefined || entry.record.offset >= stable)
        return { records: records.length === 0 ? NO_ENTRIES : records, next: Math.max(position, stable), bytes }
      if (bytes > 0 && bytes + entry.bytes > bytesMax)
        return { records: records.length === 0 ? NO_ENTRIES : records, next: entry.record.offset, bytes }
      bytes += entry.bytes
      if (entry.kind === 'data' && entry.state === 'committed') records.push(entry.record)
    }
  }

  /** The first offset with this timestamp or a later one, markers included, as the broker's index finds it; else the end. */
  positionAt(timestamp: number): number {
    return this.entries.find((entry) => entry.record.timestamp >= timestamp)?.record.offset ?? this.end
  }

  moveLogStart(position: number): void {
    assert(position <= this.end, 'the log start stays within the log')
    if (position <= this.logStart) return
    this.logStart = position
    this.entries = this.entries.slice(this.indexOf(position))
    this.#tell()
  }

  /** Loses the tail, as after an unclean election of a leader. What a transaction wrote before the cut keeps its outcome. */
  truncate(end: number): void {
    assert(end >= this.logStart && end <= this.end, 'a log is cut within its bounds')
    this.entries = this.entries.slice(0, this.indexOf(end))
    this.end = end
    for (const [producerId, transaction] of this.#open) {
      if (transaction.first >= end) this.#open.delete(producerId)
      else transaction.entries = transaction.entries.filter((entry) => entry.record.offset < end)
    }
    this.#tell()
  }

  replaceEntries(entries: Entry[]): void {
    this.entries = entries
  }

  delete(): void {
    this.deleted = true
    this.#tell()
  }

  /** Index of the first entry at or after the position. */
  indexOf(position: number): number {
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.entries[middle]
      if (entry !== undefined && entry.record.offset < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #tell(): void {
    for (const watcher of this.watchers) watcher()
  }
}

export interface MemoryTopic {
  readonly name: string
  readonly id: string
  readonly replicationFactor: number
  settings: TopicSettings
  readonly partitions: MemoryPartition[]
}

/** What goes on the wire: copies, because the caller may use its buffers again. They are slices of a pool, as those of a real client. */
export function toWire(record: OutgoingRecord): WireRecord {
  const key = record.key === null ? null : Buffer.from(record.key)
  const value = record.value === null ? null : Buffer.from(record.value)
  const headers: readonly Header[] = record.headers.map(([name, bytes]) => [name, Buffer.from(bytes)] as const)
  return { key, value, headers, timestamp: record.timestamp, bytes: batchBytes(key, value, headers) }
}

/** Size of a batch (format v2) that holds this one record: 61 bytes of batch header, then the record with its variable-length integers. */
function batchBytes(key: Uint8Array | null, value: Uint8Array | null, headers: readonly Header[]): number {
  // Attributes, timestamp delta and offset delta take one byte each; a null has length -1, one byte.
  let bytes =
    3 +
    varintBytes(key?.length ?? -1) +
    (key?.length ?? 0) +
    varintBytes(value?.length ?? -1) +
    (value?.length ?? 0) +
    varintBytes(headers.length)
  for (const [name, content] of headers) {
    const nameBytes = Buffer.byteLength(name)
    bytes += varintBytes(nameBytes) + nameBytes + varintBytes(content.length) + content.length
  }
  return 61 + varintBytes(bytes) + bytes
}

/** Zigzag, seven bits a byte. */
function varintBytes(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let bytes = 1
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes++
  return bytes
}
