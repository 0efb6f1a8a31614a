/** Topics, their settings, their ends. */
import type { TopicPartition, TopicSpec } from '../../runtime/ports/log.ts'
import type { Api } from './api.ts'
import { byTopic } from './by-topic.ts'
import type { PartitionError } from './transaction-apis.ts'

export interface TopicError {
  readonly topic: string
  readonly errorCode: number
  readonly message: string | null
}

/** Version 4 takes -1 for the broker's default replication. */
export const createTopicsApi: Api<{ readonly topics: readonly TopicSpec[]; readonly timeoutMs: number }, readonly TopicError[]> = {
  name: 'CreateTopics',
  key: 19,
  version: 4,
  flexible: false,
  write(writer, { topics, timeoutMs }) {
    writer.array(topics, ({ name, partitions, replicationFactor, config }) => {
      writer.string(name).int32(partitions).int16(replicationFactor).int32(0)
      writer.array(Object.entries(config), ([key, value]) => writer.string(key).nullableString(value))
    })
    writer.int32(timeoutMs).boolean(false)
  },
  read(reader) {
    reader.int32()
    return reader.array(() => ({ topic: reader.string(), errorCode: reader.int16(), message: reader.nullableString() }))
  },
}

export const deleteTopicsApi: Api<{ readonly topics: readonly string[]; readonly timeoutMs: number }, readonly TopicError[]> = {
  name: 'DeleteTopics',
  key: 20,
  version: 3,
  flexible: false,
  write(writer, { topics, timeoutMs }) {
    writer.array(topics, (name) => writer.string(name)).int32(timeoutMs)
  },
  read(reader) {
    reader.int32()
    return reader.array(() => ({ topic: reader.string(), errorCode: reader.int16(), message: null }))
  },
}

const TOPIC_RESOURCE = 2

export const describeConfigsApi: Api<
  { readonly topic: string },
  readonly {
    readonly errorCode: number
    readonly message: string | null
    readonly entries: readonly { readonly name: string; readonly value: string | null }[]
  }[]
> = {
  name: 'DescribeConfigs',
  key: 32,
  version: 2,
  flexible: false,
  write(writer, { topic }) {
    writer.int32(1).int8(TOPIC_RESOURCE).string(topic).int32(-1).boolean(false)
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const errorCode = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      reader.string()
      const entries = reader.array(() => {
        const entry = { name: reader.string(), value: reader.nullableString() }
        reader.boolean()
        reader.int8()
        reader.boolean()
        reader.array(() => {
          reader.string()
          reader.nullableString()
          reader.int8()
        })
        return entry
      })
      return { errorCode, message, entries }
    })
  },
}

/** Timestamps with a meaning of their own. */
export const LATEST = -1
export const EARLIEST = -2

export type Isolation = 'read-uncommitted' | 'read-committed'

/** The first offset at or after a timestamp; with LATEST the high watermark, or the last stable offset if read-committed. */
export const listOffsetsApi: Api<
  { readonly isolation: Isolation; readonly timestamp: number; readonly partitions: readonly TopicPartition[] },
  readonly (PartitionError & { readonly offset: number })[]
> = {
  name: 'ListOffsets',
  key: 2,
  version: 3,
  flexible: false,
  write(writer, { isolation, timestamp, partitions }) {
    writer.int32(-1).int8(isolation === 'read-committed' ? 1 : 0)
    writer.array(byTopic(partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition }) => writer.int32(partition).int64(timestamp))
    })
  },
  read(reader) {
    reader.int32()
    const topics = reader.array(() => {
      const topic = reader.string()
      return reader.array(() => {
        const answer = { topic, partition: reader.int32(), errorCode: reader.int16() }
        reader.int64()
        return { ...answer, offset: reader.int64() }
      })
    })
    return topics.flat()
  },
}

export const deleteRecordsApi: Api<
  { readonly positions: readonly (TopicPartition & { readonly position: number })[]; readonly timeoutMs: number },
  readonly PartitionError[]
> = {
  name: 'DeleteRecords',
  key: 21,
  version: 1,
  flexible: false,
  write(writer, { positions, timeoutMs }) {
    writer.array(byTopic(positions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition, position }) => writer.int32(partition).int64(position))
    })
    writer.int32(timeoutMs)
  },
  read(reader) {
    reader.int32()
    const topics = reader.array(() => {
      const topic = reader.string()
      return reader.array((): PartitionError => {
        const partition = reader.int32()
        reader.int64()
        return { topic, partition, errorCode: reader.int16() }
      })
    })
    return topics.flat()
  },
}
