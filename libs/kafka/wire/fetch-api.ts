/** Fetch: hot path. The records come as raw bytes for our own decoder. */
import type { AbortedTransaction } from '../codec/aborted-filter.ts'
import type { Api } from './api.ts'

export interface FetchPartition {
  readonly topic: string
  readonly partition: number
  readonly position: number
  readonly bytesMax: number
}

export interface FetchRequest {
  readonly waitMsMax: number
  readonly bytesMax: number
  readonly partitions: readonly FetchPartition[]
}

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly logStart: number
  readonly aborted: readonly AbortedTransaction[]
  readonly records: Buffer
}

const READ_COMMITTED = 1
const NO_SESSION_EPOCH = -1

export interface FetchAnswer {
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

export const fetchApi: Api<FetchRequest, FetchAnswer> = {
  name: 'Fetch',
  key: 1,
  version: 11,
  flexible: false,
  write(writer, { waitMsMax, bytesMax, partitions }) {
    writer.int32(-1).int32(waitMsMax).int32(1).int32(bytesMax).int8(READ_COMMITTED).int32(0).int32(NO_SESSION_EPOCH)
    // One entry per partition: the order is the caller's turn order, which decides who gets the bytes.
    writer.array(partitions, ({ topic, partition, position, bytesMax: partitionBytesMax }) => {
      writer.string(topic).int32(1)
      writer.int32(partition).int32(-1).int64(position).int64(-1).int32(partitionBytesMax)
    })
    writer.int32(0).string('')
  },
  read(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.int32()
    const topics = reader.array(() => {
      const topic = reader.string()
      return reader.array((): FetchedPartition => {
        const partition = reader.int32()
        const error = reader.int16()
        const highWatermark = reader.int64()
        const lastStable = reader.int64()
        const logStart = reader.int64()
        const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }))
        reader.int32()
        return { topic, partition, errorCode: error, highWatermark, lastStable, logStart, aborted, records: reader.bytesField() }
      })
    })
    return { errorCode, partitions: topics.flat() }
  },
}
