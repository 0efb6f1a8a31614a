/** From a record of the log to a value with event time, or the reason why not. No effect on state. */
import { toKeyBytes } from './cells.ts'
import type { KeyBytes } from './cells.ts'
import { Fault } from '../faults/fault.ts'
import { millisOf } from './event-time.ts'
import type { AnyFormat } from './format.ts'
import { none } from './formats.ts'
import { readsPlainJson } from './json-format.ts'
import { trailerBytes } from './operators/origin.ts'
import { keyCodecOf } from './key-bytes.ts'
import type { KeyCodec } from './key-bytes.ts'
import { RecordRefused } from './plan.ts'
import type { ExternalInput, Header, InputRecord, RawRecord } from './plan.ts'
import { decodeStructured } from './structured-codec.ts'

class DecodedRecord implements InputRecord {
  readonly input: number
  readonly partition: number
  readonly offset: number
  readonly key: unknown
  readonly keyBytes: KeyBytes
  readonly value: unknown
  readonly timestamp: number
  readonly headers: readonly Header[]
  readonly valueBytes: Uint8Array | undefined
  readonly travelled: boolean

  constructor(
    input: number,
    partition: number,
    raw: RawRecord,
    headers: readonly Header[],
    key: unknown,
    keyBytes: KeyBytes,
    value: unknown,
    timestamp: number,
    valueBytes: Uint8Array | undefined,
    travelled: boolean,
  ) {
    this.input = input
    this.partition = partition
    this.offset = raw.offset
    this.key = key
    this.keyBytes = keyBytes
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
    this.valueBytes = valueBytes
    this.travelled = travelled
  }
}

export interface SourceReader {
  read(input: number, partition: number, raw: RawRecord, headers: readonly Header[]): InputRecord
  prepare(raw: RawRecord): Promise<void> | undefined
}

export interface SourceParts {
  readonly plan: ExternalInput
  readonly eventTime: ((value: unknown) => unknown) | undefined
  /** A table reads it: null deletes a row. */
  readonly tombstones: boolean
  now(): number
}

export class ExternalReader implements SourceReader {
  readonly #parts: SourceParts
  readonly #key: AnyFormat
  readonly #value: AnyFormat
  readonly #keys: KeyCodec | undefined
  readonly #acceptsNull: boolean
  readonly #isPlainJson: boolean

  constructor(parts: SourceParts) {
    this.#parts = parts
    const { keyFormat, valueFormat } = parts.plan
    this.#key = keyFormat
    this.#value = valueFormat
    this.#keys = keyFormat === none ? undefined : keyCodecOf(keyFormat)
    this.#isPlainJson = readsPlainJson(valueFormat)
    this.#acceptsNull = parts.tombstones || valueFormat.acceptsNull === true
  }

  prepare(raw: RawRecord): Promise<void> | undefined {
    const key = raw.key === null ? undefined : this.#key.prepareDecode?.(raw.key)
    const value = raw.value === null ? undefined : this.#value.prepareDecode?.(raw.value)
    if (key === undefined) return value
    return value === undefined ? key : Promise.all([key, value]).then(() => undefined)
  }

  read(input: number, partition: number, raw: RawRecord, headers: readonly Header[]): InputRecord {
    this.#checkSize(raw, headers)
    let key: unknown = null
    let keyBytes: KeyBytes = ''
    if (this.#keys !== undefined) {
      if (raw.key !== null) {
        keyBytes = toKeyBytes(raw.key)
        key = this.#readKey(this.#keys, keyBytes)
      } else if (this.#key.acceptsNull !== true) {
        throw new RecordRefused(
          'null-key',
          `the record has no key, and the keys of ${this.#parts.plan.topic} have the format ${this.#key.name}`,
        )
      }
    }
    const value = raw.value === null ? this.#noValue() : this.#readValue(raw.value)
    const valueBytes = this.#isPlainJson ? (raw.value ?? undefined) : undefined
    const timestamp = this.#timeOf(value, raw.timestamp)
    return new DecodedRecord(input, partition, raw, headers, key, keyBytes, value, timestamp, valueBytes, false)
  }

