/**
 * What members of a group tell each other, in the layout of Kafka's consumer protocol (version 0), so that stock tools show
 * topics and partitions of each member.
 *
 *     subscription: version int16, topics [string], user data bytes
 *     assignment:   version int16, [topic string, partitions [int32]], user data bytes
 *
 * Our subscription's user data begins with a number that changes when the member asks for a rebalance: a coordinator answers a
 * join with unchanged metadata by the present generation, without a rebalance.
 */
import type { AssignmentOf } from '../../runtime/ports/log.ts'
import { byTopic } from '../wire/by-topic.ts'
import { ByteReader, ByteWriter } from '../wire/bytes.ts'

const VERSION = 0
const REJOINS_BYTES = 4

export function encodeSubscription(topics: readonly string[], rejoins: number, userData: Uint8Array): Buffer {
  const writer = new ByteWriter().int16(VERSION)
  writer.array(topics, (topic) => writer.string(topic))
  return writer
    .int32(userData.length + REJOINS_BYTES)
    .int32(rejoins)
    .raw(userData).bytes
}

/** The user data of a member's subscription. */
export function decodeUserData(subscription: Buffer): Buffer {
  const reader = new ByteReader(subscription)
  reader.int16()
  reader.array(() => reader.string())
  return reader.bytesField().subarray(REJOINS_BYTES)
}

export function encodeAssignment({ partitions, userData }: AssignmentOf): Buffer {
  const writer = new ByteWriter().int16(VERSION)
  writer.array(byTopic(partitions), ([topic, ofTopic]) => {
    writer.string(topic).array(ofTopic, ({ partition }) => writer.int32(partition))
  })
  return writer.bytesField(userData).bytes
}

/** A member that the leader gave nothing may get no bytes at all. */
export function decodeAssignment(assignment: Buffer): AssignmentOf {
  if (assignment.length === 0) return { partitions: [], userData: Buffer.alloc(0) }
  const reader = new ByteReader(assignment)
  reader.int16()
  const topics = reader.array(() => {
    const topic = reader.string()
    return reader.array(() => ({ topic, partition: reader.int32() }))
  })
  return { partitions: topics.flat(), userData: reader.bytesField() }
}
