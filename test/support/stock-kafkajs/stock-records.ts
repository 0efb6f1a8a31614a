/** Records of the port in kafkajs' form, and back. */
import type { IHeaders, KafkaMessage, Message, TopicMessages } from 'kafkajs'
import type { Header, LogRecord, PartitionRecords } from '../../../libs/runtime/ports/log.ts'

const bufferOrNull = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes))

function headersOut(headers: readonly Header[]): IHeaders {
  const byName = new Map<string, Buffer[]>()
  for (const [name, value] of headers) byName.set(name, [...(byName.get(name) ?? []), Buffer.from(value)])
  return Object.fromEntries(byName)
}

function headersIn(headers: IHeaders | undefined): Header[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]): Header[] =>
    (Array.isArray(value) ? value : [value]).map((one): Header => [name, Buffer.from(one ?? '')]),
  )
}

export function topicMessages(batches: readonly PartitionRecords[]): TopicMessages[] {
  const byTopic = new Map<string, Message[]>()
  for (const { topic, partition, records } of batches) {
    const messages = byTopic.get(topic) ?? []
    byTopic.set(topic, messages)
    for (const { key, value, timestamp, headers } of records)
      messages.push({
        partition,
        key: bufferOrNull(key),
        value: bufferOrNull(value),
        timestamp: String(timestamp),
        headers: headersOut(headers),
      })
  }
  return [...byTopic].filter(([, messages]) => messages.length > 0).map(([topic, messages]) => ({ topic, messages }))
}

export function logRecord({ offset, timestamp, key, value, headers }: KafkaMessage): LogRecord {
  return { offset: Number(offset), timestamp: Number(timestamp), key, value, headers: headersIn(headers) }
}
