/** Rewrites the addresses in answers, so that a client finds only the proxy: Metadata, FindCoordinator, DescribeCluster. */
import { ByteReader, ByteWriter } from '../../../libs/kafka/wire/bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

/** Where the proxy listens for a broker; it begins to, where the broker is new. */
export type ProxyAddressOf = (broker: BrokerAddress) => Promise<{ readonly host: string; readonly port: number }>

/** The answer with the proxy's addresses; the same one where it holds none. `frame`: with the correlation id, without the length. */
export async function withProxyAddresses(request: KafkaRequest, frame: Buffer, addressOf: ProxyAddressOf): Promise<Buffer> {
  switch (request.api) {
    case 'Metadata':
      return rewriteMetadata(request, frame, addressOf)
    case 'FindCoordinator':
      return request.version >= 4 ? rewriteCoordinators(frame, addressOf) : rewriteCoordinator(request, frame, addressOf)
    case 'DescribeCluster':
      return rewriteCluster(request, frame, addressOf)
    default:
      return frame
  }
}

async function rewriteMetadata(request: KafkaRequest, frame: Buffer, addressOf: ProxyAddressOf): Promise<Buffer> {
  const { version, isFlexible } = request
  const reader = new ByteReader(frame)
  reader.int32()
  if (isFlexible) reader.skipTags()
  if (version >= 3) reader.int32()
  const from = frame.length - reader.left
  const readBroker = (): BrokerAddress & { rack: string | null } => {
    const id = reader.int32()
    const host = isFlexible ? reader.compactString() : reader.string()
    const port = reader.int32()
    const rack = version < 1 ? null : isFlexible ? reader.compactNullableString() : reader.nullableString()
    if (isFlexible) reader.skipTags()
    return { id, host, port, rack }
  }
  const brokers = isFlexible ? reader.compactArray(readBroker) : reader.array(readBroker)
  const moved = await Promise.all(brokers.map(async (broker) => ({ ...broker, ...(await addressOf(broker)) })))
  const writer = new ByteWriter()
  const writeBroker = ({ id, host, port, rack }: BrokerAddress & { rack: string | null }): void => {
    writer.int32(id)
    if (isFlexible) writer.compactString(host).int32(port).compactNullableString(rack).noTags()
    else writer.string(host).int32(port)
    if (!isFlexible && version >= 1) writer.nullableString(rack)
  }
  if (isFlexible) writer.compactArray(moved, writeBroker)
  else writer.array(moved, writeBroker)
  return Buffer.concat([frame.subarray(0, from), writer.bytes, frame.subarray(frame.length - reader.left)])
}

/** A coordinator that is not known is the broker -1 without an address. */
async function moved(broker: BrokerAddress, addressOf: ProxyAddressOf): Promise<BrokerAddress> {
  return broker.id < 0 ? broker : { id: broker.id, ...(await addressOf(broker)) }
}

async function rewriteCoordinator(request: KafkaRequest, frame: Buffer, addressOf: ProxyAddressOf): Promise<Buffer> {
  const { version, isFlexible } = request
  const reader = new ByteReader(frame)
  reader.int32()
  if (isFlexible) reader.skipTags()
  if (version >= 1) reader.int32()
  reader.int16()
  if (isFlexible) reader.compactNullableString()
  else if (version >= 1) reader.nullableString()
  const from = frame.length - reader.left
  const id = reader.int32()
  const host = isFlexible ? reader.compactString() : reader.string()
  const to = await moved({ id, host, port: reader.int32() }, addressOf)
  const writer = new ByteWriter().int32(to.id)
  if (isFlexible) writer.compactString(to.host)
  else writer.string(to.host)
  writer.int32(to.port)
  return Buffer.concat([frame.subarray(0, from), writer.bytes, frame.subarray(frame.length - reader.left)])
}

async function rewriteCoordinators(frame: Buffer, addressOf: ProxyAddressOf): Promise<Buffer> {
  const reader = new ByteReader(frame)
  reader.int32()
  reader.skipTags()
  reader.int32()
  const from = frame.length - reader.left
  const found = reader.compactArray(() => {
    const key = reader.compactString()
    const broker = { id: reader.int32(), host: reader.compactString(), port: reader.int32() }
    const errorCode = reader.int16()
    const message = reader.compactNullableString()
    reader.skipTags()
    return { key, broker, errorCode, message }
  })
  const all = await Promise.all(found.map(async (one) => ({ ...one, broker: await moved(one.broker, addressOf) })))
  const writer = new ByteWriter()
  writer.compactArray(all, ({ key, broker, errorCode, message }) => {
    writer.compactString(key).int32(broker.id).compactString(broker.host).int32(broker.port)
    writer.int16(errorCode).compactNullableString(message).noTags()
  })
  return Buffer.concat([frame.subarray(0, from), writer.bytes, frame.subarray(frame.length - reader.left)])
}

async function rewriteCluster({ version }: KafkaRequest, frame: Buffer, addressOf: ProxyAddressOf): Promise<Buffer> {
  const reader = new ByteReader(frame)
  reader.int32()
  reader.skipTags()
  reader.int32()
  reader.int16()
  reader.compactNullableString()
  if (version >= 1) reader.int8()
  reader.compactString()
  reader.int32()
  const from = frame.length - reader.left
  const found = reader.compactArray(() => {
    const broker = { id: reader.int32(), host: reader.compactString(), port: reader.int32() }
    const rack = reader.compactNullableString()
    const isFenced = version >= 2 && reader.boolean()
    reader.skipTags()
    return { broker, rack, isFenced }
  })
  const all = await Promise.all(found.map(async (one) => ({ ...one, broker: await moved(one.broker, addressOf) })))
  const writer = new ByteWriter()
  writer.compactArray(all, ({ broker, rack, isFenced }) => {
    writer.int32(broker.id).compactString(broker.host).int32(broker.port).compactNullableString(rack)
    if (version >= 2) writer.boolean(isFenced)
    writer.noTags()
  })
  return Buffer.concat([frame.subarray(0, from), writer.bytes, frame.subarray(frame.length - reader.left)])
}
