/** One topic as a test sees it: records in by the topic's formats, records out by them. */
import { toKeyBytes } from '../dataflow/cells.ts'
import type { Format } from '../dataflow/format.ts'
import { murmur2 } from '../dataflow/murmur2.ts'
import type { Topic } from '../dataflow/topic.ts'
import { formatsOf } from '../dataflow/topic.ts'
import type { MemoryLog } from '../memory/memory-log.ts'
import type { Header, LogRecord } from '../runtime/ports/log.ts'
import { parseTime } from './time-text.ts'

export interface RecordToSend<K, V> {
  readonly key: K
  /** null writes a tombstone. */
  readonly value: V | null
  /** Time of the record in the log: epoch ms or ISO text. Default: the driver's event time. */
  readonly timestamp?: number | string
  /** Default: by the hash of the key, as Java's producer does. */
  readonly partition?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface DriverRecord<K, V> {
  readonly key: K
  readonly value: V | null
  readonly timestamp: number
}

export interface DriverTopic<K, V, KW = K, VW = V> {
  /** Appends; processed when something is read or awaited next. */
  send(record: RecordToSend<KW, VW>): void
  /** Appends bytes as they are: garbage, foreign formats. */
  sendBytes(record: RecordToSend<Uint8Array | null, Uint8Array>): void
  /** Processes what was sent; answers the records that were committed since the last read, by partition and offset. */
  read(): Promise<DriverRecord<K, V>[]>
  /** As `read`, with partition and headers. */
  readRaw(): Promise<
    {
      readonly partition: number
      readonly key: Uint8Array | null
      readonly value: Uint8Array | null
      readonly timestamp: number
      readonly headers: readonly Header[]
    }[]
  >
}

export interface TopicContext {
  readonly log: MemoryLog
  readonly partitionsOf: (topic: string) => number
  readonly eventTime: () => number
  settle(): Promise<void>
}

export function driverTopic<K, V, KW, VW>(context: TopicContext, topic: Topic<K, V, KW, VW>): DriverTopic<K, V, KW, VW> {
  const name = topic.topic
  const formats = formatsOf(topic)
  if (formats === undefined) throw new TypeError(`${name} was not made by topic()`)
  const cursors = new Map<number, number>()
  // The topic's own formats: what its type says they read and write.
  const keyFormat = formats.key as Format<K, KW>
  const valueFormat = formats.value as Format<V, VW>

  const append = (key: Uint8Array | null, value: Uint8Array | null, record: RecordToSend<unknown, unknown>): void => {
    const partitions = context.partitionsOf(name)
    const partition = record.partition ?? (key === null ? 0 : (murmur2(toKeyBytes(key)) & 0x7fffffff) % partitions)
    if (partition < 0 || partition >= partitions)
      throw new RangeError(`topic ${name} has partitions 0 to ${partitions - 1}, not ${partition}`)
    const headers = Object.entries(record.headers ?? {}).map(([header, text]): Header => [header, Buffer.from(text)])
    const timestamp = record.timestamp === undefined ? context.eventTime() : parseTime(record.timestamp)
    void context.log.append([{ topic: name, partition, records: [{ key, value, timestamp, headers }] }])
  }

  const readRaw: DriverTopic<K, V>['readRaw'] = async () => {
    await context.settle()
    const found = []
    for (let partition = 0; partition < context.partitionsOf(name); partition += 1) {
      for (const entry of committedRecords(context.log, name, partition)) {
        if (entry.offset < (cursors.get(partition) ?? 0)) continue
        cursors.set(partition, entry.offset + 1)
        found.push({ partition, key: entry.key, value: entry.value, timestamp: entry.timestamp, headers: entry.headers })
      }
    }
    return found
  }

  return {
    send: (record) =>
      append(
        record.key === null ? null : keyFormat.encode(record.key),
        record.value === null ? null : valueFormat.encode(record.value),
        record,
      ),
    sendBytes: (record) => append(record.key, record.value, record),
    readRaw,
    read: async () => {
      const found = await readRaw()
      for (const { key, value } of found) {
        if (key !== null) await keyFormat.prepareDecode?.(key)
        if (value !== null) await valueFormat.prepareDecode?.(value)
      }
      return found.map(({ key, value, timestamp }) => ({
        // A keyless topic has null keys by its type.
        key: key === null ? (null as K) : keyFormat.decode(key),
        value: value === null ? null : valueFormat.decode(value),
        timestamp,
      }))
    },
  }
}

/** What a read_committed reader sees. */
export const committedRecords = (log: MemoryLog, topic: string, partition: number): LogRecord[] =>
  log.entries(topic, partition).flatMap((entry) => (entry.kind === 'data' && entry.state === 'committed' ? [entry.record] : []))
