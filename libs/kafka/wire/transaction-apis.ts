/** The requests of a transaction (kafka-client.md 1.1), but Produce. */
import type { GroupIdentity, PositionToCommit, TopicPartition } from '../../runtime/ports/log.ts'
import type { Api } from './api.ts'
import { byTopic } from './by-topic.ts'

/** Who speaks: id and epoch were given by InitProducerId. */
export interface TransactionOwner {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

export interface PartitionError extends TopicPartition {
  readonly errorCode: number
}

/** `transactionalId` null: an idempotent producer without transactions. */
export const initProducerIdApi: Api<
  { readonly transactionalId: string | null; readonly transactionTimeoutMs: number },
  { readonly errorCode: number; readonly producerId: number; readonly producerEpoch: number }
> = {
  name: 'InitProducerId',
  key: 22,
  version: 1,
  flexible: false,
  write(writer, { transactionalId, transactionTimeoutMs }) {
    writer.nullableString(transactionalId).int32(transactionTimeoutMs)
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  },
}

export const addPartitionsToTxnApi: Api<TransactionOwner & { readonly partitions: readonly TopicPartition[] }, readonly PartitionError[]> =
  {
    name: 'AddPartitionsToTxn',
    key: 24,
    version: 2,
    flexible: false,
    write(writer, { transactionalId, producerId, producerEpoch, partitions }) {
      writer.string(transactionalId).int64(producerId).int16(producerEpoch)
      writer.array(byTopic(partitions), ([topic, ofTopic]) => {
        writer.string(topic).array(ofTopic, ({ partition }) => writer.int32(partition))
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

export const addOffsetsToTxnApi: Api<TransactionOwner & { readonly groupId: string }, { readonly errorCode: number }> = {
  name: 'AddOffsetsToTxn',
  key: 25,
  version: 2,
  flexible: false,
  write(writer, { transactionalId, producerId, producerEpoch, groupId }) {
    writer.string(transactionalId).int64(producerId).int16(producerEpoch).string(groupId)
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16() }
  },
}

export const endTxnApi: Api<TransactionOwner & { readonly commit: boolean }, { readonly errorCode: number }> = {
  name: 'EndTxn',
  key: 26,
  version: 2,
  flexible: false,
  write(writer, { transactionalId, producerId, producerEpoch, commit }) {
    writer.string(transactionalId).int64(producerId).int16(producerEpoch).boolean(commit)
  },
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16() }
  },
}

/** Version 3 carries member and generation, so that the broker refuses a member that the group has expelled (engine-holes.md H5, F3). */
export const txnOffsetCommitApi: Api<
  TransactionOwner & { readonly identity: GroupIdentity; readonly positions: readonly PositionToCommit[] },
  readonly PartitionError[]
> = {
  name: 'TxnOffsetCommit',
  key: 28,
  version: 3,
  flexible: true,
  write(writer, { transactionalId, producerId, producerEpoch, identity, positions }) {
    writer.compactString(transactionalId).compactString(identity.groupId).int64(producerId).int16(producerEpoch)
    writer.int32(identity.generation).compactString(identity.memberId).compactNullableString(null)
    writer.compactArray(byTopic(positions), ([topic, ofTopic]) => {
      writer.compactString(topic).compactArray(ofTopic, ({ partition, position, metadata }) => {
        writer.int32(partition).int64(position).int32(-1).compactNullableString(metadata).noTags()
      })
      writer.noTags()
    })
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const topics = reader.compactArray(() => {
      const topic = reader.compactString()
      const partitions = reader.compactArray((): PartitionError => {
        const answer = { topic, partition: reader.int32(), errorCode: reader.int16() }
        reader.skipTags()
        return answer
      })
      reader.skipTags()
      return partitions
    })
    return topics.flat()
  },
}
