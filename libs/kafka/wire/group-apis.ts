/** Group membership and committed positions. */
import type { PositionToCommit, TopicPartition } from '../../runtime/ports/log.ts'
import type { Api } from './api.ts'
import { byTopic } from './by-topic.ts'
import type { PartitionError } from './transaction-apis.ts'

export interface JoinAnswer {
  readonly errorCode: number
  readonly generation: number
  readonly protocol: string
  readonly leaderId: string
  readonly memberId: string
  /** Filled for the leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

export const joinGroupApi: Api<
  {
    readonly groupId: string
    readonly sessionTimeoutMs: number
    readonly rebalanceTimeoutMs: number
    readonly memberId: string
    readonly protocol: string
    readonly metadata: Uint8Array
  },
  JoinAnswer
> = {
  name: 'JoinGroup',
  key: 11,
  version: 5,
  flexible: false,
  write(writer, { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, protocol, metadata }) {
    writer.string(groupId).int32(sessionTimeoutMs).int32(rebalanceTimeoutMs).string(memberId).nullableString(null)
    writer.string('consumer').int32(1).string(protocol).bytesField(metadata)
  },
  read(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const generation = reader.int32()
    const protocol = reader.string()
    const leaderId = reader.string()
    const memberId = reader.string()
    const members = reader.array(() => {
      const id = reader.string()
      reader.nullableString()
      return { memberId: id, metadata: reader.bytesField() }
    })
    return { errorCode, generation, protocol, leaderId, memberId, members }
  },
}

interface Membership {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
}

export const syncGroupApi: Api<
  Membership & { readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[] },
  { readonly errorCode: number; readonly assignment: Buffer }
> = {
  name: 'SyncGroup',
  key: 14,
  version: 3,
  flexible: false,
  write(writer, { groupId, generation, memberId, assignments }) {
    writer.string(groupId).int32(generation).string(memberId).nullableString(null)
    writer.array(assignments, ({ memberId: to, assignment }) => writer.string(to).bytesField(assignment))
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16(), assignment: reader.bytesField() }
  },
}

export const heartbeatApi: Api<Membership, { readonly errorCode: number }> = {
  name: 'Heartbeat',
  key: 12,
  version: 3,
  flexible: false,
  write(writer, { groupId, generation, memberId }) {
    writer.string(groupId).int32(generation).string(memberId).nullableString(null)
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16() }
  },
}

export const leaveGroupApi: Api<{ readonly groupId: string; readonly memberId: string }, { readonly errorCode: number }> = {
  name: 'LeaveGroup',
  key: 13,
  version: 3,
  flexible: false,
  write(writer, { groupId, memberId }) {
    writer.string(groupId).int32(1).string(memberId).nullableString(null)
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16() }
  },
}

export const describeGroupsApi: Api<
  { readonly groupId: string },
  readonly { readonly errorCode: number; readonly state: string; readonly members: number }[]
> = {
  name: 'DescribeGroups',
  key: 15,
  version: 2,
  flexible: false,
  write(writer, { groupId }) {
    writer.int32(1).string(groupId)
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const errorCode = reader.int16()
      reader.string()
      const state = reader.string()
      reader.string()
      reader.string()
      const members = reader.array(() => {
        reader.string()
        reader.string()
        reader.string()
        reader.bytesField()
        return reader.bytesField()
      })
      return { errorCode, state, members: members.length }
    })
  },
}

/** From outside the group (generation -1): the broker takes it only while the group has no members. */
export const offsetCommitApi: Api<
  { readonly groupId: string; readonly positions: readonly PositionToCommit[] },
  readonly PartitionError[]
> = {
  name: 'OffsetCommit',
  key: 8,
  version: 5,
  flexible: false,
  write(writer, { groupId, positions }) {
    writer.string(groupId).int32(-1).string('')
    writer.array(byTopic(positions), ([topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, ({ partition, position, metadata }) => {
        writer.int32(partition).int64(position).nullableString(metadata)
      })
    })
  },
  read(reader) {
    reader.int32()
    const topics = reader.array(() => {
      const topic = reader.string()
      return reader.array((): PartitionError => ({ topic, partition: reader.int32(), errorCode: reader.int16() }))
    })
    return topics.flat()
  },
}

export interface CommittedOffset extends PartitionError {
  /** -1: none. */
  readonly position: number
  readonly metadata: string | null
}

/** Version 7 can ask for stable positions: the broker refuses while a transaction on them is pending (KIP-447). */
export const offsetFetchApi: Api<
  { readonly groupId: string; readonly partitions: readonly TopicPartition[] },
  { readonly errorCode: number; readonly offsets: readonly CommittedOffset[] }
> = {
  name: 'OffsetFetch',
  key: 9,
  version: 7,
  flexible: true,
  write(writer, { groupId, partitions }) {
    writer.compactString(groupId)
    writer.compactArray(byTopic(partitions), ([topic, ofTopic]) => {
      writer.compactString(topic).compactArray(ofTopic, ({ partition }) => writer.int32(partition))
      writer.noTags()
    })
    writer.boolean(true).noTags()
  },
  read(reader) {
    reader.int32()
    const topics = reader.compactArray(() => {
      const topic = reader.compactString()
      const partitions = reader.compactArray((): CommittedOffset => {
        const partition = reader.int32()
        const position = reader.int64()
        reader.int32()
        const metadata = reader.compactNullableString()
        const errorCode = reader.int16()
        reader.skipTags()
        return { topic, partition, position, metadata, errorCode }
      })
      reader.skipTags()
      return partitions
    })
    return { errorCode: reader.int16(), offsets: topics.flat() }
  },
}
