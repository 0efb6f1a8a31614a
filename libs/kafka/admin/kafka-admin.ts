/** Administration of the log: topics, ends, committed positions, groups (the port's LogAdmin). */
import { Fault } from '../../faults/fault.ts'
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
} from '../../runtime/ports/log.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { faultOf, isCoordinatorMoved, isUntouched } from '../failures.ts'
import { LEADER_WAIT_MS_MAX, PENDING_POSITIONS_WAIT_MS_MAX, TOPIC_READY_MS_MAX } from '../limits.ts'
import { persist } from '../persist.ts'
import type { TopicError } from '../wire/admin-apis.ts'
import { createTopicsApi, deleteRecordsApi, deleteTopicsApi, describeConfigsApi } from '../wire/admin-apis.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { TopicMetadata } from '../wire/cluster-apis.ts'
import { describeGroupsApi, offsetCommitApi, offsetFetchApi } from '../wire/group-apis.ts'
import { askLeaders, listPositionsAt, listRanges } from './partition-ranges.ts'

const ADMIN_TIMEOUT_MS = 20_000

export class KafkaAdmin implements LogAdmin {
  readonly #cluster: Cluster
  /** For questions that are answered at once. What may take its time at the broker has a connection of its own for that time. */
  readonly #questions: Links

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#questions = cluster.openLinks()
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    if (names.length === 0) return new Map()
    const topics = await told('while describing topics', () => this.#topics(names))
    return new Map(
      topics.map(({ name, id, partitions }) => [
        name,
        { name, partitions: partitions.length, replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)), id },
      ]),
    )
  }

  async listTopics(): Promise<readonly string[]> {
    const { topics } = await told('while listing topics', () => this.#cluster.refresh(null))
    return topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name)
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    if (specs.length === 0) return
    await told('while creating topics', async () => {
      await this.#atController(async (links, controller) => {
        const answers = await links.send(controller, createTopicsApi, { topics: specs, timeoutMs: ADMIN_TIMEOUT_MS }, ADMIN_TIMEOUT_MS)
        throwTopicError('CreateTopics', answers, code.TOPIC_ALREADY_EXISTS)
      })
      await this.#untilLed(specs.map(({ name }) => name))
    })
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await told('while deleting topics', () =>
      this.#atController(async (links, controller) => {
        const answers = await links.send(controller, deleteTopicsApi, { topics: names, timeoutMs: ADMIN_TIMEOUT_MS }, ADMIN_TIMEOUT_MS)
        throwTopicError('DeleteTopics', answers, code.UNKNOWN_TOPIC_OR_PARTITION)
      }),
    )
  }

  topicConfig(name: string): Promise<Readonly<Record<string, string>>> {
    return told(`for topic ${name}`, async () => {
      const answer = (await this.#cluster.ask(describeConfigsApi, { topic: name }))[0]
      if (!answer) throw new Refused('DescribeConfigs', code.UNKNOWN_SERVER_ERROR, 'an empty answer')
      if (answer.errorCode !== code.NONE) throw new Refused('DescribeConfigs', answer.errorCode, answer.message)
      return Object.fromEntries(answer.entries.flatMap((entry) => (entry.value === null ? [] : [[entry.name, entry.value]])))
    })
  }

  ranges(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, PartitionRange>> {
    return told('while asking for the ends of partitions', () => listRanges(this.#cluster, this.#questions, partitions))
  }

  positionsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<PartitionId, number>> {
    return told('while asking for positions by time', () => listPositionsAt(this.#cluster, this.#questions, partitions, timestamp))
  }

  async committed(groupId: string, partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, CommittedPosition>> {
    if (partitions.length === 0) return new Map()
    const isPending = (error: unknown): boolean => error instanceof Refused && error.code === code.UNSTABLE_OFFSET_COMMIT
    return told(`for the positions of group ${groupId}`, () =>
      this.#atCoordinator(groupId, PENDING_POSITIONS_WAIT_MS_MAX, isPending, async (links, coordinator) => {
        const { errorCode, offsets } = await links.send(coordinator, offsetFetchApi, { groupId, partitions })
        if (errorCode !== code.NONE) throw new Refused('OffsetFetch', errorCode)
        const refused = offsets.find((one) => one.errorCode !== code.NONE)
        if (refused) throw new Refused('OffsetFetch', refused.errorCode, `${refused.topic}:${refused.partition}`)
        const present = offsets.filter(({ position }) => position >= 0)
        return new Map(
          present.map(({ topic, partition, position, metadata }) => [
            partitionId(topic, partition),
            { position, metadata: metadata ?? '' },
          ]),
        )
      }),
    )
  }

  async commitFromOutside(groupId: string, positions: readonly PositionToCommit[]): Promise<void> {
    if (positions.length === 0) return
    await told(`for the positions of group ${groupId}`, () =>
      this.#atCoordinator(groupId, LEADER_WAIT_MS_MAX, isUntouched, async (links, coordinator) => {
        const answers = await links.send(coordinator, offsetCommitApi, { groupId, positions })
        const refused = answers.find(({ errorCode }) => errorCode !== code.NONE)
        if (!refused) return
        // A commit without a member is refused in these words while the group has members.
        const hasMembers = refused.errorCode === code.UNKNOWN_MEMBER_ID || refused.errorCode === code.REBALANCE_IN_PROGRESS
        if (hasMembers)
          throw new Fault(
            'MR3007',
            'stop',
            `group ${groupId} has members, so its positions cannot be moved from outside. Stop all workers first.`,
          )
        throw new Refused('OffsetCommit', refused.errorCode, `${refused.topic}:${refused.partition}`)
      }),
    )
  }

  describeGroup(groupId: string): Promise<{ readonly state: string; readonly members: number }> {
    return told(`for group ${groupId}`, () =>
      this.#atCoordinator(
        groupId,
        LEADER_WAIT_MS_MAX,
        () => false,
        async (links, coordinator) => {
          const group = (await links.send(coordinator, describeGroupsApi, { groupId }))[0]
          if (!group || group.errorCode === code.GROUP_ID_NOT_FOUND) return { state: 'Dead', members: 0 }
          if (group.errorCode !== code.NONE) throw new Refused('DescribeGroups', group.errorCode)
          return { state: group.state, members: group.members }
        },
      ),
    )
  }

  deleteRecords(positions: readonly (TopicPartition & { readonly position: number })[]): Promise<void> {
    return told('while deleting records', async () => {
      const links = this.#cluster.openLinks()
      try {
        await askLeaders(this.#cluster, links, positions, deleteRecordsApi, (ofBroker) => ({
          positions: ofBroker,
          timeoutMs: ADMIN_TIMEOUT_MS,
        }))
      } catch (error) {
        const isRefusal = error instanceof Refused && (error.code === code.POLICY_VIOLATION || error.code === code.OFFSET_OUT_OF_RANGE)
        if (!isRefusal) throw error
        const why =
          error.code === code.POLICY_VIOLATION
            ? 'cleanup.policy of the topic does not contain delete'
            : 'the position is beyond the end of the partition'
        throw new Fault('MR3009', 'stop', `records of ${error.detail} cannot be deleted: ${why}.`, { cause: error })
      } finally {
        links.close()
      }
    })
  }

  async brokers(): Promise<BrokerFacts> {
    const { brokers, clusterId, controller } = await told('while asking for the brokers', () => this.#cluster.refresh([]))
    return {
      clusterId,
      brokers: brokers.map(({ id, host, port }) => ({ id, address: `${host}:${port}` })),
      controller: controller < 0 ? undefined : controller,
    }
  }

  /** Those that exist. */
  async #topics(names: readonly string[]): Promise<readonly TopicMetadata[]> {
    const { topics } = await this.#cluster.refresh(names)
    const absent: readonly number[] = [code.UNKNOWN_TOPIC_OR_PARTITION, code.INVALID_TOPIC]
    const present = topics.filter(({ errorCode }) => !absent.includes(errorCode))
    const refused = present.find(({ errorCode }) => errorCode !== code.NONE && errorCode !== code.LEADER_NOT_AVAILABLE)
    if (refused) throw new Refused('Metadata', refused.errorCode, refused.name)
    return present
  }

  async #untilLed(names: readonly string[]): Promise<void> {
    const isWaiting = (error: unknown): boolean => error instanceof Refused && error.code === code.LEADER_NOT_AVAILABLE
    await persist({ deadlineMs: TOPIC_READY_MS_MAX, pauseMs: 20, pauseMsMax: 500, mayRepeat: isWaiting }, async () => {
      const topics = await this.#topics(names)
      const led = new Set(
        topics.filter(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)).map(({ name }) => name),
      )
      const waiting = names.find((name) => !led.has(name))
      if (waiting !== undefined) throw new Refused('Metadata', code.LEADER_NOT_AVAILABLE, waiting)
    })
  }

  /** Brokers of a KRaft cluster pass these requests on to the controller; older ones want them there. */
  async #atController<Answer>(work: (links: Links, controller: number) => Promise<Answer>): Promise<Answer> {
    const links = this.#cluster.openLinks()
    const mayRepeat = (error: unknown): boolean =>
      error instanceof NoAnswer ? !error.wasSent : error instanceof Refused && error.code === code.NOT_CONTROLLER
    try {
      return await persist({ deadlineMs: LEADER_WAIT_MS_MAX, pauseMs: 50, pauseMsMax: 500, mayRepeat }, async () => {
        const { controller, brokers } = await this.#cluster.refresh([])
        return work(links, controller >= 0 ? controller : (brokers[0]?.id ?? -1))
      })
    } finally {
      links.close()
    }
  }

  async #atCoordinator<Answer>(
    groupId: string,
    deadlineMs: number,
    mayRepeat: (error: unknown) => boolean,
    work: (links: Links, coordinator: number) => Promise<Answer>,
  ): Promise<Answer> {
    const mayRepeatHere = (error: unknown): boolean => {
      if (isCoordinatorMoved(error)) this.#cluster.forgetCoordinator('group', groupId)
      return isUntouched(error) || mayRepeat(error)
    }
    return persist({ deadlineMs, pauseMs: 5, pauseMsMax: 250, mayRepeat: mayRepeatHere }, async () =>
      work(this.#questions, await this.#cluster.coordinator('group', groupId)),
    )
  }
}

function throwTopicError(apiName: string, answers: readonly TopicError[], ignored: number): void {
  const refused = answers.find(({ errorCode }) => errorCode !== code.NONE && errorCode !== ignored)
  if (refused) throw new Refused(apiName, refused.errorCode, `${refused.topic}${refused.message ? `: ${refused.message}` : ''}`)
}

async function told<Answer>(subject: string, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    throw faultOf(error, subject, 'retry')
  }
}
