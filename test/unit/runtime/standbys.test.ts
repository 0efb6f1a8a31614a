/** Standby copies: what they hold, what they never do, and what a take-over from them costs. */
import { describe, expect, it } from '@jest/globals'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import type { StandbyTask } from '../../../libs/runtime/standby/standby-task.ts'
import { MARK_KEY, REGISTRY_KEY } from '../../../libs/state/key-layout.ts'
import type { MemoryHome } from '../../../libs/state/memory-store.ts'
import { answers, clicks, counting, counts, memory, twoStages } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat, WorkerRequest } from '../../support/memory-application.ts'

const INPUT = clicks.topic
const TASK = 'clicks.0'
const HOUR = 3_600_000
const settings = { standbyReplicas: 1 }
const click = { page: '/', at: 0 }
const say = (app: MemoryApplication, page: string, key = 'ann'): Promise<void> => app.send(INPUT, key, { page, at: 0 })

const copyOf = ({ worker }: Seat, task = TASK): StandbyTask | undefined => worker.standbys.get(task)
const isFollowed = (seat: Seat, task = TASK): boolean => copyOf(seat, task)?.lagRecords === 0

/** An owner with one task, and a worker that follows it. */
async function ownerAndStandby(app: MemoryApplication, request: WorkerRequest = {}): Promise<{ owner: Seat; standby: Seat }> {
  const owner = await app.run()
  await say(app, 'first')
  await app.settle()
  const standby = await app.start(request)
  await app.until(() => isFollowed(standby), 'the copy is at the end')
  return { owner, standby }
}

/** Values in a store that nobody has open. */
async function valuesOf(home: MemoryHome, task = TASK): Promise<[string, string][]> {
  const store = await home.open(task)
  const entries = store.scan({ from: new Uint8Array(0), to: undefined, limit: 10_000 })
  await store.close()
  const own = [MARK_KEY, REGISTRY_KEY].map((key) => Buffer.from(key).toString('hex'))
  return entries
    .map(([key, value]): [string, string] => [Buffer.from(key).toString('hex'), Buffer.from(value).toString()])
    .filter(([key]) => !own.includes(key))
}

/** How much of the changelog each restore has read, by the notes of a worker. */
const restoredBytes = ({ notes }: Seat): number[] =>
  notes.flatMap(({ message }) => (/restored .*, (\d+) bytes read/u.exec(message) ?? []).slice(1).map(Number))

