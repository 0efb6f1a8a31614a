/**
 * Standby copies and a zombie on a real broker: a worker is cut off from its group while its way to the data stays open. Others take over from
 * their copies; nothing that it does afterwards stands; it comes back by itself.
 */
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultProxy } from '../../support/fault-proxy/fault-proxy.ts'
import { drop } from '../../support/fault-proxy/faults.ts'
import { membershipApis } from '../../support/fault-proxy/kafka-request.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { expectedLedger, foundLedger, ledgerDifference, seededRandom } from '../../support/ledger-orders.ts'
import { OrderFeed } from '../../support/order-feed.ts'
import { scaled } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const TASKS = 4
const seed = Date.now() % 1_000_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/ledger.ts',
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
const proxy = await FaultProxy.open(kafka.brokers)
const feed = new OrderFeed(rig, seededRandom(seed), PARTITIONS)
afterAll(async () => {
  await feed.stop()
  await rig.close()
  await proxy.close()
})

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

const runningTasks = async (worker: EngineWorker): Promise<readonly string[]> =>
  (await worker.status()).tasks.filter((task) => task.state === 'running').map((task) => task.name)

/** Each of the two has half of the tasks, and follows the other half to its end. */
async function shared(...workers: readonly EngineWorker[]): Promise<void> {
  await eventually(
    async () => {
      for (const worker of workers) {
        const { standbys = [] } = await worker.status()
        expect(await runningTasks(worker)).toHaveLength(TASKS / 2)
        expect(standbys.map(({ state }) => state)).toEqual(['following', 'following'])
        for (const { lagRecords } of standbys) expect(lagRecords).toBeLessThan(2_000)
      }
    },
    60_000,
    100,
  )
}

describe('two workers that follow each other', () => {
  const words = ['--standby-replicas=1']
  const zombie = rig.start({ seat: 'zombie', words: [...words, `--brokers=${proxy.brokers.join(',')}`] })
  const heir = rig.start({ seat: 'heir', words })
  // A zombie may fence and write fence records; what it may never do is to commit positions.
  const commits = { done: 0, refused: 0 }
  const count = (codes: readonly number[] | undefined): boolean => {
    if (codes?.every((one) => one === 0) === true) commits.done += 1
    else commits.refused += 1
    return false
  }
  proxy.watch({ api: 'TxnOffsetCommit', on: 'response', where: (_, codes) => count(codes) })

  for (let round = 1; round <= scaled(1, 5); round += 1) {
    it(`one is cut off from the group: the other goes on from its copies, the zombie commits nothing more and returns (${round})`, async () => {
      await shared(zombie, heir)
      feed.start()
      await feed.more()
      await shared(zombie, heir)
      const taken = await runningTasks(zombie)
      const before = heir.said(': restored ').length
      const cutOff = proxy.times(Infinity, { api: membershipApis }, drop)
      await eventually(async () => expect(await runningTasks(heir)).toHaveLength(TASKS), 60_000, 100)
      const { done } = commits
      await feed.more()
      await feed.more()
      expect(commits.done).toBe(done)
      const restores = heir
        .said(': restored ')
        .slice(before)
        .filter((line) => taken.includes(String(line['task'])))
      expect(restores).toHaveLength(taken.length)
      for (const { from } of restores) expect(from).toBeGreaterThan(0)
      expect(heir.text).not.toContain('is wiped and rebuilt')
      cutOff.end()
      await shared(zombie, heir)
      expect(zombie.running).toBe(true)
      await expectExact()
    }, 180_000)
  }

  it('after kill -9 of one the other has all tasks soon, without a full restore', async () => {
    await shared(zombie, heir)
    feed.start()
    await feed.more()
    const before = heir.said(': restored ').length
    const taken = await runningTasks(zombie)
    await zombie.kill()
    await eventually(async () => expect(await runningTasks(heir)).toHaveLength(TASKS), 60_000, 100)
    for (const line of heir.said(': restored ').slice(before))
      if (taken.includes(String(line['task']))) expect(line['from']).toBeGreaterThan(0)
    await expectExact()
    await eventually(async () => expect(await rig.openTransactions()).toEqual([]))
  }, 120_000)
})
