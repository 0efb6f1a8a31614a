/** The only broker dies and comes back under two workers, then goes for good: they wait, go on by themselves, and end when they are told to. */
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { readWithConsoleConsumer } from '../../../services/demo/console-consumer.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { EngineRig } from '../../support/engine-rig.ts'
import { eventually } from '../../support/eventually.ts'
import { expectedLedger, foundLedger, ledgerDifference, orderRecords, ordersOf, seededRandom } from '../../support/ledger-orders.ts'
import { testRun } from '../../support/test-run.ts'

// One of its own, since it is killed; as processes of this machine, which needs no Docker.
const kafka = await startKafka({
  brokers: 1,
  port: 0,
  dir: join(testRun().dir, `broker-away-${process.pid}`),
  guardPid: testRun().pid,
  home: 'local',
})
const PARTITIONS = 4
const TASKS = 8
const RECORDS = 20_000
const SHUTDOWN_MS = 3_000
const TERMINATED_EXIT = 143

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/ledger.ts',
  topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
})
afterAll(async () => {
  await rig.close()
  await kafka.stop()
})

describe('when the broker is killed with -9 under two workers', () => {
  const words = ['--shutdown-ms', String(SHUTDOWN_MS)]
  const workers = [rig.start({ seat: 'first', words }), rig.start({ seat: 'second', words })]

  it('and starts again, they go on by themselves, and the results equal an independent recomputation', async () => {
    const seed = Date.now() % 1_000_000
    const all = ordersOf(seededRandom(seed), 2 * RECORDS, PARTITIONS)
    for (const worker of workers) await rig.running(worker, TASKS / 2)
    await rig.append('orders', orderRecords(all.slice(0, RECORDS)))
    await eventually(async () => expect(await rig.committed('orders', PARTITIONS)).toBeGreaterThan(0), 30_000, 5)
    await kafka.kill(1)
    await kafka.restart(1)
    await rig.append('orders', orderRecords(all.slice(RECORDS)))
    await rig.drained(
      [
        [rig.topic('orders'), PARTITIONS],
        [rig.internal('by-region.repartition'), PARTITIONS],
      ],
      90_000,
    )
    const found = foundLedger(
      await readWithConsoleConsumer(rig.brokers, rig.topic('balances')),
      await readWithConsoleConsumer(rig.brokers, rig.topic('regions')),
    )
    expect({ seed, difference: ledgerDifference(found, expectedLedger(all)) }).toEqual({ seed })
    expect(workers.map((worker) => worker.running)).toEqual([true, true])
    expect(await rig.openTransactions()).toEqual([])
  }, 180_000)

  it('and stays away, SIGTERM ends one of them within its bound, and a second signal ends the other at once', async () => {
    const [patient, hurried] = workers
    if (patient === undefined || hurried === undefined) throw new Error('two workers were started')
    const more = ordersOf(seededRandom(1), RECORDS, PARTITIONS)
    await rig.append('orders', orderRecords(more))
    await kafka.kill(1)

    const begun = performance.now()
    patient.signal('SIGTERM')
    hurried.signal('SIGTERM')
    await hurried.untilSaid('stopping')
    let isOver = false
    const over = hurried.ended.then((ending) => {
      isOver = true
      return ending
    })
    // Sent until one is taken for another press of the key (shutdown.ts: 300 ms), or the worker had nothing to wait for and has ended in order.
    await eventually(
      () => {
        if (!isOver) hurried.signal('SIGTERM')
        expect(isOver || hurried.said('ending at once').length === 1).toBe(true)
      },
      SHUTDOWN_MS,
      50,
    )
    expect((await over).code).toBe(hurried.said('ending at once').length === 1 ? TERMINATED_EXIT : 0)
    expect(performance.now() - begun).toBeLessThan(SHUTDOWN_MS)

    const end = await patient.ended
    expect(performance.now() - begun).toBeLessThan(SHUTDOWN_MS + 2_000)
    expect([0, TERMINATED_EXIT]).toContain(end.code)
    if (end.code === TERMINATED_EXIT) expect(patient.said('not stopped within').map((line) => line['code'])).toEqual(['MR2070'])
  }, 60_000)
})
