/** Answers in the broker's stead: any error code for any request of a transaction, of a group, of reading. And the codes of real answers. */
import { byTopic } from '../../../libs/kafka/wire/by-topic.ts'
import { ByteReader, ByteWriter } from '../../../libs/kafka/wire/bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

/** The answer, with the correlation id of the request. Throws for a request whose answer it cannot write. */
export function errorAnswer(request: KafkaRequest, errorCode: number): Buffer {
  const writer = new ByteWriter().int32(request.correlationId)
  if (request.isFlexible && request.api !== 'ApiVersions') writer.noTags()
  const write = bodies[request.api ?? 'none']
  if (write === undefined) throw new Error(`the proxy cannot answer ${request.api ?? `API key ${request.key}`} with an error`)
  write(writer, request, errorCode)
  return Buffer.from(writer.bytes)
}

type WriteBody = (writer: ByteWriter, request: KafkaRequest, errorCode: number) => void

/** Throttle time and code, as most answers begin. */
const codeOnly: WriteBody = (writer, _request, errorCode) => {
  writer.int32(0).int16(errorCode)
}

const perPartition: WriteBody = (writer, request, errorCode) => {
  writer.int32(0)
  if (request.isFlexible)
    writer
      .compactArray(byTopic(request.partitions), ([topic, ofTopic]) => {
        writer.compactString(topic).compactArray(ofTopic, ({ partition }) => writer.int32(partition).int16(errorCode).noTags())
        writer.noTags()
      })
      .noTags()
  else
    writer.array(byTopic(request.partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition }) => writer.int32(partition).int16(errorCode))
    })
}

const bodies: Readonly<Record<string, WriteBody>> = {
  Produce(writer, { partitions, version }, errorCode) {
    writer.array(byTopic(partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition }) => {
        writer.int32(partition).int16(errorCode).int64(-1)
        if (version >= 2) writer.int64(-1)
        if (version >= 5) writer.int64(-1)
        if (version >= 8) writer.int32(0).nullableString(null)
      })
    })
    writer.int32(0)
  },
  Fetch(writer, { partitions, version }, errorCode) {
    writer.int32(0)
    if (version >= 7) writer.int16(0).int32(0)
    writer.array(byTopic(partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition }) => {
        writer.int32(partition).int16(errorCode).int64(-1)
        if (version >= 4) writer.int64(-1)
        if (version >= 5) writer.int64(-1)
        if (version >= 4) writer.int32(0)
        if (version >= 11) writer.int32(-1)
        writer.int32(0)
      })
    })
  },
  ListOffsets(writer, { partitions, version }, errorCode) {
    if (version >= 2) writer.int32(0)
    writer.array(byTopic(partitions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition }) => {
        writer.int32(partition).int16(errorCode).int64(-1).int64(-1)
        if (version >= 4) writer.int32(-1)
      })
    })
  },
  OffsetFetch(writer, { isFlexible, version }, errorCode) {
    if (version >= 3) writer.int32(0)
    if (isFlexible) writer.uvarint(1).int16(errorCode).noTags()
    else writer.int32(0).int16(errorCode)
  },
  FindCoordinator(writer, { version }, errorCode) {
    if (version >= 1) writer.int32(0)
    writer.int16(errorCode)
    if (version >= 1) writer.nullableString(null)
    writer.int32(-1).string('').int32(-1)
  },
  InitProducerId(writer, _request, errorCode) {
    writer.int32(0).int16(errorCode).int64(-1).int16(-1)
  },
  AddPartitionsToTxn: perPartition,
  TxnOffsetCommit: perPartition,
  AddOffsetsToTxn: codeOnly,
  EndTxn: codeOnly,
  Heartbeat: codeOnly,
  LeaveGroup(writer, { version }, errorCode) {
    writer.int32(0).int16(errorCode)
    if (version >= 3) writer.int32(0)
  },
  SyncGroup(writer, _request, errorCode) {
    writer.int32(0).int16(errorCode).int32(0)
  },
  JoinGroup(writer, _request, errorCode) {
    writer.int32(0).int16(errorCode).int32(-1).string('').string('').string('').int32(0)
  },
}

/** The error codes of an answer, one for each partition where it has partitions; undefined where the proxy does not read them. */
export function answeredCodes(request: KafkaRequest, frame: Buffer): readonly number[] | undefined {
  const reader = new ByteReader(frame)
  reader.int32()
  if (request.isFlexible) reader.skipTags()
  switch (request.api) {
    case 'Produce':
      return request.isFlexible ? undefined : producedCodes(reader, request.version)
    case 'AddPartitionsToTxn':
    case 'TxnOffsetCommit':
      return partitionCodes(request, reader)
    case 'InitProducerId':
    case 'AddOffsetsToTxn':
    case 'EndTxn':
    case 'Heartbeat':
    case 'JoinGroup':
    case 'SyncGroup':
      reader.int32()
      return [reader.int16()]
    default:
      return undefined
  }
}

function producedCodes(reader: ByteReader, version: number): number[] {
  return reader
    .array(() => {
      reader.string()
      return reader.array(() => {
        reader.int32()
        const errorCode = reader.int16()
        reader.int64()
        if (version >= 2) reader.int64()
        if (version >= 5) reader.int64()
        if (version >= 8) {
          reader.array(() => [reader.int32(), reader.nullableString()])
          reader.nullableString()
        }
        return errorCode
      })
    })
    .flat()
}

function partitionCodes({ isFlexible, version, api }: KafkaRequest, reader: ByteReader): number[] | undefined {
  reader.int32()
  if (api === 'AddPartitionsToTxn' && version >= 4) return undefined
  const readCode = (): number => {
    reader.int32()
    const errorCode = reader.int16()
    if (isFlexible) reader.skipTags()
    return errorCode
  }
  if (!isFlexible)
    return reader
      .array(() => {
        reader.string()
        return reader.array(readCode)
      })
      .flat()
  return reader
    .compactArray(() => {
      reader.compactString()
      const codes = reader.compactArray(readCode)
      reader.skipTags()
      return codes
    })
    .flat()
}
