/** The ends of a sub-topology: sinks and repartition topics. They encode, choose the partition as Java does, and hand over. */
import { asBuffer } from '../cells.ts'
import type { KeyBytes } from '../cells.ts'
import type { AnyFormat, Format } from '../format.ts'
import { keyCodecOf } from '../key-bytes.ts'
import type { KeyCodec } from '../key-bytes.ts'
import { none } from '../formats.ts'
import { partitionOf } from '../murmur2.ts'
import { RecordRefused } from '../plan.ts'
import type { Header, StepCounters, TaskHost } from '../plan.ts'
import { decodeStructured, encodeStructured, isJsonPlain } from '../structured-codec.ts'
import type { Current } from './current.ts'
import type { ChangeReceiver, Receiver } from './operator.ts'
import { ORIGIN, trailerBytes, TRAILER_END_BYTES, writeTrailer } from './origin.ts'
import { promised } from './stateless.ts'

export interface SinkParts {
  readonly host: TaskHost
  readonly output: number
  readonly topic: string
  readonly keyFormat: AnyFormat
  readonly valueFormat: AnyFormat
  /** Format of the stream's keys: when it is the topic's, the bytes go on as they are. */
  readonly streamKey: AnyFormat | undefined
  readonly counters: StepCounters
}

/** Encodes and hands over; shared by stream sinks and table sinks. */
class Writer {
  readonly #parts: SinkParts
  readonly #keys: KeyCodec | undefined
  readonly #keyless: boolean
  // Values come from steps whose types the compiler compared with the topic's.
  readonly #value: Format<unknown>

  constructor(parts: SinkParts) {
    this.#parts = parts
    this.#keyless = parts.keyFormat === none
    this.#keys = parts.keyFormat === parts.streamKey ? undefined : keyCodecOf(parts.keyFormat)
    this.#value = parts.valueFormat
  }

  write(value: unknown, current: Current): void {
    const { host, output, counters } = this.#parts
    counters.records += 1
    current.reached = true
    const key = this.#keyless || current.key === null || this.#parts.streamKey === undefined ? undefined : this.#keyBytes(current)
    const encoded = value === null ? null : this.#encode(value)
    const partitions = host.partitionsOf(output)
    const partition = key === undefined ? current.partition % partitions : partitionOf(key, partitions)
    host.emit(
      output,
      partition,
      key ?? null,
      encoded,
      current.timestamp,
      current.stamp,
      host.tellsOrigins === true ? withOrigin(current) : current.outgoingHeaders(),
    )
    counters.results += 1
  }

  #keyBytes(current: Current): KeyBytes {
    return this.#keys === undefined ? current.keyBytes : this.#keys.toBytes(current.key)
  }

  #encode(value: unknown): Uint8Array {
    try {
      return this.#value.encode(value)
    } catch (error) {
      if (value instanceof Promise) throw promised(`the step before to(${this.#parts.topic})`, value)
      if (error instanceof RecordRefused)
        throw new RecordRefused(error.reason, `a result for ${this.#parts.topic} is refused: ${error.message}`, error)
      throw error
    }
  }
}

function withOrigin(current: Current): readonly Header[] {
  const path = current.origin().path(current.index)
  const headers = current.outgoingHeaders()
  return path === undefined ? headers : [...headers, [ORIGIN, path]]
}

/** The value, and behind it the path of its origin. `readFrom`: the bytes that it is, if they are known. */
function encodeTravelling(value: unknown, current: Current, readFrom: Uint8Array | undefined): Uint8Array {
  const origin = current.origin()
  const size = origin.bytesOf(current.index)
  const room = size === 0 ? 0 : size + TRAILER_END_BYTES
  const encoded = readFrom === undefined ? encodeStructured(value, room) : withRoom(readFrom, room)
  if (room > 0) writeTrailer(encoded, encoded.length - room, origin, current.index)
  return encoded
}

/** Without the path that may stand behind it. */
function withRoom(value: Uint8Array, room: number): Uint8Array {
  const end = value.length - trailerBytes(value)
  const bytes = Buffer.allocUnsafe(end + room)
  asBuffer(value).copy(bytes, 0, 0, end)
  return bytes
}

/** Larger ones are written anew: that may be shorter, and not every topic takes what another took. */
const AS_READ_BYTES_MAX = 64 * 1024
/** Text of so many bytes is not as deep as what the engine's own form refuses. */
const SHALLOW_BYTES_MAX = 512

