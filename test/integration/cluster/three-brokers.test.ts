/**
 * A cluster of three loses one broker after the other, in each part that a broker can have, and for a while two: workers go on by
 * themselves, nothing is lost and nothing is counted twice. What each fault cost in time is printed at the end.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { ProofFeed } from '../../support/proof/feed.ts'
import { differences, foundResults, recompute } from '../../support/proof/oracle.ts'
import { brokerJava } from '../../chaos/run.ts'
import { Watch } from '../../chaos/watch.ts'
import { controllerOf, coordinatorOf, leaderOf } from '../../support/cluster-roles.ts'
import { EngineRig, textOf } from '../../support/engine-rig.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { isFullRun } from '../../support/test-scale.ts'

const PARTITIONS = 4
const TASKS = 8
const RATE = 300
const WITHIN_MS = 240_000
/** Session of a dead broker 6 s, transaction time-out 10 s, and a machine that is busy. */
const STALL_MS_MAX = 90_000
/** So much must have come out after each fault, in each partition, before the next one. */
const GOES_ON_RECORDS = 30

process.env['KAFKA_HEAP_OPTS'] ??= brokerJava
const kafka = await kafkaForTests({ brokers: 3 })
const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/support/proof/topology.ts',
  topics: { orders: PARTITIONS, chains: PARTITIONS, regions: PARTITIONS, windows: PARTITIONS },
})
const outside = kafkaLog({ brokers: kafka.brokers, clientId: 'outside', requestTimeoutMs: 5_000 })
const feed = new ProofFeed(outside, rig.topic('orders'), { partitions: PARTITIONS, perSecond: RATE, seed: Date.now() % 1_000_000 })
const watch = new Watch(outside, rig.topic('chains'), PARTITIONS, [])
const workers = [rig.start({ seat: 'first' }), rig.start({ seat: 'second' })]
const stalls: string[] = []
afterAll(async () => {
  process.stderr.write(`longest time without output: ${stalls.join(', ')}\n`)
  await feed.pause()
  await watch.close()
  await rig.close()
  await outside.close()
  await kafka.stop()
}, WITHIN_MS)
beforeAll(async () => {
  for (const worker of workers) await rig.running(worker, TASKS / 2, 120_000)
}, WITHIN_MS)

async function goesOn(): Promise<void> {
  const before = watch.ends
  await eventually(
    () => watch.ends.forEach((end, partition) => expect(end).toBeGreaterThan((before[partition] ?? 0) + GOES_ON_RECORDS)),
    STALL_MS_MAX,
    100,
  )
}

/** The fault under load, and everything up to now exactly. */
async function exactUnder(name: string, fault: () => Promise<void>): Promise<void> {
  feed.start()
  await goesOn()
  watch.begin()
  await fault()
  await goesOn()
  stalls.push(`${name} ${(watch.longestStallMs / 1_000).toFixed(1)} s`)
  expect(watch.longestStallMs).toBeLessThan(STALL_MS_MAX)
  await feed.pause()
  await expectExact()
}

async function expectExact(): Promise<void> {
  await rig.drained(
    [
      [rig.topic('orders'), PARTITIONS],
      [rig.internal('by-region.repartition'), PARTITIONS],
    ],
    STALL_MS_MAX,
  )
  const lines = async (topic: string): Promise<{ partition: number; key: string | null; value: string | null }[]> =>
    (await rig.read(rig.topic(topic))).map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))
  const expected = recompute(await lines('orders'))
  const found = foundResults(await lines('chains'), await lines('regions'), await lines('windows'))
  expect(differences(found, expected)).toEqual([])
  expect(workers.map((worker) => worker.running)).toEqual([true, true])
  expect(workers.flatMap((worker) => worker.lines.filter(({ level }) => level === 'error' || level === 'fatal'))).toEqual([])
}

const parts: Readonly<Record<string, () => Promise<number>>> = {
  'the leader of an input': () => leaderOf(kafka.brokers, rig.topic('orders'), 0),
  'the coordinator of the transactions of a task': () => coordinatorOf(kafka.brokers, 'transaction', transactionalId()),
  'the coordinator of the group': () => coordinatorOf(kafka.brokers, 'group', rig.group),
  'the controller of the quorum': () => controllerOf(kafka.brokers),
}
const transactionalId = (): string => `${rig.group}.${rig.topic('orders')}.0`
/** All of them each way in full. In short one: each costs the start of a broker. */
const ways = Object.keys(parts)
  .flatMap((part) => (['kill', 'end'] as const).map((way) => ({ part, way })))
  .filter(({ part, way }) => isFullRun || (part.includes('transactions') && way === 'kill'))

describe('a cluster of three brokers under two workers', () => {
  it('has every topic of the application on three brokers, two of which must have each record', async () => {
    const names = (await rig.log.admin.listTopics()).filter((name) => name.startsWith(rig.name))
    expect(names.length).toBeGreaterThan(8)
    const all = [...names, '__transaction_state', '__consumer_offsets']
    const described = await rig.log.admin.describeTopics(all)
    for (const name of all) {
      expect([name, described.get(name)?.replicationFactor]).toEqual([name, 3])
      expect([name, (await rig.log.admin.topicConfig(name))['min.insync.replicas']]).toEqual([name, '2'])
    }
  })

  it.each(ways)(
    'loses $part ($way), and goes on exactly',
    async ({ part, way }) => {
      await exactUnder(`${way} of ${part}`, async () => {
        const broker = (await parts[part]?.()) ?? 1
        await (way === 'kill' ? kafka.kill(broker) : kafka.end(broker))
        await goesOn()
        await kafka.restart(broker)
      })
    },
    WITHIN_MS,
  )

  it(
    'has a broker that holds its connections and answers nothing, and goes on exactly',
    async () => {
      await exactUnder('a frozen leader', async () => {
        const broker = await leaderOf(kafka.brokers, rig.topic('orders'), 1)
        await kafka.freeze(broker)
        try {
          await goesOn()
        } finally {
          await kafka.thaw(broker)
        }
      })
    },
    WITHIN_MS,
  )

  if (isFullRun)
    it(
      'is restarted one broker after the other, and goes on exactly',
      async () => {
        await exactUnder('a rolling restart', async () => {
          for (const broker of [1, 2, 3]) {
            await kafka.end(broker)
            await kafka.restart(broker)
            await goesOn()
          }
        })
      },
      WITHIN_MS,
    )

  it(
    'loses two brokers, so that nothing can be written: workers wait with bounded memory and go on by themselves when they are back',
    async () => {
      await exactUnder('two of three away', async () => {
        await kafka.kill(1)
        await kafka.kill(2)
        const ends = watch.ends
        await eventually(async () => expect((await Promise.all(workers.map((worker) => worker.status()))).length).toBe(2))
        expect(workers.map((worker) => worker.running)).toEqual([true, true])
        await kafka.restart(1)
        await kafka.restart(2)
        await goesOn()
        expect(watch.ends.every((end, partition) => end > (ends[partition] ?? 0))).toBe(true)
      })
    },
    WITHIN_MS,
  )

  it(
    'and leaves no open transaction when the workers have ended in order',
    async () => {
      expect((await Promise.all(workers.map((worker) => worker.stop()))).map(({ code }) => code)).toEqual([0, 0])
      await eventually(async () => expect(await rig.openTransactions()).toEqual([]), 30_000)
    },
    WITHIN_MS,
  )
})
