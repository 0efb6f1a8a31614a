/** Workers come, go and freeze while orders keep coming: nothing is lost, nothing is counted twice, and what can stay where it is stays. */
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { expectedLedger, foundLedger, ledgerDifference, seededRandom } from '../../support/ledger-orders.ts'
import { OrderFeed } from '../../support/order-feed.ts'
import { scaled } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 4
const TASKS = 8
const SHUTDOWN_MS = 10_000
const seed = Date.now() % 1_000_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/ledger.ts',
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
const feed = new OrderFeed(rig, seededRandom(seed), PARTITIONS)
afterAll(async () => {
  await feed.stop()
  await rig.close()
})

/** Everything up to now, exactly. */
async function expectExact(): Promise<void> {
  await feed.stop()
  await rig.drained([
    [rig.topic('orders'), PARTITIONS],
    [rig.internal('by-region.repartition'), PARTITIONS],
  ])
  const lines = async (topic: string): ReturnType<typeof readLines> => await readLines(rig.topic(topic))
  const found = foundLedger(await lines('balances'), await lines('regions'))
  expect({ seed, difference: ledgerDifference(found, expectedLedger(feed.sent)) }).toEqual({ seed })
}

const readLines = async (topic: string): Promise<{ partition: number; key: string | null; value: string | null }[]> =>
  (await rig.read(topic)).map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))

const tasksOf = async (worker: EngineWorker): Promise<readonly string[]> =>
  (await worker.status()).tasks.filter((task) => task.state === 'running').map((task) => task.name)

const restoresOf = (worker: EngineWorker, tasks: readonly string[]): number =>
  worker.said(': restored ').filter((line) => tasks.includes(String(line['task']))).length

/** These share all tasks, each has its part, and all of them run. */
async function settled(...workers: readonly EngineWorker[]): Promise<void> {
  await eventually(
    async () => {
      const parts = await Promise.all(workers.map(tasksOf))
      const tasks = parts.flat()
      for (const part of parts) expect(part.length).toBeGreaterThanOrEqual(Math.floor(TASKS / workers.length))
      expect(new Set(tasks).size).toBe(TASKS)
      expect(tasks).toHaveLength(TASKS)
    },
    60_000,
    100,
  )
}

const STORM_ROUNDS = scaled(7, 60)
/** Beside the two that stay. */
const GUESTS_MAX = scaled(4, 6)

async function leave(workers: readonly EngineWorker[], isKilled: boolean): Promise<void> {
  await Promise.all(workers.map((worker) => (isKilled ? worker.kill() : worker.stop())))
}

describe('while orders keep coming', () => {
  const first = rig.start({ seat: 'first', words: ['--shutdown-ms', String(SHUTDOWN_MS)] })
  const second = rig.start({ seat: 'second' })
  let third: EngineWorker

  it('a third worker joins: tasks that stay where they are are not restored, and all results are exact', async () => {
    await settled(first, second)
    feed.start()
    const before = { first: await tasksOf(first), second: await tasksOf(second) }
    third = rig.start({ seat: 'third' })
    await eventually(async () => expect((await tasksOf(third)).length).toBeGreaterThanOrEqual(2), 60_000, 100)
    await settled(first, second, third)
    for (const [worker, had] of [[first, before.first] as const, [second, before.second] as const]) {
      const has = await tasksOf(worker)
      expect(has.filter((task) => !had.includes(task))).toEqual([])
      expect(restoresOf(worker, has)).toBe(has.length)
    }
    await expectExact()
  }, 120_000)

  it('SIGTERM ends a worker within its bound, with exit code 0 and no transaction left open; the others keep what they have', async () => {
    feed.start()
    await feed.more()
    const kept = await tasksOf(second)
    const begun = performance.now()
    const end = await first.stop()
    expect(end.code).toBe(0)
    expect(performance.now() - begun).toBeLessThan(SHUTDOWN_MS)
    expect(first.lines.filter(({ level }) => level === 'error' || level === 'fatal').map(({ msg }) => msg)).toEqual([])
    await settled(second, third)
    expect((await tasksOf(second)).filter((task) => kept.includes(task))).toEqual(kept)
    expect(restoresOf(second, kept)).toBe(kept.length)
    await expectExact()
    await eventually(async () => expect(await rig.openTransactions()).toEqual([]))
  }, 120_000)

  it('a worker that starts again continues from what it has on its disk', async () => {
    feed.start()
    const begun = performance.now()
    const had = new Set(first.said(': restored ').map((line) => line['task']))
    const again = rig.start({ seat: 'first' })
    try {
      await settled(again, second, third)
      expect(performance.now() - begun).toBeLessThan(30_000)
      const fromStart = again.said(': restored ').filter((line) => line['from'] === 0)
      expect(fromStart.map((line) => line['task']).filter((task) => had.has(task))).toEqual([])
      expect(again.text).not.toContain('is wiped and rebuilt')
      await expectExact()
    } finally {
      await again.stop()
    }
  }, 120_000)

  it('a worker that was frozen for longer than its session has lost its tasks, discards what it had in hand, and joins again', async () => {
    await settled(second, third)
    feed.start()
    second.signal('SIGSTOP')
    await eventually(async () => expect(await tasksOf(third)).toHaveLength(TASKS), 60_000, 100)
    await feed.more()
    second.signal('SIGCONT')
    await settled(second, third)
    await expectExact()
    expect(second.said('no longer a member of the group').length).toBeGreaterThan(0)
    expect(second.running).toBe(true)
  }, 120_000)

  it('a storm of workers that join and leave, in order or by kill -9, faster than the group comes to rest: tasks go on all the time', async () => {
    await settled(second, third)
    feed.start()
    const random = seededRandom(seed + 1)
    const guests: EngineWorker[] = []
    let committed = await rig.committed('orders', PARTITIONS)
    for (let round = 0; round < STORM_ROUNDS; round++) {
      const [joins, leaves] = [guests.length < 2 || (guests.length < GUESTS_MAX && random() < 0.5), random()]
      if (joins) guests.push(rig.start({ seat: `guest-${round}` }))
      else await leave(guests.splice(Math.floor(leaves * guests.length), 1), random() < 0.5)
      // Not until it has settled: until something was committed, whoever did it.
      const before = committed
      await eventually(async () => expect((committed = await rig.committed('orders', PARTITIONS))).toBeGreaterThan(before), 60_000, 100)
    }
    await leave(guests, false)
    await settled(second, third)
    await expectExact()
    await eventually(async () => expect(await rig.openTransactions()).toEqual([]), 30_000)
    expect([second.running, third.running]).toEqual([true, true])
  }, 600_000)

  it('all of them stop, and leave no open transaction in any topic of the application', async () => {
    feed.start()
    await feed.more()
    const ends = await Promise.all([second.stop(), third.stop()])
    expect(ends.map((end) => end.code)).toEqual([0, 0])
    await feed.stop()
    await eventually(async () => expect(await rig.openTransactions()).toEqual([]))
    const last = rig.start({ seat: 'third' })
    await settled(last)
    await expectExact()
  }, 120_000)
})
