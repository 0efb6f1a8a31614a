/** Membership with kafkajs' consumer: a custom assignor, and the events that there are. It tells no generation, and waits for nobody before it gives partitions back. */
import { AssignerProtocol } from 'kafkajs'
import type { Assigner, Consumer, Kafka } from 'kafkajs'
import type { GroupEvents, GroupMember, GroupOptions, TopicPartition } from '../../../libs/runtime/ports/log.ts'
import { asFault } from './stock-faults.ts'

export async function joinStockGroup(kafka: Kafka, options: GroupOptions, events: GroupEvents): Promise<GroupMember> {
  const consumer = kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs ?? 10_000,
    heartbeatInterval: options.heartbeatIntervalMs ?? 3_000,
    rebalanceTimeout: options.rebalanceTimeoutMs ?? 60_000,
    partitionAssigners: [(): Assigner => assigner(options, events)],
  })
  consumer.on(consumer.events.REBALANCING, () => void events.onRebalancing())
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, numbers]) =>
      numbers.map((partition): TopicPartition => ({ topic, partition })),
    )
    const identity = { groupId: options.groupId, memberId: payload.memberId, generation: -1 }
    void events.onAssigned(identity, { partitions, userData: Buffer.alloc(0) })
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => events.onFault(payload.error))
  await asFault(start(consumer, options))
  return {
    rejoin: () => undefined, // There is no way to ask for it.
    leave: async () => asFault(consumer.disconnect()),
  }
}

async function start(consumer: Consumer, { topics }: GroupOptions): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics] })
  await consumer.run({ autoCommit: false, eachBatch: async () => undefined })
}

function assigner({ protocol, topics }: GroupOptions, events: GroupEvents): Assigner {
  return {
    name: protocol,
    version: 1,
    protocol: () => ({
      name: protocol,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics: [...topics], userData: Buffer.from(events.userData()) }),
    }),
    async assign({ members }) {
      const known = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        userData: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData ?? Buffer.alloc(0),
      }))
      return [...(await events.assign(known))].map(([memberId, { partitions, userData }]) => {
        const assignment: Record<string, number[]> = {}
        for (const { topic, partition } of partitions) (assignment[topic] ??= []).push(partition)
        return {
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 1, assignment, userData: Buffer.from(userData) }),
        }
      })
    },
  }
}
