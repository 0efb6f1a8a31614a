/** Promises of the log port about consumer groups: sharing, handing over, generations. */
import { expect } from '@jest/globals'
import type { GroupIdentity, GroupMember, PositionToCommit } from '../../libs/runtime/ports/log.ts'
import { eventually } from './eventually.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep } from './log-home.ts'
import { faultOf, heldBy, MemberProbe } from './log-probe.ts'

const PARTITIONS = 4
const ALL = [0, 1, 2, 3]

export function groupPromises(homeOf: HomeOf, it: Keep): void {
  sharing(homeOf, it)
  handingOver(homeOf, it)
  identities(homeOf, it)
}

async function join(homeOf: HomeOf, groupId: string, topic: string, name: string): Promise<{ probe: MemberProbe; member: GroupMember }> {
  const probe = new MemberProbe(name, topic, PARTITIONS)
  const member = await homeOf().log.joinGroup({ groupId, topics: [topic], protocol: 'conformance', heartbeatIntervalMs: 200 }, probe)
  return { probe, member }
}

const untilHeld = (expected: readonly number[], ...probes: readonly MemberProbe[]): Promise<void> =>
  eventually(() => {
    for (const probe of probes) expect(probe.held.length).toBeGreaterThan(0)
    expect(heldBy(...probes)).toEqual(expected)
    expect(new Set(probes.map((probe) => probe.identity?.generation)).size).toBe(1)
  }, 40_000)

const identityOf = (probe: MemberProbe): GroupIdentity => {
  if (probe.identity === undefined) throw new Error(`${probe.name} has no identity`)
  return probe.identity
}

function sharing(homeOf: HomeOf, it: Keep): void {
  it(
    'gives a member alone everything, two members a share each, and the one that stays everything again',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const group = uniqueName('group')

      const one = await join(homeOf, group, topic, 'one')
      await untilHeld(ALL, one.probe)
      const alone = identityOf(one.probe)
      const two = await join(homeOf, group, topic, 'two')
      await untilHeld(ALL, one.probe, two.probe)
      const together = identityOf(one.probe)
      expect(await log.admin.describeGroup(group)).toEqual({ state: 'Stable', members: 2 })
      await one.member.leave()
      await untilHeld(ALL, two.probe)

      expect(alone).toMatchObject({ groupId: group, memberId: together.memberId })
      expect(together.generation).toBeGreaterThan(alone.generation)
      expect(identityOf(two.probe).generation).toBeGreaterThan(together.generation)
      expect(identityOf(two.probe).memberId).not.toBe(alone.memberId)
      // Each assignment but the first comes after the end of the former one.
      expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'assigned'])
      await two.member.leave()
      await eventually(async () => expect((await log.admin.describeGroup(group)).members).toBe(0))
      expect([...one.probe.faults, ...two.probe.faults]).toEqual([])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'brings the user data of each member to the leader, and what the leader says of it back',
    async () => {
      const { uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const group = uniqueName('group')

      const one = await join(homeOf, group, topic, 'one')
      await untilHeld(ALL, one.probe)
      const two = await join(homeOf, group, topic, 'two')
      await untilHeld(ALL, one.probe, two.probe)

      const leader = [one.probe, two.probe].find((probe) => probe.seen?.length === 2)
      const seen = new Map(leader?.seen?.map(({ memberId, userData }) => [memberId, Buffer.from(userData).toString()]))
      expect(seen).toEqual(new Map([one.probe, two.probe].map((probe) => [identityOf(probe).memberId, probe.name] as const)))
      for (const probe of [one.probe, two.probe]) expect(Buffer.from(probe.assignment?.userData ?? []).toString()).toBe(probe.name)
      await Promise.all([one.member.leave(), two.member.leave()])
    },
    PROMISE_TIMEOUT_MS,
  )
}

function handingOver(homeOf: HomeOf, it: Keep): void {
  it(
    'gives partitions to another member only after onRebalancing of the former one has resolved',
    async () => {
      const { uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const group = uniqueName('group')
      const one = await join(homeOf, group, topic, 'one')
      await untilHeld(ALL, one.probe)
      const finished = Promise.withResolvers<void>()
      one.probe.beforeRebalancing = finished.promise

      const two = await join(homeOf, group, topic, 'two')
      await eventually(() => expect(one.probe.told).toEqual(['assigned', 'rebalancing']))
      const toldMeanwhile = [...two.probe.told]
      finished.resolve()
      await untilHeld(ALL, one.probe, two.probe)

      expect(toldMeanwhile).toEqual([])
      await Promise.all([one.member.leave(), two.member.leave()])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'holds a rebalance when a member asks for it',
    async () => {
      const { uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const one = await join(homeOf, uniqueName('group'), topic, 'one')
      await untilHeld(ALL, one.probe)
      const before = identityOf(one.probe)

      one.member.rejoin()
      await eventually(() => expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'assigned']))

      expect(one.probe.held).toEqual(ALL)
      expect(identityOf(one.probe)).toMatchObject({ memberId: before.memberId })
      expect(identityOf(one.probe).generation).toBeGreaterThan(before.generation)
      await one.member.leave()
    },
    PROMISE_TIMEOUT_MS,
  )
}

function identities(homeOf: HomeOf, it: Keep): void {
  const sendAs = async (identity: GroupIdentity, position: PositionToCommit): Promise<void> => {
    const { log, uniqueName } = homeOf()
    const producer = await log.openProducer(uniqueName('id'))
    try {
      await producer.sendPositions(identity, [position])
      await producer.commit()
    } finally {
      await producer.close()
    }
  }

  it(
    'takes positions from a member of the generation, and from no other',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const group = uniqueName('group')
      const one = await join(homeOf, group, topic, 'one')
      await untilHeld(ALL, one.probe)
      const identity = identityOf(one.probe)
      const position = (at: number): PositionToCommit => ({ topic, partition: 0, position: at, metadata: 'm' })

      await sendAs(identity, position(1))
      const stale = await faultOf(sendAs({ ...identity, generation: identity.generation - 1 }, position(2)))
      const stranger = await faultOf(sendAs({ ...identity, memberId: 'stranger' }, position(3)))
      await one.member.leave()
      await eventually(async () => expect((await log.admin.describeGroup(group)).members).toBe(0))
      const left = await faultOf(sendAs(identity, position(4)))

      expect([stale, stranger, left].map((fault) => fault.action)).toEqual(['release-task', 'release-task', 'release-task'])
      expect((await log.admin.committed(group, [{ topic, partition: 0 }])).get(`${topic}:0`)).toEqual({ position: 1, metadata: 'm' })
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'refuses positions from outside while the group has members, and changes nothing',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), PARTITIONS)
      const group = uniqueName('group')
      const one = await join(homeOf, group, topic, 'one')
      await untilHeld(ALL, one.probe)

      await faultOf(log.admin.commitFromOutside(group, [{ topic, partition: 0, position: 5, metadata: '' }]))
      const whileRunning = await log.admin.committed(group, [{ topic, partition: 0 }])
      await one.member.leave()
      await eventually(() => log.admin.commitFromOutside(group, [{ topic, partition: 0, position: 5, metadata: '' }]))

      expect(whileRunning.size).toBe(0)
      expect((await log.admin.committed(group, [{ topic, partition: 0 }])).get(`${topic}:0`)).toEqual({ position: 5, metadata: '' })
    },
    PROMISE_TIMEOUT_MS,
  )
}
