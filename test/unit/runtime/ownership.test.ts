/** One owner for each task (P3), whoever thinks that it is one: zombies, second clusters, wars of two owners, storms of rebalances. */
import { describe, expect, it } from '@jest/globals'
import { topology } from 'millrace'
import { clicks, counting, counts, twoStages } from '../../support/hole-topologies.ts'
import { seededRandom } from '../../support/ledger-orders.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'
import { scaled } from '../../support/test-scale.ts'

const INPUT = clicks.topic
const TASK = 'clicks.0'
const click = { page: '/', at: 0 }

/** The same name and version, another shape. */
const stranger = topology('counting', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .keyBy('page', (one) => one.page)
    .count('per-page')
    .to(counts)
})

/** Everything that the cluster holds of the application. */
async function contents(app: MemoryApplication): Promise<string> {
  const topics = (await app.log.admin.listTopics()).toSorted()
  const found = await app.log.admin.describeTopics(topics)
  return JSON.stringify(
    topics.map((name) =>
      Array.from({ length: found.get(name)?.partitions ?? 0 }, (_, partition) => [name, app.log.entries(name, partition)]),
    ),
  )
}

describe('a zombie', () => {
  it('cut off from the group, with its data path open, commits nothing after the take-over, discards, joins again and stays up', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const zombie = await app.run()
    const other = await app.run()
    const send = async (): Promise<void> => {
      for (let partition = 0; partition < 2; partition += 1) await app.send(INPUT, `user-${partition}`, click, { partition })
    }
    await send()
    await app.settle()
    const [mine = ''] = [...zombie.worker.tasks.keys()]
    app.log.freeze(zombie.worker.identity.memberId)
    const { memberId } = zombie.worker.identity
    await app.until(() => other.worker.tasks.get(mine)?.state === 'running', 'the other one has taken over')
    for (let round = 0; round < 5; round += 1) {
      await send()
      await app.clock.pass(1_000)
    }
    const hungry = zombie.worker.tasks.get(mine)
    expect(hungry?.history.fenced).toBeGreaterThan(0)
    const commitsAsZombie = hungry?.history.commits
    app.log.thaw(memberId)
    await app.settle()
    expect(hungry?.history.commits).toBe(commitsAsZombie)
    await app.until(() => zombie.worker.tasks.size === 1, 'it has a task again')
    await send()
    await app.settle()
    expect(zombie.worker.state).toBe('running')
    expect(zombie.worker.identity.memberId).not.toBe(memberId)
    expect(await app.lastText(counts.topic)).toEqual({ 'user-0': 7, 'user-1': 7 })
    for (const user of ['user-0', 'user-1']) {
      const seen = (await app.readText(counts.topic)).filter(([key]) => key === user).map(([, value]) => value)
      expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => Number(a) - Number(b)))
    }
    await app.close()
  })
})

describe('a second cluster of workers with the same name and version', () => {
  it('of another topology is refused before it touches anything', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    const before = await contents(app)
    const members = app.log.membersOf(app.group)
    const { seat, ready } = app.launch({ release: stranger })
    await expect(app.during(ready)).rejects.toMatchObject({ code: 'MR5003', action: 'stop' })
    seat.alive = false
    expect(await contents(app)).toBe(before)
    expect(app.log.membersOf(app.group)).toEqual(members)
    expect(await seat.home.list()).toEqual([])
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(await app.lastText(counts.topic)).toEqual({ ann: 2 })
    await app.close()
  })

  it('of the same topology is simply more workers: a rolling upgrade goes on with every mixture of old and new', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 3 })
    const old = [await app.run(), await app.run(), await app.run()]
    for (const seat of old) {
      for (let partition = 0; partition < 3; partition += 1) await app.send(INPUT, `user-${partition}`, click, { partition })
      await app.stop(seat)
      await app.start({ home: seat.home, release: counting })
    }
    await app.settle()
    expect(await app.lastText(counts.topic)).toEqual({ 'user-0': 3, 'user-1': 3, 'user-2': 3 })
    expect(app.seats.flatMap(({ notes }) => notes.filter(({ message }) => message.includes('wiped')))).toEqual([])
    await app.close()
  })
})

describe('a war of two owners', () => {
  it('is told, with a code, backed off more each time, and no result is wrong', async () => {
    const app = await MemoryApplication.open(counting)
    const { worker, notes } = await app.run()
    const told: { code: unknown; at: number }[] = []
    const takenAt: number[] = []
    const task = app.task(TASK)
    for (let battle = 0; battle < 8; battle += 1) {
      await app.send(INPUT, 'ann', click)
      await app.settle()
      takenAt.push(app.clock.monotonic())
      const enemy = await app.during(app.log.openProducer(task.context.task.transactionalId))
      await enemy.close()
      await app.send(INPUT, 'ann', click)
      await app.settle()
      told.push({ code: notes.at(-1)?.message.includes('again and again'), at: app.clock.monotonic() - (takenAt.at(-1) ?? 0) })
    }
    expect(worker.state).toBe('running')
    expect(task.history.fenced).toBe(8)
    expect(await app.lastText(counts.topic)).toEqual({ ann: 16 })
    const flapping = notes.filter(({ message }) => message.includes('its owner changes again and again'))
    expect(flapping).toHaveLength(5)
    const pauses = told.map(({ at }) => at)
    expect(pauses[0]).toBeLessThanOrEqual(3_500)
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(10_000)
    expect(pauses.at(-1)).toBeLessThanOrEqual(11_000)
    await app.close()
  })
})

describe('a storm of rebalances', () => {
  it.each([2, 5, 20])('of up to %i workers: every round makes progress, no task is stuck, all results are exact', async (workersMax) => {
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const app = await MemoryApplication.open(twoStages, { partitions: 6, settings: { standbyReplicas: 1 } })
    const live = (): Seat[] => app.seats.filter(({ alive }) => alive)
    const expected: Record<string, number> = {}
    await app.start()
    for (let round = 0; round < scaled(4, 15); round += 1) {
      for (let change = 0; change < workersMax; change += 1) {
        const victim = live()[Math.floor(random() * live().length)]
        const dice = random()
        if (live().length < 2 || (dice < 0.5 && live().length < workersMax)) await app.start()
        else if (victim !== undefined && dice < 0.75) app.kill(victim)
        else if (victim !== undefined) await app.stop(victim)
        const page = `/${Math.floor(random() * 7)}`
        expected[page] = (expected[page] ?? 0) + 1
        await app.send(INPUT, `user-${change}`, { page, at: 0 }, { partition: change % 6 })
        await app.clock.pass(Math.floor(random() * 2_000))
      }
      await app.settle()
      expect({ seed, round, found: await app.lastText(counts.topic) }).toEqual({ seed, round, found: expected })
    }
    expect(app.tasks().map(({ name }) => name)).toHaveLength(12)
    await app.close()
  })
})
