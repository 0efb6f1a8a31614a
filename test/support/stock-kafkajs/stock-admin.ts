/** The port's administration with kafkajs' admin client. */
import { ConfigResourceTypes } from 'kafkajs'
import type { Admin } from 'kafkajs'
import { partitionId } from '../../../libs/runtime/ports/log.ts'
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
} from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../eventually.ts'
import { asFault } from './stock-faults.ts'

const topicsOf = (partitions: readonly TopicPartition[]): string[] => [...new Set(partitions.map(({ topic }) => topic))]
const within = (partitions: readonly TopicPartition[], topic: string, partition: number): boolean =>
  partitions.some((one) => one.topic === topic && one.partition === partition)

export class StockAdmin implements LogAdmin {
  readonly #admin: Promise<Admin>

  constructor(admin: Promise<Admin>) {
    this.#admin = admin
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    const admin = await this.#admin
    const known = new Set(await asFault(admin.listTopics()))
    const { topics } = await asFault(admin.fetchTopicMetadata({ topics: names.filter((name) => known.has(name)) }))
    return new Map(
      topics
        .filter(({ name }) => names.includes(name))
        .map(({ name, partitions }) => [
          name,
          { name, partitions: partitions.length, replicationFactor: partitions[0]?.replicas.length ?? 0, id: undefined },
        ]),
    )
  }

  async listTopics(): Promise<readonly string[]> {
    return asFault((await this.#admin).listTopics())
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    const topics = specs.map(({ name, partitions, replicationFactor, config }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor,
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    }))
    const admin = await this.#admin
    // `waitForLeaders` fails where the broker does not know the topic yet, which a busy one does not for a moment.
    await asFault(admin.createTopics({ topics, waitForLeaders: false }))
    await eventually(
      async () => {
        const found = await asFault(admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) }))
        const leaderless = found.topics.filter(({ partitions }) => partitions.length === 0 || partitions.some(({ leader }) => leader < 0))
        if (leaderless.length > 0) throw new Error('not every partition has a leader')
      },
      20_000,
      50,
    )
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await asFault((await this.#admin).deleteTopics({ topics: [...names] }))
  }

  async topicConfig(name: string): Promise<Readonly<Record<string, string>>> {
    const admin = await this.#admin
    const { resources } = await asFault(
      admin.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name }], includeSynonyms: false }),
    )
    return Object.fromEntries((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]))
  }

  async ranges(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, PartitionRange>> {
    const admin = await this.#admin
    const found = new Map<PartitionId, PartitionRange>()
    for (const topic of topicsOf(partitions))
      for (const { partition, high, low } of await asFault(admin.fetchTopicOffsets(topic)))
        // The last stable offset is not told.
        if (within(partitions, topic, partition))
          found.set(partitionId(topic, partition), { logStart: Number(low), end: Number(high), lastStable: Number(high) })
    return found
  }

  async positionsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<PartitionId, number>> {
    const admin = await this.#admin
    const found = new Map<PartitionId, number>()
    for (const topic of topicsOf(partitions))
      for (const { partition, offset } of await asFault(admin.fetchTopicOffsetsByTimestamp(topic, timestamp)))
        if (within(partitions, topic, partition)) found.set(partitionId(topic, partition), Number(offset))
    return found
  }

  async committed(groupId: string, partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, CommittedPosition>> {
    const answers = await asFault((await this.#admin).fetchOffsets({ groupId, topics: topicsOf(partitions) }))
    const found = new Map<PartitionId, CommittedPosition>()
    for (const { topic, partitions: ofTopic } of answers)
      for (const { partition, offset, metadata } of ofTopic)
        if (Number(offset) >= 0 && within(partitions, topic, partition))
          found.set(partitionId(topic, partition), { position: Number(offset), metadata: metadata ?? '' })
    return found
  }

  async commitFromOutside(groupId: string, positions: readonly PositionToCommit[]): Promise<void> {
    const admin = await this.#admin
    for (const topic of topicsOf(positions)) {
      const partitions = positions
        .filter((one) => one.topic === topic)
        .map(({ partition, position }) => ({ partition, offset: String(position) }))
      await asFault(admin.setOffsets({ groupId, topic, partitions }))
    }
  }

  async describeGroup(groupId: string): Promise<{ readonly state: string; readonly members: number }> {
    const { groups } = await asFault((await this.#admin).describeGroups([groupId]))
    return { state: groups[0]?.state ?? 'Dead', members: groups[0]?.members.length ?? 0 }
  }

  async deleteRecords(positions: readonly (TopicPartition & { readonly position: number })[]): Promise<void> {
    const admin = await this.#admin
    for (const topic of topicsOf(positions)) {
      const partitions = positions
        .filter((one) => one.topic === topic)
        .map(({ partition, position }) => ({ partition, offset: String(position) }))
      await asFault(admin.deleteTopicRecords({ topic, partitions }))
    }
  }

  async brokers(): Promise<BrokerFacts> {
    const { brokers, controller, clusterId } = await asFault((await this.#admin).describeCluster())
    return {
      clusterId,
      brokers: brokers.map(({ nodeId, host, port }) => ({ id: nodeId, address: `${host}:${port}` })),
      controller: controller ?? undefined,
    }
  }
}
