import { describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import type { MemoryConnection, MemoryLog } from '../../../libs/memory/memory-log.ts'
import type { GroupIdentity, GroupMember } from '../../../libs/runtime/ports/log.ts'
import { faultOf, heldBy, MemberProbe } from '../../support/log-probe.ts'

const ALL = [0, 1, 2, 3]

interface Group {
  readonly log: MemoryLog
  readonly clock: ManualClock
  join(name: string, connection?: MemoryConnection): Promise<{ probe: MemberProbe; member: GroupMember }>
}

async function group(): Promise<Group> {
  const clock = new ManualClock()
  const log = memoryLog({ clock })
  await log.admin.createTopics([{ name: 't', partitions: 4, replicationFactor: -1, config: {} }])
  return {
    log,
    clock,
    join: async (name, connection = log) => {
      const probe = new MemberProbe(name, 't', 4)
      const member = await connection.joinGroup(
        { groupId: 'g', topics: ['t'], protocol: 'p', sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 5_000 },
        probe,
      )
      await clock.settle()
      return { probe, member }
    },
  }
}

function identityOf(probe: MemberProbe): GroupIdentity {
  if (probe.identity === undefined) throw new Error(`${probe.name} is no member`)
  return probe.identity
}

async function sendAs(log: MemoryLog, identity: GroupIdentity): Promise<void> {
  const producer = await log.openProducer('id')
  await producer.sendPositions(identity, [{ topic: 't', partition: 0, position: 1, metadata: '' }])
  await producer.commit()
}

describe('a member that is expelled', () => {
  it('loses everything at once, is refused under its old identity, and joins again under a new id', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')
    const two = await join('two')
    const old = identityOf(one.probe)

    log.expel('g', old.memberId)
    const refused = await faultOf(sendAs(log, old))
    await clock.settle()

    expect(refused.action).toBe('release-task')
    expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'assigned', 'lost', 'assigned'])
    expect(identityOf(one.probe).memberId).not.toBe(old.memberId)
    expect(heldBy(one.probe, two.probe)).toEqual(ALL)
    await sendAs(log, identityOf(one.probe))
  })
})

describe('a member that is expelled while its request to join again is on the way', () => {
  it('does not come back under its old id', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')
    const old = identityOf(one.probe).memberId
    const delay = Promise.withResolvers<undefined>()
    log.faults = { before: ({ operation }) => (operation === 'join' ? delay.promise : undefined) }
    one.member.rejoin()
    await clock.settle()

    log.expel('g', old)
    log.faults = {}
    delay.resolve(undefined)
    await clock.settle()

    expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'lost', 'assigned'])
    expect(log.membersOf('g')).toEqual([identityOf(one.probe).memberId])
    expect(log.membersOf('g')).not.toContain(old)
  })
})

describe('a member that is frozen', () => {
  it('hears of no assignment until it thaws, though its request for it had gone out before', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')
    const planned = Promise.withResolvers<void>()
    const plan = one.probe.assign.bind(one.probe)
    one.probe.assign = (members) => planned.promise.then(() => plan(members))
    const two = await join('two')
    const second = log.membersOf('g').find((memberId) => memberId !== one.probe.identity?.memberId) ?? ''

    log.freeze(second)
    planned.resolve()
    await clock.settle()
    const whileFrozen = [...two.probe.told]
    log.thaw(second)
    await clock.settle()

    expect(whileFrozen).toEqual([])
    expect(two.probe.told).toEqual(['assigned'])
    expect(heldBy(one.probe, two.probe)).toEqual(ALL)
  })

  it('is expelled when its session times out, hears of it when it thaws, and joins again', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')
    const two = await join('two')
    const old = identityOf(one.probe)

    log.freeze(old.memberId)
    await clock.pass(999)
    expect(log.membersOf('g')).toHaveLength(2)
    await sendAs(log, old)
    await clock.pass(1)

    expect(two.probe.held).toEqual(ALL)
    expect((await faultOf(sendAs(log, old))).action).toBe('release-task')
    // It still believes in its assignment: nobody has told it anything.
    expect(one.probe.told.at(-1)).toBe('assigned')
    log.thaw(old.memberId)
    await clock.settle()

    expect(one.probe.told.slice(-2)).toEqual(['lost', 'assigned'])
    expect(heldBy(one.probe, two.probe)).toEqual(ALL)
  })

  it('stays a member when it thaws in time, and hears of the rebalance that it missed', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')

    log.freeze(identityOf(one.probe).memberId)
    const joining = join('two')
    await clock.pass(500)
    expect(one.probe.told).toEqual(['assigned'])
    log.thaw(identityOf(one.probe).memberId)
    const two = await joining
    await clock.settle()

    expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'assigned'])
    expect(heldBy(one.probe, two.probe)).toEqual(ALL)
  })
})

