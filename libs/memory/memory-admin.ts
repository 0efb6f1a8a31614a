/** Administration of the in-memory cluster, as one connection asks for it. */
import { partitionId } from '../runtime/ports/log.ts'
import type {
  BrokerFacts,
  CommittedPosition,
  LogAdmin,
  PartitionId,
  PartitionRange,
  PositionToCommit,
  TopicDescription,
  TopicPartition,
  TopicSpec,
} from '../runtime/ports/log.ts'
import type { LogCall } from './log-faults.ts'
import type { ConnectionState, MemoryBroker } from './memory-broker.ts'
import { cannotDelete, groupHasMembers, positionsPending } from './memory-faults.ts'
import { checkMetadata } from './memory-producer.ts'

/** How long `committed` waits for transactions on the positions to end. Longer than any transaction time-out that the engine sets. */
const COMMITTED_WAIT_MS = 30_000

export class MemoryAdmin implements LogAdmin {
  readonly #broker: MemoryBroker
  readonly #connection: ConnectionState
  readonly #showsTopicIds: boolean

  constructor(broker: MemoryBroker, connection: ConnectionState, showsTopicIds: boolean) {
    this.#broker = broker
    this.#connection = connection
    this.#showsTopicIds = showsTopicIds
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.#ask('describeTopics', () => {
      const descriptions = new Map<string, TopicDescription>()
      for (const name of names) {
        const topic = this.#broker.topics.get(name)
        if (topic === undefined) continue
        const { replicationFactor, partitions } = topic
        descriptions.set(name, { name, partitions: partitions.length, replicationFactor, id: this.#showsTopicIds ? topic.id : undefined })
      }
      return descriptions
    })
  }

  async listTopics(): Promise<readonly string[]> {
    return this.#ask('listTopics', () => [...this.#broker.topics.keys()].sort())
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.#ask('createTopics', () => {
      for (const spec of specs) this.#broker.createTopic(spec)
    })
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    return this.#ask('deleteTopics', () => {
      for (const name of names) if (this.#broker.topics.has(name)) this.#broker.deleteTopic(name)
    })
  }

  async topicConfig(name: string): Promise<Readonly<Record<string, string>>> {
    return this.#ask('topicConfig', () => this.#broker.topic(name).settings.config, { topic: name })
  }

  async ranges(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, PartitionRange>> {
    return this.#ask('ranges', () => {
      const ranges = new Map<PartitionId, PartitionRange>()
      for (const { topic, partition } of partitions) {
        const { logStart, end, lastStable } = this.#broker.partition(topic, partition)
        ranges.set(partitionId(topic, partition), { logStart, end, lastStable })
      }
      return ranges
    })
  }

  async positionsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<PartitionId, number>> {
    return this.#ask('positionsAt', () => {
      const positions = new Map<PartitionId, number>()
      for (const { topic, partition } of partitions) {
        positions.set(partitionId(topic, partition), this.#broker.partition(topic, partition).positionAt(timestamp))
      }
      return positions
    })
  }

  async committed(groupId: string, partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, CommittedPosition>> {
    const ids = partitions.map(({ topic, partition }) => partitionId(topic, partition))
    return this.#ask(
      'committed',
      async () => {
        await this.#untilStable(groupId, ids)
        const positions = this.#broker.groups.get(groupId)?.positions
        const found = new Map<PartitionId, CommittedPosition>()
        for (const id of ids) {
          const position = positions?.get(id)
          if (position !== undefined) found.set(id, { position: position.position, metadata: position.metadata })
        }
        return found
      },
      { groupId },
    )
  }

  async commitFromOutside(groupId: string, positions: readonly PositionToCommit[]): Promise<void> {
    return this.#ask(
      'commitFromOutside',
      () => {
        checkMetadata(groupId, positions)
        for (const { topic, partition } of positions) this.#broker.partition(topic, partition)
        const group = this.#broker.group(groupId)
        if (group.memberIds.length > 0) throw groupHasMembers(groupId, group.memberIds.length)
        group.positions.write(positions)
      },
      { groupId },
    )
  }

  async describeGroup(groupId: string): Promise<{ readonly state: string; readonly members: number }> {
    return this.#ask(
      'describeGroup',
      () => {
        const group = this.#broker.groups.get(groupId)
        return group === undefined ? { state: 'Dead', members: 0 } : { state: group.state, members: group.memberIds.length }
      },
      { groupId },
    )
  }

  async deleteRecords(positions: readonly (TopicPartition & { readonly position: number })[]): Promise<void> {
    return this.#ask('deleteRecords', () => {
      for (const { topic, partition, position } of positions) {
        const log = this.#broker.partition(topic, partition)
        if (!log.settings().deletes) throw cannotDelete(topic, partition, 'cleanup.policy is compact')
        if (position > log.end) throw cannotDelete(topic, partition, `${position} is beyond the end of the log, ${log.end}`)
      }
      for (const { topic, partition, position } of positions) this.#broker.partition(topic, partition).moveLogStart(position)
    })
  }

  async brokers(): Promise<BrokerFacts> {
    return this.#ask('brokers', () => {
      const brokers = Array.from({ length: this.#broker.brokers }, (_, index) => ({ id: index + 1, address: `memory-${index + 1}:9092` }))
      return { clusterId: 'memory', brokers, controller: 1 }
    })
  }

  #ask<Answer>(
    operation: keyof LogAdmin,
    effect: () => Answer | Promise<Answer>,
    about: Pick<LogCall, 'groupId' | 'topic'> = {},
  ): Promise<Answer> {
    return this.#broker.request(this.#connection, { operation, connection: this.#connection.name, ...about }, effect)
  }

  async #untilStable(groupId: string, ids: readonly PartitionId[]): Promise<void> {
    const positions = this.#broker.groups.get(groupId)?.positions
    if (positions === undefined || !positions.isPending(ids)) return
    const { promise, resolve } = Promise.withResolvers<'too late'>()
    const deadline = this.#broker.deadlines.after(COMMITTED_WAIT_MS, () => resolve('too late'))
    try {
      while (positions.isPending(ids)) {
        const changed = new Promise<'changed'>((wake) => positions.onceChanged(() => wake('changed')))
        if ((await Promise.race([changed, promise])) === 'too late') throw positionsPending(groupId, COMMITTED_WAIT_MS)
      }
    } finally {
      this.#broker.deadlines.cancel(deadline)
    }
  }
}
