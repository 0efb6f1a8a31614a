/** Produce: hot path. The records are batches that codec/batch-encoder.ts has written. */
import type { Api } from './api.ts'
import { byTopic } from './by-topic.ts'

export interface ProducePartition {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
}

export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly partitions: readonly ProducePartition[]
}

export interface ProducedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Offset of the first record. */
  readonly baseOffset: number
  /** Which records of the batch the broker refused, where it says so. */
  readonly refused: readonly { readonly index: number; readonly message: string | null }[]
  readonly errorMessage: string | null
}

const ACKS_ALL = -1

export const produceApi: Api<ProduceRequest, readonly ProducedPartition[]> = {
  name: 'Produce',
  key: 0,
  version: 8,
  flexible: false,
  write(writer, { transactionalId, timeoutMs, partitions }) {
    writer.nullableString(transactionalId).int16(ACKS_ALL).int32(timeoutMs)
    writer.array(byTopic(partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition, batch }) => {
        writer.int32(partition).bytesField(batch)
      })
    })
  },
  read(reader) {
    const topics = reader.array(() => {
      const topic = reader.string()
      return reader.array((): ProducedPartition => {
        const partition = reader.int32()
        const errorCode = reader.int16()
        const baseOffset = reader.int64()
        reader.int64()
        reader.int64()
        const refused = reader.array(() => ({ index: reader.int32(), message: reader.nullableString() }))
        return { topic, partition, errorCode, baseOffset, refused, errorMessage: reader.nullableString() }
      })
    })
    return topics.flat()
  },
}