describe('a standby', () => {
  it('holds what the owner has committed, and opens no producer', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    const opened: string[] = []
    const seenAs = (connection: Log): Log => ({
      admin: connection.admin,
      openReader: (...of) => connection.openReader(...of),
      openProducer: async (id, ...of) => {
        opened.push(id)
        return await connection.openProducer(id, ...of)
      },
      joinGroup: (...of) => connection.joinGroup(...of),
      append: (...of) => connection.append(...of),
      close: () => connection.close(),
    })
    const { owner, standby } = await ownerAndStandby(app, { seenAs })
    for (let n = 0; n < 50; n += 1) await app.send(INPUT, `user-${n % 7}`, click)
    await app.settle()
    await app.until(() => isFollowed(standby), 'the copy is at the end')
    expect(opened).toEqual([])
    app.kill(standby)
    app.kill(owner)
    expect(await valuesOf(standby.home)).toEqual(await valuesOf(owner.home))
    expect(await valuesOf(standby.home)).toHaveLength(8)
    await app.close()
  })

  it('takes over without reading the changelog from its start', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    const { owner, standby } = await ownerAndStandby(app)
    for (let n = 0; n < 200; n += 1) await app.send(INPUT, `user-${n}`, click)
    await app.settle()
    await app.until(() => isFollowed(standby), 'the copy is at the end')
    app.kill(owner)
    await app.until(() => standby.worker.tasks.get(TASK)?.state === 'running', 'it has taken over')
    expect(standby.worker.standbys.size).toBe(0)
    const [tookOver = Infinity] = restoredBytes(standby)
    const whole = (await app.read(app.internal('per-user.changelog'))).reduce((sum, { key }) => sum + (key?.length ?? 0), 0)
    expect(tookOver).toBeLessThan(whole / 5)
    for (let n = 0; n < 200; n += 1) await app.send(INPUT, `user-${n}`, click)
    await app.settle()
    expect(await app.lastText(counts.topic)).toMatchObject({ 'user-0': 2, 'user-199': 2, ann: 1 })
    await app.close()
  })

  it('has nothing of a transaction that did not happen', async () => {
    const app = await MemoryApplication.open(memory, { settings })
    let dying = false
    const owner = await app.run({
      probe: (_task, point) => {
        if (!dying || point !== 'before-end-of-transaction') return
        app.kill(owner)
        throw new Error('the worker dies here')
      },
    })
    await say(app, 'kept')
    await app.settle()
    const standby = await app.start()
    await app.until(() => isFollowed(standby), 'the copy is at the end')
    dying = true
    await say(app, 'drop')
    await app.until(() => !owner.alive, 'the owner is dead with a transaction open')
    await app.clock.settle()
    app.kill(standby)
    expect((await valuesOf(standby.home)).map(([, value]) => value)).toEqual(['"kept"'])
    await app.close()
  })

  it('killed at any moment leaves a store that the next worker continues', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    const { standby } = await ownerAndStandby(app)
    let copy = standby
    for (let round = 0; round < 10; round += 1) {
      for (let n = 0; n < 5; n += 1) await app.send(INPUT, `user-${n}`, click)
      for (let turn = 0; turn < round; turn += 1) await app.clock.yield()
      app.kill(copy)
      copy = await app.start({ home: copy.home })
    }
    await app.settle()
    await app.until(() => isFollowed(copy), 'the copy is at the end')
    const [owner] = app.seats
    if (owner !== undefined) app.kill(owner)
    for (let n = 0; n < 5; n += 1) await app.send(INPUT, `user-${n}`, click)
    await app.settle()
    expect(await app.lastText(counts.topic)).toMatchObject(Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`user-${n}`, 11])))
    expect(copy.notes.filter(({ message }) => message.includes('wiped'))).toEqual([])
    await app.close()
  })

  it('is not made of a changelog that has lost its start: the owner goes on, the copy says why there is none', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    await app.run()
    await say(app, '/')
    await app.settle()
    app.log.expire(app.internal('per-user.changelog'), 0, 2)
    const standby = await app.start()
    await app.until(() => copyOf(standby)?.fault !== undefined, 'the copy has a fault')
    expect(copyOf(standby)?.fault).toMatchObject({ code: 'MR5014' })
    await say(app, '/')
    await app.settle()
    expect(await app.lastText(counts.topic)).toEqual({ ann: 2 })
    expect(standby.worker.status().standbys).toMatchObject([{ task: TASK, state: 'waiting', lagRecords: null, fault: { code: 'MR5014' } }])
    await app.close()
  })

  it('that was away for longer than half of delete.retention.ms is made anew: deleted keys do not come back', async () => {
    const app = await MemoryApplication.open(memory, { settings })
    const { owner, standby } = await ownerAndStandby(app)
    app.kill(standby)
    await app.until(() => app.log.membersOf(app.group).length === 1, 'the group knows it')
    await say(app, 'drop')
    await app.settle()
    app.log.compact(app.internal('memory.changelog'), { purgeTombstones: true })
    app.clock.advance(13 * HOUR)
    const again = await app.start({ home: standby.home })
    await app.until(() => isFollowed(again), 'the copy is at the end')
    expect(again.notes.map(({ message }) => message).join()).toContain('wiped and made anew')
    app.kill(owner)
    await say(app, 'ask')
    await app.settle()
    expect((await app.readText(answers.topic)).at(-1)).toEqual(['ann', 'nothing'])
    await app.close()
  })

  it('of a task that is quiet for days stays young, and is continued', async () => {
    const app = await MemoryApplication.open(memory, { settings })
    const { owner, standby } = await ownerAndStandby(app)
    await app.clock.pass(30 * HOUR)
    app.kill(owner)
    await say(app, 'ask')
    await app.settle()
    expect((await app.readText(answers.topic)).at(-1)).toEqual(['ann', 'first'])
    expect(standby.notes.filter(({ message }) => message.includes('wiped'))).toEqual([])
    await app.close()
  })

  it('follows into a new epoch: what was before the reset is gone from the copy', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    const first = await app.run()
    for (const key of ['gone', 'ann', 'ann']) await app.send(INPUT, key, click)
    await app.settle()
    const standby = await app.start()
    await app.until(() => isFollowed(standby), 'the copy is at the end')
    await app.stop(standby)
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const owner = await app.run({ home: first.home })
    const again = await app.start({ home: standby.home })
    await app.until(() => isFollowed(again), 'the copy is at the end')
    app.kill(owner)
    await app.send(INPUT, 'gone', click)
    await app.settle()
    expect(await app.lastText(counts.topic)).toMatchObject({ gone: 1, ann: 2 })
    await app.close()
  })

  it('whose changelog was truncated below it is made anew', async () => {
    const app = await MemoryApplication.open(counting, { settings })
    const { standby } = await ownerAndStandby(app)
    app.kill(standby)
    await app.until(() => app.log.membersOf(app.group).length === 1, 'the group knows it')
    const changelog = app.internal('per-user.changelog')
    const end = app.log.entries(changelog, 0).length
    app.log.truncate(changelog, 0, end - 1)
    const again = await app.start({ home: standby.home })
    await app.until(() => again.notes.some(({ message }) => message.includes('wiped')), 'the copy is made anew')
    expect(again.notes.map(({ message }) => message).join()).toContain('above the end')
    await app.close()
  })

  it('there is one of each task with state, on another worker, through joins and leaves, and the results are right', async () => {
    const app = await MemoryApplication.open(twoStages, { partitions: 4, settings })
    await app.start()
    for (let round = 0; round < 6; round += 1) {
      for (let n = 0; n < 12; n += 1) await app.send(INPUT, `user-${n}`, { page: `/${n % 5}`, at: 0 }, { partition: n % 4 })
      await app.start()
      const [oldest] = app.seats.filter(({ alive }) => alive)
      if (round % 2 === 1 && oldest !== undefined) {
        if (round % 4 === 1) app.kill(oldest)
        else await app.stop(oldest)
      }
    }
    await app.settle()
    const live = app.seats.filter(({ alive }) => alive)
    const copies = (): string[] => live.flatMap(({ worker }) => [...worker.standbys.keys()]).toSorted()
    await app.until(() => copies().length === 4, 'each is copied')
    expect(copies()).toEqual(['page.0', 'page.1', 'page.2', 'page.3'])
    for (const { worker } of live) expect([...worker.standbys.keys()].filter((name) => worker.tasks.has(name))).toEqual([])
    expect(await app.lastText(counts.topic)).toEqual({ '/0': 18, '/1': 18, '/2': 12, '/3': 12, '/4': 12 })
    await app.close()
  })
})
