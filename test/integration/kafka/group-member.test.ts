/** A group member's bad days on a real broker: expelled, too slow, unable to assign, stuck with strangers, cut off. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, describe, expect, it } from '@jest/globals'
import { Cluster } from '../../../libs/kafka/cluster.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { kafkaSettings } from '../../../libs/kafka/kafka-options.ts'
import { leaveGroupApi } from '../../../libs/kafka/wire/group-apis.ts'
import type { AssignmentOf, GroupIdentity, GroupMember, MemberOf } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { MemberProbe } from '../../support/log-probe.ts'

const WITHIN_MS = 60_000
const PARTITIONS = 2
const { brokers } = await kafkaForTests()
const log = kafkaLog({ brokers })
const members: GroupMember[] = []
afterEach(async () => {
  for (const member of members.splice(0)) await member.leave()
})
afterAll(() => log.close())

async function join(
  probe: MemberProbe,
  groupId: string,
  more: { protocol?: string; rebalanceTimeoutMs?: number } = {},
): Promise<GroupMember> {
  const member = await log.joinGroup({ groupId, topics: ['rides'], protocol: 'test', heartbeatIntervalMs: 200, ...more }, probe)
  members.push(member)
  return member
}

/** Throws a member out, as an operator's tool does. */
async function expel({ groupId, memberId }: GroupIdentity): Promise<void> {
  const cluster = new Cluster(kafkaSettings({ brokers }))
  const links = cluster.openLinks()
  const { errorCode } = await links.send(await cluster.coordinator('group', groupId), leaveGroupApi, { groupId, memberId })
  expect(errorCode).toBe(0)
  cluster.close()
}

describe('a group member', () => {
  it(
    'that was expelled loses everything at once and comes back by itself under a new id',
    async () => {
      const probe = new MemberProbe('one', 'rides', PARTITIONS)
      await join(probe, randomUUID())
      await eventually(() => expect(probe.told).toEqual(['assigned']))
      const before = probe.identity
      if (!before) throw new Error('assigned without an identity')

      await expel(before)

      await eventually(() => expect(probe.told).toEqual(['assigned', 'lost', 'assigned']))
      expect(probe.identity?.memberId).not.toBe(before.memberId)
      expect(probe.faults).toEqual([])
    },
    WITHIN_MS,
  )

  it(
    'whose callback outlasts the rebalance time-out is lost; it joins anew, and no callback begins before the slow one has ended',
    async () => {
      const slow = Promise.withResolvers<void>()
      let calls = 0
      class SlowProbe extends MemberProbe {
        override async onAssigned(identity: GroupIdentity, assignment: AssignmentOf): Promise<void> {
          await super.onAssigned(identity, assignment)
          calls++
          if (calls === 1) await slow.promise
        }
      }
      const probe = new SlowProbe('slow', 'rides', PARTITIONS)
      await join(probe, randomUUID(), { rebalanceTimeoutMs: 1_500 })

      await eventually(() => expect(probe.told).toEqual(['assigned', 'lost']))
      expect(calls).toBe(1)
      slow.resolve()

      await eventually(() => expect(probe.told.slice(0, 3)).toEqual(['assigned', 'lost', 'assigned']))
      await eventually(() => expect(probe.held).toHaveLength(PARTITIONS))
      expect(probe.faults).toEqual([])
    },
    WITHIN_MS,
  )

  it(
    'keeps its membership by heartbeats while a callback takes longer than the session',
    async () => {
      const finished = Promise.withResolvers<void>()
      const probe = new MemberProbe('one', 'rides', PARTITIONS)
      probe.beforeRebalancing = finished.promise
      const groupId = randomUUID()
      const member = await log.joinGroup(
        { groupId, topics: ['rides'], protocol: 'test', heartbeatIntervalMs: 500, sessionTimeoutMs: 6_000 },
        probe,
      )
      members.push(member)
      await eventually(() => expect(probe.told).toEqual(['assigned']))
      const { memberId } = probe.identity ?? {}

      member.rejoin()
      const begin = performance.now()
      await eventually(() => {
        if (performance.now() - begin < 8_000) throw new Error('the session is not over yet')
      })
      finished.resolve()

      await eventually(() => expect(probe.told).toEqual(['assigned', 'rebalancing', 'assigned']))
      expect(probe.identity?.memberId).toBe(memberId)
    },
    WITHIN_MS,
  )

  it(
    'that leads and cannot assign for a moment tries again',
    async () => {
      let attempts = 0
      class Undecided extends MemberProbe {
        override async assign(all: readonly MemberOf[]): Promise<ReadonlyMap<string, AssignmentOf>> {
          attempts++
          // A question to the log that fails and may be asked again.
          if (attempts === 1) await kafkaLog({ brokers: ['127.0.0.1:1'], unreachableAfterMs: 100 }).admin.listTopics()
          return super.assign(all)
        }
      }
      const probe = new Undecided('one', 'rides', PARTITIONS)
      await join(probe, randomUUID())

      await eventually(() => expect(probe.told).toEqual(['assigned']))
      expect(attempts).toBe(2)
      expect(probe.faults).toEqual([])
    },
    WITHIN_MS,
  )

  it(
    'of another kind is told so, and stops',
    async () => {
      const groupId = randomUUID()
      const [ours, other] = [new MemberProbe('ours', 'rides', PARTITIONS), new MemberProbe('other', 'rides', PARTITIONS)]
      await join(ours, groupId)
      await eventually(() => expect(ours.held).toHaveLength(PARTITIONS))

      await join(other, groupId, { protocol: 'another' })

      await eventually(() => expect(other.faults).toHaveLength(1))
      expect(other.faults[0]).toMatchObject({ code: 'MR3013', action: 'stop' })
      expect(ours.held).toHaveLength(PARTITIONS)
    },
    WITHIN_MS,
  )
})