  /** Before anything is decoded. Keys that mean nothing are not looked at. */
  #checkSize({ key }: RawRecord, headers: readonly Header[]): void {
    const { keyBytesMax, headersMax } = this.#parts.plan
    const keyBytes = this.#keys === undefined || key === null ? 0 : key.length
    if (keyBytes > keyBytesMax) {
      throw new RecordRefused('too-large', `the key has ${keyBytes} bytes, at most ${keyBytesMax} are taken (keyBytesMax)`)
    }
    if (headers.length > headersMax) {
      throw new RecordRefused('too-large', `the record has ${headers.length} headers, at most ${headersMax} are taken (headersMax)`)
    }
  }

  #readKey(keys: KeyCodec, bytes: KeyBytes): unknown {
    try {
      return keys.fromBytes(bytes)
    } catch (error) {
      throw refused('key', this.#key, error)
    }
  }

  #readValue(bytes: Uint8Array): unknown {
    try {
      return this.#value.decode(bytes)
    } catch (error) {
      throw refused('value', this.#value, error)
    }
  }

  #noValue(): null {
    if (this.#acceptsNull) return null
    throw new RecordRefused(
      'null-value',
      `the record has no value (a tombstone): use nullable(${this.#value.name}) to read it, or flow.table()`,
    )
  }

  #timeOf(value: unknown, timestamp: number): number {
    const { eventTime, now, plan } = this.#parts
    const time = millisOf(eventTime === undefined || value === null ? timestamp : userTime(eventTime, value))
    const ahead = time - now()
    if (ahead > plan.aheadOfClockMsMax) {
      throw new RecordRefused(
        'future',
        `the event time ${isoOf(time)} is ${ahead} ms ahead of the clock, at most ${plan.aheadOfClockMsMax} are taken (aheadOfClock)`,
      )
    }
    return time
  }
}

const LAST_DATE = 8.64e15
const isoOf = (time: number): string => (time <= LAST_DATE ? new Date(time).toISOString() : String(time))

function userTime(eventTime: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return eventTime(value)
  } catch (error) {
    throw new RecordRefused('event-time', `eventTime() failed: ${messageOf(error)}`, error)
  }
}

/** A format says the reason itself, or its error becomes one. Faults of the installation pass. */
function refused(part: 'key' | 'value', format: AnyFormat, error: unknown): Error {
  if (error instanceof Fault) return error
  if (!(error instanceof RecordRefused)) return new RecordRefused(part, `not ${format.name}: ${messageOf(error)}`, error)
  return part === 'key' && error.reason === 'value' ? new RecordRefused('key', error.message, error) : error
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Records of a repartition topic, written by this engine. */
export class RepartitionReader implements SourceReader {
  readonly #keys: KeyCodec
  readonly #format: AnyFormat

  constructor(keyFormat: AnyFormat) {
    this.#format = keyFormat
    this.#keys = keyCodecOf(keyFormat)
  }

  prepare(raw: RawRecord): Promise<void> | undefined {
    return raw.key === null ? undefined : this.#format.prepareDecode?.(raw.key)
  }

  read(input: number, partition: number, raw: RawRecord, headers: readonly Header[]): InputRecord {
    if (raw.key === null || raw.value === null) throw new RecordRefused('null-value', 'a record of a repartition topic has no key or value')
    const keyBytes = toKeyBytes(raw.key)
    let key: unknown
    try {
      key = this.#keys.fromBytes(keyBytes)
    } catch (error) {
      throw refused('key', this.#format, error)
    }
    try {
      const value = decodeStructured(raw.value, trailerBytes(raw.value))
      return new DecodedRecord(input, partition, raw, headers, key, keyBytes, value, raw.timestamp, raw.value, true)
    } catch (error) {
      throw new RecordRefused('value', `not the structured form: ${messageOf(error)}`, error)
    }
  }
}
