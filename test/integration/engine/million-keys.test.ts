/** A million keys in the state of a worker that is killed with -9: it goes on from its local store and reads only what is missing. */
import { afterAll, describe, expect, it } from '@jest/globals'
import type { OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const KEYS = 1_000_000
const MORE = 100_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/totals.ts',
  topics: { amounts: PARTITIONS, totals: PARTITIONS },
})
afterAll(() => rig.close())

const keyOf = (index: number): string => `k${index % KEYS}`
const amountOf = (index: number): number => (index % 7) + 1

/** Numbers `from` to `to`, even ones in partition 0. */
async function load(from: number, to: number): Promise<void> {
  const slice = 50_000
  for (let begin = from; begin < to; begin += slice) {
    const lists: [OutgoingRecord[], OutgoingRecord[]] = [[], []]
    for (let index = begin; index < Math.min(to, begin + slice); index++)
      lists[index % 2 === 0 ? 0 : 1].push(record(keyOf(index), String(amountOf(index))))
    await rig.append('amounts', new Map(lists.entries()))
  }
}

interface Restore {
  readonly from: number
  readonly to: number
  readonly bytesRead: number
}

async function restoresOf(worker: EngineWorker): Promise<readonly Restore[]> {
  const found = await worker.untilSaid(': restored total from changelog position', PARTITIONS)
  return found.map(({ from, to, bytesRead }) => ({ from: Number(from), to: Number(to), bytesRead: Number(bytesRead) }))
}

describe('a worker with 1,000,000 keys that is killed with -9', () => {
  it('continues from its local store: it reads only what is missing of the changelog, wipes nothing, and its results are exact', async () => {
    const times: string[] = []
    const begun = performance.now()
    const stamp = (what: string): void => void times.push(`${what} ${Math.round(performance.now() - begun)} ms`)
    const first = rig.start()
    await load(0, KEYS)
    stamp('loaded')
    await rig.drained([[rig.topic('amounts'), PARTITIONS]])
    stamp('drained')

    await load(KEYS, KEYS + MORE)
    await eventually(async () => expect(await rig.committed('amounts', PARTITIONS)).toBeGreaterThan(KEYS + MORE / 4), 30_000, 5)
    await first.kill()
    stamp('killed')
    const second = rig.start()
    const restores = await restoresOf(second)
    stamp('restored')
    await rig.drained([[rig.topic('amounts'), PARTITIONS]])
    stamp('drained again')

    expect(second.text).not.toContain('is wiped and rebuilt')
    for (const { from, to, bytesRead } of restores) {
      process.stderr.write(`restored from changelog position ${from} to ${to}: ${bytesRead} bytes read\n`)
      // The whole changelog of a partition is 500,000 records and more than 20 MB; a commit or two are missing.
      expect(from).toBeGreaterThan(KEYS / PARTITIONS)
      expect(to - from).toBeLessThan(MORE / PARTITIONS)
      expect(bytesRead).toBeLessThan(5_000_000)
    }
    const sums = new Map<string | null, number>()
    for (const { key, value } of await rig.read(rig.topic('totals'))) sums.set(textOf(key), Number(textOf(value)))
    stamp('read')
    expect(sums.size).toBe(KEYS)
    const wrong: string[] = []
    for (let index = 0; index < KEYS; index++) {
      const expected = amountOf(index) + (index < MORE ? amountOf(index + KEYS) : 0)
      if (sums.get(keyOf(index)) !== expected) wrong.push(`${keyOf(index)}: ${sums.get(keyOf(index))} instead of ${expected}`)
    }
    expect(wrong.slice(0, 10)).toEqual([])
    stamp('compared')
    process.stderr.write(`${times.join(', ')}\n`)
  }, 180_000)
})
