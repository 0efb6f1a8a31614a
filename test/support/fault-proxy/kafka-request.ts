/**
 * What the fault proxy knows of a request: its header, and of the body who speaks and about what. Reads the versions that Millrace
 * sends and those of kafkajs; of any other version at least the header.
 */
import type { TopicPartition } from '../../../libs/runtime/ports/log.ts'
import { ByteReader } from '../../../libs/kafka/wire/bytes.ts'

/** Name → key, and the first version with tagged fields. https://kafka.apache.org/protocol */
const apis = {
  Produce: [0, 9],
  Fetch: [1, 12],
  ListOffsets: [2, 6],
  Metadata: [3, 9],
  OffsetCommit: [8, 8],
  OffsetFetch: [9, 6],
  FindCoordinator: [10, 3],
  JoinGroup: [11, 6],
  Heartbeat: [12, 4],
  LeaveGroup: [13, 4],
  SyncGroup: [14, 4],
  DescribeGroups: [15, 5],
  ApiVersions: [18, 3],
  CreateTopics: [19, 5],
  DeleteTopics: [20, 4],
  DeleteRecords: [21, 2],
  InitProducerId: [22, 2],
  AddPartitionsToTxn: [24, 3],
  AddOffsetsToTxn: [25, 3],
  EndTxn: [26, 3],
  TxnOffsetCommit: [28, 3],
  DescribeConfigs: [32, 4],
  CreatePartitions: [37, 2],
  DescribeCluster: [60, 0],
} as const satisfies Record<string, readonly [key: number, flexibleFrom: number]>

