/**
 * Two stages, offsets moved back by Kafka's own tool and by `millrace reset`, with kill -9 in between: the newest epoch in the outputs is what
 * plain loops make of the records from the target on, and no result of an older epoch stands behind one of a newer.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { EngineRig, NAME_VARIABLE, textOf } from '../../support/engine-rig.ts'
import type { ReadRecord } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { repositoryRoot } from '../../support/engine-worker.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { consumerGroups } from '../../support/kafka-tool.ts'
import { expectedLedger, foundLedger, ledgerDifference, orderRecords, ordersOf, seededRandom } from '../../support/ledger-orders.ts'
import type { LedgerOrder } from '../../support/ledger-orders.ts'
import { announceSteps } from '../../support/reset-cases.ts'
import { scaled } from '../../support/test-scale.ts'

const run = promisify(execFile)
const kafka = await kafkaForTests()
const PARTITIONS = 4
const RECORDS = scaled(3_000, 100_000)
const MODULE = 'test/integration/engine/topologies/ledger.ts'
/** A worker that restores and resets lives about so long, ms: kills hit it in all of it. */
const KILL_WITHIN_MS = 4_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: MODULE,
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
afterAll(() => rig.close())

const seed = Date.now() % 1_000_000
const random = seededRandom(seed)
const orders: LedgerOrder[] = []
let epoch = 1

async function more(count: number): Promise<void> {
  const fresh = ordersOf(random, count, PARTITIONS)
  const before = orders.length
  orders.push(...fresh)
  const records = orderRecords(orders)
  // Times go on where they were; only what is new is sent.
  const sent = new Map([...records].map(([partition, list]) => [partition, list.slice(countIn(orders.slice(0, before), partition))]))
  await rig.append('orders', sent)
}

const countIn = (list: readonly LedgerOrder[], partition: number): number => list.filter((one) => one.partition === partition).length

/** The orders from these offsets on. */
function from(offsets: readonly number[]): LedgerOrder[] {
  const seen = Array.from({ length: PARTITIONS }, () => 0)
  return orders.filter(({ partition }) => {
    const offset = seen[partition] ?? 0
    seen[partition] = offset + 1
    return offset >= (offsets[partition] ?? 0)
  })
}

const epochIn = ({ headers }: ReadRecord): number =>
  Number(
    Buffer.from(headers.find(([name]) => name === 'millrace')?.[1] ?? [])
      .toString()
      .split('/')[1],
  )

/** What the newest epoch has written; older ones must stand before it, key by key. */
async function newest(
  topic: string,
): Promise<{ lines: { partition: number; key: string | null; value: string | null }[]; backwards: string[] }> {
  const records = await rig.read(rig.topic(topic))
  const last = new Map<string, number>()
  const backwards: string[] = []
  for (const record of records) {
    const key = String(textOf(record.key))
    if (epochIn(record) < (last.get(key) ?? 0)) backwards.push(`${key} at ${record.partition}@${record.offset}`)
    last.set(key, epochIn(record))
  }
  const own = records.filter((record) => epochIn(record) === epoch)
  return { lines: own.map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) })), backwards }
}

async function expectEpoch(target: readonly number[]): Promise<void> {
  await rig.drained(
    [
      [rig.topic('orders'), PARTITIONS],
      [rig.internal('by-region.repartition'), PARTITIONS],
    ],
    120_000,
  )
  const [balances, regions] = [await newest('balances'), await newest('regions')]
  const expected = from(target)
  expect({ seed, epoch, difference: ledgerDifference(foundLedger(balances.lines, regions.lines), expectedLedger(expected)) }).toEqual({
    seed,
    epoch,
  })
  expect(balances.lines).toHaveLength(expected.length)
  expect([...balances.backwards, ...regions.backwards]).toEqual([])
}

const tool = (...words: readonly string[]): Promise<string> =>
  consumerGroups(rig.brokers, '--group', rig.group, '--reset-offsets', ...words, '--execute')

/** Starts workers one after the other and kills each with -9, at any moment of its start; the last one lives. */
async function startWithKills(kills: number): Promise<EngineWorker> {
  for (let n = 0; n < kills; n++) {
    const victim = rig.start({ seat: `seat-${n % 2}` })
    await new Promise((resolve) => setTimeout(resolve, 500 + random() * KILL_WITHIN_MS))
    await victim.kill()
  }
  return rig.start({ seat: 'seat-0' })
}

const noComplaints = (worker: EngineWorker): void =>
  expect(worker.lines.filter((line) => line.level === 'error' || line.level === 'fatal')).toEqual([])

describe('reprocessing a topology of two stages on a real broker', () => {
  let worker: EngineWorker
  beforeAll(async () => {
    await more(RECORDS)
    worker = rig.start({ seat: 'seat-0' })
    await expectEpoch([])
    await worker.stop()
  }, 120_000)

  it('the tool, to earliest, of all topics; workers killed at any moment of their reset', async () => {
    await tool('--all-topics', '--to-earliest')
    epoch = 2
    worker = await startWithKills(scaled(2, 20))
    await more(500)
    await expectEpoch([])
    noComplaints(worker)
    await worker.stop()
  }, 240_000)

  it('the tool, to a time', async () => {
    const cut = Math.floor(orders.length / 3)
    const at = new Date(1_704_067_200_000 + cut).toISOString().replace('Z', '')
    await tool('--topic', rig.topic('orders'), '--to-datetime', at)
    epoch = 3
    worker = await startWithKills(scaled(0, 10))
    await expectEpoch(Array.from({ length: PARTITIONS }, (_, partition) => countIn(orders.slice(0, cut), partition)))
    noComplaints(worker)
    await worker.stop()
  }, 180_000)

  it('the tool, to single offsets of each partition', async () => {
    const targets = [10, 20, 30, 40]
    for (const [partition, offset] of targets.entries())
      await tool('--topic', `${rig.topic('orders')}:${partition}`, '--to-offset', String(offset))
    epoch = 4
    worker = await startWithKills(scaled(0, 10))
    await more(500)
    await expectEpoch(targets)
    noComplaints(worker)
  }, 240_000)

  it('millrace reset while the worker runs, killed with -9 behind each step and repeated', async () => {
    const command = async (killAt?: string): Promise<string> => {
      const program = join(repositoryRoot, 'node_modules/.bin/node')
      const words = [
        'reset',
        MODULE,
        '--to-earliest',
        '--yes',
        '--json',
        `--brokers=${rig.brokers.join(',')}`,
        '--transaction-timeout-ms=3000',
      ]
      const environment = {
        PATH: process.env['PATH'],
        [NAME_VARIABLE]: rig.name,
        ...(killAt === undefined ? {} : { KILL_AT_STEP: killAt }),
      }
      const script = join(repositoryRoot, 'test/support/millrace-until-step.ts')
      return await run(program, [script, ...words], { cwd: repositoryRoot, env: environment, timeout: 90_000 }).then(
        ({ stdout }) => stdout,
        (error: Error & { readonly signal?: string }) => {
          if (error.signal !== 'SIGKILL') throw error
          return 'killed'
        },
      )
    }
    for (const step of announceSteps) expect(await command(step)).toBe('killed')
    // The transaction of the last one was over.
    expect(JSON.parse(await command())).toMatchObject({ epoch: 6, done: true, members: 1, followed: 8, tasks: 8 })
    epoch = 6
    await more(500)
    await expectEpoch([])
    noComplaints(worker)
    await worker.stop()
  }, 300_000)
})