export class SinkOperator implements Receiver {
  readonly #writer: Writer
  readonly #acceptsNull: boolean
  readonly #topic: string
  constructor(parts: SinkParts) {
    this.#writer = new Writer(parts)
    this.#acceptsNull = parts.valueFormat.acceptsNull === true
    this.#topic = parts.topic
  }
  push(value: unknown, current: Current): void {
    if (value === undefined || (value === null && !this.#acceptsNull)) {
      throw new RecordRefused(
        'null-value',
        `a result for ${this.#topic} is ${String(value)}: drop records with filter() or flatMap(), or give the topic nullable(format)`,
      )
    }
    this.#writer.write(value, current)
  }
}

/** Rows that are gone become tombstones. */
export class TableSinkOperator implements ChangeReceiver {
  readonly #writer: Writer
  constructor(parts: SinkParts) {
    this.#writer = new Writer(parts)
  }
  change(_before: unknown, after: unknown, current: Current): void {
    this.#writer.write(after ?? null, current)
  }
}

/**
 * Writes into a repartition topic: values in the engine's own form, timestamp, stamp and headers of the record. Values that are as they were
 * read go on as the bytes that they came as, where these are that form.
 */
export class RepartitionWriter {
  readonly #host: TaskHost
  readonly #output: number
  readonly #keys: KeyCodec
  readonly #valuesAreAsRead: boolean
  constructor(host: TaskHost, output: number, keyFormat: AnyFormat, valuesAreAsRead: boolean) {
    this.#host = host
    this.#output = output
    this.#keys = keyCodecOf(keyFormat)
    this.#valuesAreAsRead = valuesAreAsRead
  }

  keyBytes(key: unknown): KeyBytes {
    return this.#keys.toBytes(key)
  }

  write(key: KeyBytes, value: unknown, current: Current): void {
    const host = this.#host
    const partition = partitionOf(key, host.partitionsOf(this.#output))
    host.emit(
      this.#output,
      partition,
      key,
      encodeTravelling(value, current, this.#bytesOf(value, current)),
      current.timestamp,
      current.stamp,
      current.outgoingHeaders(),
    )
    current.reached = true
  }

  /** Undefined: it is to be encoded. What user code has changed in place is lost, whatever the size. */
  #bytesOf(value: unknown, { valueBytes }: Current): Uint8Array | undefined {
    if (!this.#valuesAreAsRead || valueBytes === undefined) return undefined
    if (this.#host.findsChangedValues === true) assertUnchanged(value, valueBytes)
    if (valueBytes.length <= SHALLOW_BYTES_MAX) return valueBytes
    if (valueBytes.length > AS_READ_BYTES_MAX) return writtenAnew(valueBytes)
    return isJsonPlain(value) ? valueBytes : undefined
  }
}

const writtenAnew = (value: Uint8Array): Uint8Array => encodeStructured(decodeStructured(value, trailerBytes(value)))

function assertUnchanged(value: unknown, bytes: Uint8Array): void {
  if (Buffer.compare(encodeStructured(value), writtenAnew(bytes)) === 0) return
  throw new TypeError('user code has changed a value in place that the next stage gets as it was read: give another value, with map()')
}

export class KeyByOperator implements Receiver {
  readonly #key: (value: unknown) => unknown
  readonly #writer: RepartitionWriter
  readonly #counters: StepCounters
  constructor(key: (value: unknown) => unknown, writer: RepartitionWriter, counters: StepCounters) {
    this.#key = key
    this.#writer = writer
    this.#counters = counters
  }
  push(value: unknown, current: Current): void {
    this.#counters.records += 1
    this.#writer.write(this.#writer.keyBytes(this.#key(value)), value, current)
    this.#counters.results += 1
  }
}

/** A changed row travels as [before, after], null where there is no row; when its group changes, as two records. */
export class GroupByOperator implements ChangeReceiver {
  readonly #key: (value: unknown, key: unknown) => unknown
  readonly #writer: RepartitionWriter
  readonly #counters: StepCounters
  constructor(key: (value: unknown, key: unknown) => unknown, writer: RepartitionWriter, counters: StepCounters) {
    this.#key = key
    this.#writer = writer
    this.#counters = counters
  }
  change(before: unknown, after: unknown, current: Current): void {
    this.#counters.records += 1
    const writer = this.#writer
    const from = before === undefined ? undefined : writer.keyBytes(this.#key(before, current.key))
    const to = after === undefined ? undefined : writer.keyBytes(this.#key(after, current.key))
    if (from !== undefined && from === to) {
      this.#write(from, [before, after], current)
      return
    }
    if (from !== undefined) this.#write(from, [before, null], current)
    if (to !== undefined) this.#write(to, [null, after], current)
  }

  #write(key: KeyBytes, change: readonly unknown[], current: Current): void {
    this.#writer.write(key, change, current)
    this.#counters.results += 1
  }
}