export type ApiName = keyof typeof apis
/** Classes of traffic, for cutting one of them off. */
export const membershipApis: readonly ApiName[] = ['JoinGroup', 'SyncGroup', 'Heartbeat', 'LeaveGroup']
export const transactionApis: readonly ApiName[] = ['InitProducerId', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn']
export const dataApis: readonly ApiName[] = ['Produce', 'Fetch']

const byKey = new Map<number, { readonly name: ApiName; readonly flexibleFrom: number }>(
  Object.entries(apis).map(([name, [key, flexibleFrom]]) => [key, { name: name as ApiName, flexibleFrom }]),
)

interface Speaker {
  readonly transactionalId: string | null
  readonly group: string | undefined
}

export class KafkaRequest {
  /** Without its length field. */
  readonly frame: Buffer
  readonly key: number
  readonly api: ApiName | undefined
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly isFlexible: boolean
  /** Of the connection at the proxy: counted from 1. */
  readonly connection: number
  readonly broker: number
  readonly #bodyAt: number
  #speaker: Speaker | undefined

  constructor(frame: Buffer, connection: number, broker: number) {
    this.frame = frame
    this.connection = connection
    this.broker = broker
    const reader = new ByteReader(frame)
    this.key = reader.int16()
    this.version = reader.int16()
    this.correlationId = reader.int32()
    this.clientId = reader.nullableString()
    const known = byKey.get(this.key)
    this.api = known?.name
    this.isFlexible = known !== undefined && this.version >= known.flexibleFrom
    if (this.isFlexible) reader.skipTags()
    this.#bodyAt = frame.length - reader.left
  }

  body(): ByteReader {
    return new ByteReader(this.frame.subarray(this.#bodyAt))
  }

  get transactionalId(): string | null {
    return (this.#speaker ??= this.#readSpeaker()).transactionalId
  }

  get group(): string | undefined {
    return (this.#speaker ??= this.#readSpeaker()).group
  }

  /** Partitions that it is about, each once; empty where the proxy does not know the layout. */
  get partitions(): readonly TopicPartition[] {
    return partitionsOf(this)
  }

  /** EndTxn: whether it is a commit. */
  get commit(): boolean | undefined {
    if (this.api !== 'EndTxn') return undefined
    const reader = this.body()
    text(this, reader)
    reader.int64()
    reader.int16()
    return reader.boolean()
  }

  /** EndTxn: the epoch of the producer. */
  get producerEpoch(): number | undefined {
    if (this.api !== 'EndTxn') return undefined
    const reader = this.body()
    text(this, reader)
    reader.int64()
    return reader.int16()
  }

  /** Produce with acks=0 is the only request without an answer. */
  get expectsAnswer(): boolean {
    if (this.api !== 'Produce') return true
    const reader = this.body()
    if (this.version >= 3) text(this, reader)
    return reader.int16() !== 0
  }

  #readSpeaker(): Speaker {
    const reader = this.body()
    switch (this.api) {
      case 'Produce':
        return { transactionalId: this.version >= 3 ? text(this, reader) : null, group: undefined }
      case 'InitProducerId':
      case 'EndTxn':
        return { transactionalId: text(this, reader), group: undefined }
      case 'AddPartitionsToTxn':
        return { transactionalId: this.version < 4 ? text(this, reader) : null, group: undefined }
      case 'AddOffsetsToTxn': {
        const transactionalId = text(this, reader)
        reader.int64()
        reader.int16()
        return { transactionalId, group: text(this, reader) ?? undefined }
      }
      case 'TxnOffsetCommit':
        return { transactionalId: text(this, reader), group: text(this, reader) ?? undefined }
      case 'JoinGroup':
      case 'SyncGroup':
      case 'Heartbeat':
      case 'LeaveGroup':
      case 'OffsetCommit':
      case 'OffsetFetch':
        return { transactionalId: null, group: text(this, reader) ?? undefined }
      default:
        return { transactionalId: null, group: undefined }
    }
  }
}

const text = ({ isFlexible }: KafkaRequest, reader: ByteReader): string | null =>
  isFlexible ? reader.compactNullableString() : reader.nullableString()

function partitionsOf(request: KafkaRequest): readonly TopicPartition[] {
  const reader = request.body()
  switch (request.api) {
    case 'Produce':
      if (request.version < 3 || request.isFlexible) return []
      reader.nullableString()
      reader.int16()
      reader.int32()
      return topics(reader, () => {
        const partition = reader.int32()
        reader.bytesField()
        return partition
      })
    case 'Fetch':
      return fetched(request, reader)
    case 'ListOffsets':
      if (request.isFlexible) return []
      reader.int32()
      if (request.version >= 2) reader.int8()
      return topics(reader, () => {
        const partition = reader.int32()
        if (request.version >= 4) reader.int32()
        reader.int64()
        return partition
      })
    case 'AddPartitionsToTxn':
      if (request.isFlexible) return []
      reader.string()
      reader.int64()
      reader.int16()
      return topics(reader, () => reader.int32())
    case 'TxnOffsetCommit':
      return positions(request, reader)
    case 'OffsetFetch':
      return offsetsAsked(request, reader)
    default:
      return []
  }
}

function topics(reader: ByteReader, readPartition: () => number): TopicPartition[] {
  return reader
    .array(() => {
      const topic = reader.string()
      return reader.array(() => ({ topic, partition: readPartition() }))
    })
    .flat()
}

function flexibleTopics(reader: ByteReader, readPartition: () => number): TopicPartition[] {
  return reader
    .compactArray(() => {
      const topic = reader.compactString()
      const found = reader.compactArray(() => ({ topic, partition: readPartition() }))
      reader.skipTags()
      return found
    })
    .flat()
}

function fetched({ version, isFlexible }: KafkaRequest, reader: ByteReader): readonly TopicPartition[] {
  if (isFlexible) return []
  reader.int32()
  reader.int32()
  reader.int32()
  if (version >= 3) reader.int32()
  if (version >= 4) reader.int8()
  if (version >= 7) {
    reader.int32()
    reader.int32()
  }
  return topics(reader, () => {
    const partition = reader.int32()
    if (version >= 9) reader.int32()
    reader.int64()
    if (version >= 5) reader.int64()
    reader.int32()
    return partition
  })
}

function positions(request: KafkaRequest, reader: ByteReader): readonly TopicPartition[] {
  text(request, reader)
  text(request, reader)
  reader.int64()
  reader.int16()
  if (!request.isFlexible)
    return topics(reader, () => {
      const partition = reader.int32()
      reader.int64()
      if (request.version >= 2) reader.int32()
      reader.nullableString()
      return partition
    })
  reader.int32()
  reader.compactString()
  reader.compactNullableString()
  return flexibleTopics(reader, () => {
    const partition = reader.int32()
    reader.int64()
    reader.int32()
    reader.compactNullableString()
    reader.skipTags()
    return partition
  })
}

function offsetsAsked(request: KafkaRequest, reader: ByteReader): readonly TopicPartition[] {
  if (request.version > 7) return []
  text(request, reader)
  return request.isFlexible ? flexibleTopics(reader, () => reader.int32()) : topics(reader, () => reader.int32())
}
