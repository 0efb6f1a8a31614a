/** Kill -9 of workers at random moments, over two workers and two stages: the outputs are what a plain recomputation of the input gives. */
import { afterAll, describe, expect, it } from '@jest/globals'
import { readWithConsoleConsumer } from '../../../services/demo/console-consumer.ts'
import { EngineRig } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { expectedLedger, foundLedger, ledgerDifference, orderRecords, ordersOf, seededRandom } from '../../support/ledger-orders.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 4
const KILLS = 3
const RECORDS_OF_ONE_LIFE = 6_000

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/ledger.ts',
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
afterAll(() => rig.close())

describe('workers that are killed with -9 at random moments', () => {
  it('leave results behind that equal an independent recomputation, each exactly once', async () => {
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const note = `seed ${seed}`
    const all = ordersOf(random, RECORDS_OF_ONE_LIFE * (KILLS + 1), PARTITIONS)
    const alive: EngineWorker[] = [rig.start(), rig.start()]
    for (let life = 0; life <= KILLS; life++) {
      await rig.append('orders', orderRecords(all.slice(life * RECORDS_OF_ONE_LIFE, (life + 1) * RECORDS_OF_ONE_LIFE)))
      if (life === KILLS) break
      const killAt = (life + random() * 0.9) * RECORDS_OF_ONE_LIFE
      await eventually(async () => expect(await rig.committed('orders', PARTITIONS)).toBeGreaterThan(killAt), 60_000)
      const victim = alive.splice(Math.floor(random() * alive.length), 1)[0]
      await victim?.kill()
      alive.push(rig.start())
    }
    await rig.drained([
      [rig.topic('orders'), PARTITIONS],
      [rig.internal('by-region.repartition'), PARTITIONS],
    ])
    const balances = await readWithConsoleConsumer(rig.brokers, rig.topic('balances'))
    const regions = await readWithConsoleConsumer(rig.brokers, rig.topic('regions'))
    expect({ note, difference: ledgerDifference(foundLedger(balances, regions), expectedLedger(all)) }).toEqual({ note })
    expect(balances).toHaveLength(all.length)
    expect(alive.flatMap((worker) => worker.lines.filter((line) => line.level === 'error' || line.level === 'fatal'))).toEqual([])
    expect(await rig.openTransactions()).toEqual([])
  }, 180_000)
})