describe('a rebalance', () => {
  it('goes on without a member that takes longer than the rebalance time-out, and that member has lost everything', async () => {
    const { clock, join } = await group()
    const one = await join('one')
    const finished = Promise.withResolvers<void>()
    one.probe.beforeRebalancing = finished.promise
    const two = await join('two')

    await clock.pass(4_999)
    expect(two.probe.told).toEqual([])
    await clock.pass(1)
    expect(two.probe.held).toEqual(ALL)
    expect(one.probe.told.at(-1)).toBe('lost')
    finished.resolve()
    await clock.settle()

    expect(heldBy(one.probe, two.probe)).toEqual(ALL)
  })

  it('takes in a third member that joins while the first one still finishes its work', async () => {
    const { clock, join } = await group()
    const one = await join('one')
    const finished = Promise.withResolvers<void>()
    one.probe.beforeRebalancing = finished.promise
    const others = [await join('two'), await join('three')]

    finished.resolve()
    await clock.settle()

    const probes = [one.probe, ...others.map((other) => other.probe)]
    expect(heldBy(...probes)).toEqual(ALL)
    expect(new Set(probes.map((probe) => identityOf(probe).generation)).size).toBe(1)
    expect(one.probe.told).toEqual(['assigned', 'rebalancing', 'assigned'])
  })

  it('goes on when a member leaves in the middle of it', async () => {
    const { clock, join } = await group()
    const one = await join('one')
    one.probe.beforeRebalancing = new Promise(() => undefined)
    const two = await join('two')

    await one.member.leave()
    await clock.settle()

    expect(two.probe.held).toEqual(ALL)
    expect(one.probe.told).toEqual(['assigned', 'rebalancing'])
  })

  it('starts again when the leader is expelled before it gave its assignment', async () => {
    const { log, clock, join } = await group()
    const one = await join('one')
    one.probe.assign = () => new Promise(() => undefined)
    const two = await join('two')
    expect(two.probe.told).toEqual([])

    await clock.pass(5_000)

    expect(two.probe.held).toEqual(ALL)
    expect(await log.admin.describeGroup('g')).toEqual({ state: 'Stable', members: 1 })
  })
})

describe('joining', () => {
  it('is refused where the group is used by another program', async () => {
    const { log, clock, join } = await group()
    await join('one')
    const probe = new MemberProbe('other', 't', 4)

    await log.joinGroup({ groupId: 'g', topics: ['t'], protocol: 'range' }, probe)
    await clock.settle()

    expect(probe.faults).toMatchObject([{ code: 'MR3013', action: 'stop' }])
    expect(log.membersOf('g')).toHaveLength(1)
  })

  it('is repeated when the answer is lost, and the id that nobody uses falls out by its session time-out', async () => {
    const { log, clock, join } = await group()
    let lost = 0
    log.faults = {
      after: ({ operation }) =>
        operation === 'join' && lost++ === 0 ? Promise.reject(new Fault('MR3010', 'retry', 'no answer')) : undefined,
    }

    const one = await join('one')
    await clock.pass(100)
    expect(log.membersOf('g')).toHaveLength(2)
    await clock.pass(6_000)

    expect(log.membersOf('g')).toEqual([identityOf(one.probe).memberId])
    expect(one.probe.held).toEqual(ALL)
  })

  it('ends in a fault where the assignor throws', async () => {
    const { log, clock } = await group()
    const probe = new MemberProbe('one', 't', 4)
    probe.assign = () => Promise.reject(new Error('no plan'))

    await log.joinGroup({ groupId: 'g', topics: ['t'], protocol: 'p' }, probe)
    await clock.settle()

    expect(probe.faults).toMatchObject([{ message: 'no plan' }])
    expect(await log.admin.describeGroup('g')).toEqual({ state: 'Empty', members: 0 })
  })
})

describe('a killed connection', () => {
  it('never answers, gets no callback, keeps its transaction open, and is found out by time-outs only', async () => {
    const { log, clock, join } = await group()
    const worker = log.connect('worker')
    const one = await join('one', worker)
    const two = await join('two')
    const producer = await worker.openProducer('task', { transactionTimeoutMs: 2_000 })
    await producer.send([{ topic: 't', partition: 0, records: [{ key: null, value: Buffer.from('x'), timestamp: 0, headers: [] }] }])
    const told = one.probe.told.length

    worker.kill()
    let answered = false
    void producer.commit().finally(() => (answered = true))
    await clock.pass(999)
    expect(log.membersOf('g')).toHaveLength(2)
    await clock.pass(1)
    expect(two.probe.held).toEqual(ALL)
    expect((await log.admin.ranges([{ topic: 't', partition: 0 }])).get('t:0')?.lastStable).toBe(0)
    await clock.pass(1_000)

    expect((await log.admin.ranges([{ topic: 't', partition: 0 }])).get('t:0')).toEqual({ logStart: 0, end: 2, lastStable: 2 })
    expect(one.probe.told).toHaveLength(told)
    expect(answered).toBe(false)
  })

  it('leaves its groups when it is closed in order', async () => {
    const { log, clock, join } = await group()
    const worker = log.connect()
    await join('one', worker)
    const two = await join('two')

    await worker.close()
    await clock.settle()

    expect(two.probe.held).toEqual(ALL)
    expect((await faultOf(worker.admin.listTopics())).code).toBe('MR3012')
    expect(await log.admin.listTopics()).toEqual(['t'])
  })
})
