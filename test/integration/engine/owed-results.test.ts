/**
 * The hot fix of a live version that died between its stages: one worker is stopped with its later stage behind, the other one sends on and
 * is killed. What the dead stage owes comes from the new version, and nothing else twice (engine.md 6.2, hole S7).
 */
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { millraceCommand } from '../../support/millrace-command.ts'
import type { CommandEnd } from '../../support/millrace-command.ts'
import type { Order, Seen } from './topologies/owing.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const MODULE = 'test/integration/engine/topologies/owing.ts'
const CUSTOMERS = 16
const TEST_MS = 120_000
const TOPICS = { orders: PARTITIONS, seen: PARTITIONS, finals: PARTITIONS }

const rig = await EngineRig.open({ brokers: kafka.brokers, module: MODULE, topics: TOPICS })
afterAll(async () => await rig.close())

// A stopped worker keeps its tasks for longer than the test takes: nobody else may drain them.
const workerOf = (version: number, seat: string): EngineWorker =>
  rig.start({
    seat,
    environment: { ENGINE_TEST_VERSION: String(version) },
    words: ['--commit-interval-ms=50', '--session-timeout-ms=60000', '--transaction-timeout-ms=5000'],
  })
const replay = async (action: string, words: readonly string[] = []): Promise<CommandEnd> =>
  await millraceCommand({
    words: ['replay', action, MODULE, `--brokers=${rig.brokers.join(',')}`, ...words],
    environment: { ENGINE_TEST_NAME: rig.name, ENGINE_TEST_VERSION: '2' },
  })

let sent = 0
async function send(count: number): Promise<void> {
  const batches = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, [] as ReturnType<typeof record>[]]))
  for (const until = sent + count; sent < until; sent += 1) {
    const order: Order = { id: sent, customer: `c${sent % CUSTOMERS}` }
    batches.get(sent % PARTITIONS)?.push(record(null, JSON.stringify(order), { timestamp: 1_000_000 + sent * 5 }))
  }
  await rig.append('orders', batches)
}
const seen = async (): Promise<Seen[]> =>
  // As the topology writes it.
  (await rig.read(rig.topic('seen'))).map(({ value }) => JSON.parse(textOf(value) ?? 'null') as Seen)
const finals = async (): Promise<string[]> =>
  (await rig.read(rig.topic('finals'))).map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)

const tasksOf = async (worker: EngineWorker): Promise<readonly string[]> => (await worker.status()).tasks.map((task) => task.name)

/** One that holds a task of the second stage, and another that holds one of the first. */
async function chooseStuck(one: EngineWorker, other: EngineWorker): Promise<readonly [stuck: EngineWorker, goesOn: EngineWorker]> {
  return await eventually(
    async () => {
      const tasks = [await tasksOf(one), await tasksOf(other)] as const
      const has = (names: readonly string[], stage: string): boolean => names.some((name) => name.includes(stage))
      if (tasks[0].length + tasks[1].length === 2 * PARTITIONS) {
        if (has(tasks[0], 'by-customer') && has(tasks[1], 'orders')) return [one, other]
        if (has(tasks[1], 'by-customer') && has(tasks[0], 'orders')) return [other, one]
      }
      throw new Error(`not yet balanced: ${JSON.stringify(tasks)}`)
    },
    60_000,
    200,
  )
}

describe('promote --fence of a version that died between its stages', () => {
  it(
    'gives each result once: what the dead stage has given stays, what it owes comes from the new version',
    async () => {
      const [one, other] = [workerOf(1, 'one'), workerOf(1, 'other')]
      const [stuck, goesOn] = await chooseStuck(one, other)
      await send(1_000)
      await eventually(async () => expect(await seen()).toHaveLength(1_000), 60_000, 200)
      stuck.signal('SIGSTOP')
      const before = await rig.committed('orders', PARTITIONS)
      await send(1_000)
      // At least one partition of the input was read on, and half of what came of it stands before the stopped stage.
      await eventually(async () => expect(await rig.committed('orders', PARTITIONS)).toBeGreaterThanOrEqual(before + 500), 60_000, 200)
      await goesOn.kill()

      const next = workerOf(2, 'next')
      await next.untilSaid('v2 does nothing before its replay is started')
      expect(await replay('start', ['--wait=60s', '--max-lag=100000'])).toMatchObject({ code: 0 })
      const given = (await seen()).length
      expect(given).toBeLessThan(2_000)
      const promoted = await replay('promote', ['--fence', '--json', '--max-pause=60s'])
      expect({ code: promoted.code, err: promoted.err }).toEqual({ code: 0, err: '' })

      // Who wakes now is powerless.
      stuck.signal('SIGCONT')
      await send(CUSTOMERS * 40)
      await eventually(async () => expect((await seen()).length).toBeGreaterThanOrEqual(sent), 60_000, 200)
      await eventually(async () => expect((await stuck.status()).tasks.map((task) => task.state)).toContain('retired'), 60_000, 200)
      const all = await seen()
      expect(all.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, id) => id))
      expect(all.filter(({ by, id }) => by === 2 && id < 2_000).length).toBe(2_000 - given)
      const windows = await finals()
      expect(windows.length).toBeGreaterThan(CUSTOMERS)
      expect(new Set(windows).size).toBe(windows.length)
    },
    TEST_MS,
  )
})
