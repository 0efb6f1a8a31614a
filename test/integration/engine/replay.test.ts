/** A second version beside the first, with orders coming all the time: promoted, killed in the middle, rolled back. Every result once, in order. */
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, textOf } from '../../support/engine-rig.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { expectedLedger, foundLedger, ledgerDifference, seededRandom } from '../../support/ledger-orders.ts'
import { millraceCommand } from '../../support/millrace-command.ts'
import type { CommandEnd } from '../../support/millrace-command.ts'
import { scaled } from '../../support/test-scale.ts'
import { OrderFeed } from '../../support/order-feed.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const MODULE = 'test/integration/engine/topologies/ledger.ts'
const KILLED_AT = ['live-halted:', 'new-halted:', 'cut:', 'opened:']
const TEST_MS = 180_000
const seed = Date.now() % 1_000_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: MODULE,
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
const feed = new OrderFeed(rig, seededRandom(seed), PARTITIONS)
afterAll(async () => {
  await feed.stop()
  await rig.close()
})

const workerOf = (version: number) =>
  rig.start({ seat: `v${version}`, environment: { ENGINE_TEST_VERSION: String(version) }, words: ['--commit-interval-ms=50'] })

const replay = async (action: string, version: number, words: readonly string[] = [], killAt?: string): Promise<CommandEnd> =>
  await millraceCommand({
    words: ['replay', action, MODULE, `--brokers=${rig.brokers.join(',')}`, ...words],
    environment: { ENGINE_TEST_NAME: rig.name, ENGINE_TEST_VERSION: String(version) },
    killAt,
  })

const linesIn = async (topic: string) =>
  (await rig.read(rig.topic(topic))).map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))

/** Everything up to now, exactly, as the live version has it. */
async function expectExact(live: number): Promise<void> {
  await feed.stop()
  const inputs = [
    [rig.topic('orders'), PARTITIONS],
    [`${rig.name}.v${live}.by-region.repartition`, PARTITIONS],
  ] as const
  await rig.drained(inputs, 60_000, `${rig.name}.v${live}`)
  const found = foundLedger(await linesIn('balances'), await linesIn('regions'))
  expect({ seed, difference: ledgerDifference(found, expectedLedger(feed.sent)) }).toEqual({ seed })
}

const writersOf = async (topic: string): Promise<ReadonlySet<string>> =>
  new Set((await rig.read(rig.topic(topic))).map(({ headers }) => textOf(headers.find(([name]) => name === 'millrace')?.[1] ?? null) ?? ''))

describe('a new version beside the live one, while orders keep coming', () => {
  const old = workerOf(1)
  let next = old

  it(
    'waits, then runs in shadow: nothing of it is in the real topics',
    async () => {
      await rig.running(old, 2 * PARTITIONS)
      feed.start()
      await feed.more(1_000)
      next = workerOf(2)
      await next.untilSaid('v2 does nothing before its replay is started')
      const started = await replay('start', 2, ['--wait=120s', '--max-lag=100000'])
      expect(started).toMatchObject({ code: 0 })
      expect([...(await writersOf('balances'))]).toEqual([`${rig.name}.v1/1`])
      const inShadow = `${rig.name}.v2.out.${rig.topic('balances')}`
      await eventually(async () => expect((await rig.read(inShadow)).length).toBeGreaterThan(0), 60_000, 200)
    },
    TEST_MS,
  )

  it(
    'would give the same again, but for what depends on the order across tasks: a check in memory says so',
    async () => {
      const checked = await replay('check', 2, ['--records=2000', '--json'])
      expect(checked).toMatchObject({ code: 0 })
      expect(JSON.parse(checked.out)).toMatchObject({ version: 2, differences: [], anotherOrder: { step: 'region' } })
    },
    TEST_MS,
  )

  it(
    'compares what both have given: the same, where it does not depend on the order across tasks',
    async () => {
      const verified = await replay('verify', 2, ['--json', '--max-lag=100000'])
      const { sinks } = JSON.parse(verified.out) as { sinks: { topic: string; compared: number; equal: number }[] }
      const balances = sinks.find((sink) => sink.topic === rig.topic('balances'))
      expect(balances?.compared).toBeGreaterThan(1_000)
      expect(balances?.equal).toBe(balances?.compared)
    },
    TEST_MS,
  )

  it(
    'a promotion that is killed, wherever it is, leaves the live version at work or the new one, and is finished by giving it again',
    async () => {
      for (const step of KILLED_AT.slice(0, scaled(2, KILLED_AT.length))) {
        const killed = await replay('promote', 2, ['--max-pause=3s', '--max-lag=100000'], step)
        expect(killed.code).not.toBe(0)
      }
      const before = await rig.committed('orders', PARTITIONS)
      await eventually(async () => expect(await rig.committed('orders', PARTITIONS)).toBeGreaterThan(before), 60_000, 200)
      const promoted = await replay('promote', 2, ['--json', '--max-lag=100000'])
      expect({ code: promoted.code, err: promoted.err }).toEqual({ code: 0, err: '' })
      const { decision, pauseMs } = JSON.parse(promoted.out) as { decision: string; pauseMs: number }
      expect(decision).toBe('flip')
      expect(pauseMs).toBeLessThan(30_000)
      process.stderr.write(`outputs stood still for ${pauseMs} ms\n`)
      await feed.more(2_000)
      await expectExact(2)
      expect([...(await writersOf('balances'))].toSorted((a, b) => (a < b ? -1 : 1))).toEqual([`${rig.name}.v1/1`, `${rig.name}.v2/1`])
      expect((await old.status()).tasks.map((task) => task.state)).toEqual(['retired', 'retired', 'retired', 'retired'])
    },
    TEST_MS,
  )

  it(
    'rolls back by the same way, and a restarted worker of the version that is not live stays idle',
    async () => {
      feed.start()
      await feed.more(1_000)
      const back = await replay('rollback', 2, ['--json', '--max-lag=100000'])
      expect({ code: back.code, err: back.err }).toEqual({ code: 0, err: '' })
      await next.kill()
      const again = workerOf(2)
      await again.untilSaid('v2 is retired and does nothing')
      await feed.more(1_000)
      await expectExact(1)
      expect((await again.status()).tasks.every((task) => task.state === 'retired')).toBe(true)
    },
    TEST_MS,
  )

  it(
    'names versions, tells who is live, and refuses what makes no sense',
    async () => {
      const status = await replay('status', 2, ['--json'])
      const { live, versions } = JSON.parse(status.out) as { live: number; versions: { version: number; role: string }[] }
      expect(live).toBe(1)
      expect(versions.map(({ version, role }) => [version, role])).toEqual([
        [1, 'live'],
        [2, 'retired'],
      ])
      expect((await replay('promote', 1, ['--now'])).err).toMatch(/^MR2061 v1 of .* is the live version already/)
      expect((await replay('promote', 3, ['--now'])).err).toMatch(/^MR2069 .* has no version 3: known are v1, v2/)
      expect((await replay('rollback', 2)).err).toMatch(/^MR2061 v1 of .* is the live version already, since a rollback from v2/)
      expect((await replay('promote', 2, ['--now'])).err).toMatch(/^MR2062 v2 of .* is not in shadow, it is retired/)
      expect((await replay('drop', 2)).err).toMatch(/^MR2066 .*still has \d+ worker/)
    },
    TEST_MS,
  )
})
