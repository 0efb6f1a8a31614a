/**
 * Offsets moved back by every way that a stock tool or another client has, on one stage and on two, with the worker killed at each step of
 * the reset: the newest epoch is what an oracle makes of the records from the target on, and each task was reset once, not twice.
 * In `make test` one way and one step for each number of stages, by the seed that is printed; all in `make test-full`, or with RESET_KILLS=all.
 */
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { seededRandom } from '../../support/ledger-orders.ts'
import { ResetRig } from '../../support/reset-rig.ts'
import { isFullRun } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const RECORDS = 2_000
const TEST_MS = 120_000
/** Every change has the same small choice, so that what breaks is its own; the full run has all of it, another seed by RESET_SEED. */
const seed = Number(process.env['RESET_SEED'] ?? 924_977)
const isAll = isFullRun || process.env['RESET_KILLS'] === 'all'
const random = seededRandom(seed)
process.stderr.write(`reset kills, seed ${seed}\n`)

const own: readonly FailPoint[] = [
  'reset:before-send',
  'reset:after-send',
  'reset:before-end-of-transaction',
  'reset:after-end-of-transaction',
  'reset:after-store-write',
]
const announced: readonly FailPoint[] = [
  'announce:control-taken',
  'announce:tasks-fenced',
  'announce:facts-read',
  'announce:sent',
  'announce:done',
]

/** Moves the offsets of a group without members; answers where each partition begins then. */
type Way = (ledger: ResetRig, before: readonly number[]) => Promise<readonly number[]>
const fromStart: readonly number[] = Array.from({ length: PARTITIONS }, () => 0)
const orders = (ledger: ResetRig): string => ledger.rig.topic('orders')
const ways: Readonly<Record<string, Way>> = {
  '--to-earliest': async (ledger) => {
    await ledger.tool('--topic', orders(ledger), '--to-earliest')
    return fromStart
  },
  '--to-datetime': async (ledger) => {
    const { time, target } = ledger.timeAt(3)
    await ledger.tool('--topic', orders(ledger), '--to-datetime', time)
    return target
  },
  // With one stage a single partition may be moved; with two all of them must be.
  '--to-offset': async (ledger, before) => {
    const moved = ledger.stages === 1 ? `${orders(ledger)}:1` : orders(ledger)
    await ledger.tool('--topic', moved, '--to-offset', '30')
    return ledger.stages === 1 ? [before[0] ?? 0, 30] : [30, 30]
  },
  '--shift-by': async (ledger) => {
    const ends = (await ledger.rig.log.admin.committed(ledger.rig.group, partitionsOf(ledger))).values()
    await ledger.tool('--topic', orders(ledger), '--shift-by', '-100')
    return [...ends].map(({ position }) => position - 100)
  },
  'kafkajs admin': async (ledger) => {
    const client = new Kafka({ brokers: [...ledger.rig.brokers], clientId: 'somebody-else', logLevel: logLevel.NOTHING })
    const admin = client.admin()
    await admin.connect()
    try {
      await admin.setOffsets({
        groupId: ledger.rig.group,
        topic: orders(ledger),
        partitions: [
          { partition: 0, offset: '5' },
          { partition: 1, offset: '7' },
        ],
      })
    } finally {
      await admin.disconnect()
    }
    return [5, 7]
  },
}

const partitionsOf = (ledger: ResetRig): { readonly topic: string; readonly partition: number }[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: orders(ledger), partition }))

interface Case {
  readonly way: string
  readonly point: FailPoint
}

/** Every way and every step at least once. */
function casesOf(stages: 1 | 2): Case[] {
  const names = Object.keys(ways)
  const points = stages === 1 ? own : [...own, ...announced]
  const all = Array.from({ length: Math.max(names.length, points.length) }, (_, index) => ({
    way: names[index % names.length] ?? '',
    point: points[index % points.length] ?? 'reset:after-send',
  }))
  const from = Math.floor(random() * all.length)
  return isAll ? all : all.slice(from, from + 1)
}

for (const stages of [1, 2] as const) {
  describe(`offsets that are moved back, ${stages === 1 ? 'one stage' : 'two stages'}`, () => {
    let ledger: ResetRig
    let target: readonly number[] = fromStart
    let epochs: readonly number[] = []
    beforeAll(async () => {
      ledger = await ResetRig.open({ brokers: kafka.brokers, stages, partitions: PARTITIONS, seed })
      await ledger.more(RECORDS)
      const worker = ledger.start()
      const found = await ledger.differenceFrom(fromStart)
      expect(found.difference).toBeUndefined()
      epochs = found.epochs
      await worker.stop()
    }, TEST_MS)
    afterAll(async () => await ledger.rig.close(), TEST_MS)

    it.each(casesOf(stages).map(({ way, point }) => [way, point] as const))(
      '%s, the worker killed at %s',
      async (way, point) => {
        const before = target
        target = (await ways[way]?.(ledger, before)) ?? []
        const end = await ledger.start('seat-0', point).ended
        expect({ point, signal: end.signal }).toEqual({ point, signal: 'SIGKILL' })
        const worker = ledger.start()
        await ledger.more(200)
        const found = await ledger.differenceFrom(target)
        expect(found.difference).toBeUndefined()
        // A partition that was not moved stays in its epoch; one that was moved is in the next one, and not in the one after it.
        const isMoved = (partition: number): boolean => stages === 2 || way !== '--to-offset' || partition === 1
        const wanted = stages === 1 ? epochs.map((epoch, partition) => epoch + (isMoved(partition) ? 1 : 0)) : found.epochs
        expect(found.epochs).toEqual(wanted)
        expect(Math.max(...found.epochs)).toBeGreaterThan(stages === 2 ? Math.max(...epochs) : 0)
        epochs = found.epochs
        expect(worker.lines.filter((line) => line.level === 'error' || line.level === 'fatal')).toEqual([])
        await worker.stop()
      },
      TEST_MS,
    )
  })
}
