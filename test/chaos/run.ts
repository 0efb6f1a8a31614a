/**
 * One run of chaos: three brokers, four workers, orders all the time, faults in four lanes, and the whole verifier at the end.
 *
 * Owns the order: everything runs → orders and faults → faults off → everybody back → last orders → drained → verdict.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import { EngineRig } from '../support/engine-rig.ts'
import { eventually } from '../support/eventually.ts'
import type { TestKafka } from '../support/kafka-for-tests.ts'
import type { EventLog } from './event-log.ts'
import { ProofFeed } from '../support/proof/feed.ts'
import { ChaosWorker } from './fleet.ts'
import { Lanes } from './lanes.ts'
import { errorsOf, faultCounts, rebalancesOf, resources, restoresOf, transactionsOf, unhandledOf } from './report.ts'
import type { LifeFacts, Report } from './report.ts'
import { planFaults } from './schedule.ts'
import { dumpStores } from '../support/proof/stores.ts'
import type { StoreDump } from '../support/proof/stores.ts'
import { environmentOf } from '../support/proof/prove.ts'
import { verdictOf } from '../support/proof/verdict.ts'
import type { Check } from '../support/proof/check.ts'
import type { Verdict } from '../support/proof/verdict.ts'
import { Watch } from './watch.ts'

const PARTITIONS = 4
const TASKS = 2 * PARTITIONS
const WORKERS = 4
const STARTED_WITHIN_MS = 120_000
const BACK_WITHIN_MS = 180_000
const DRAINED_WITHIN_MS = 300_000
const REQUEST_TIMEOUT_MS = 5_000

/** What the brokers must have: segments end by time, so that compaction is never far behind and races every restore. */
export const chaosBrokerProperties = {
  'log.roll.ms': 10_000,
  'log.cleaner.backoff.ms': 1_000,
  'log.cleaner.min.cleanable.ratio': 0.01,
  'log.segment.delete.delay.ms': 1_000,
} as const

/** Small, and quick to start again: brokers come and go. */
export const brokerJava = '-Xms128m -Xmx384m -XX:TieredStopAtLevel=1'

export interface ChaosRequest {
  readonly kafka: TestKafka
  readonly events: EventLog
  readonly seed: number
  readonly minutes: number
  /** Orders a second. */
  readonly rate: number
  /** One of simulation/planted-bugs.ts in all workers. Default: none. */
  readonly bug?: string | undefined
}

export async function runChaos({ kafka, events, seed, minutes, rate, bug }: ChaosRequest): Promise<Report> {
  const { say } = events
  let passed = false
  const rig = await EngineRig.open({
    brokers: kafka.brokers,
    module: 'test/support/proof/topology.ts',
    topics: { orders: PARTITIONS, chains: PARTITIONS, regions: PARTITIONS, windows: PARTITIONS },
    environment: environmentOf(bug),
  })
  const workers: ChaosWorker[] = []
  const outside = kafkaLog({ brokers: kafka.brokers, clientId: 'chaos', requestTimeoutMs: REQUEST_TIMEOUT_MS })
  try {
    for (let index = 0; index < WORKERS; index++) workers.push(await ChaosWorker.open(rig, index, say))
    for (const worker of workers) worker.up()
    await allRun(workers, STARTED_WITHIN_MS)
    say(`application ${rig.name}, folder ${rig.directory}: all tasks run`)
    const watch = new Watch(outside, rig.topic('chains'), PARTITIONS, workers)
    const feed = new ProofFeed(outside, rig.topic('orders'), { partitions: PARTITIONS, perSecond: rate, seed })
    feed.start()
    watch.begin()
    const milliseconds = minutes * 60_000
    const lanes = new Lanes({ kafka, rig, workers, watch, say }, milliseconds)
    await lanes.run(planFaults(seed, milliseconds))
    await lanes.settle()
    const stallMs = watch.longestStallMs
    const failure = await quiet(rig, workers, feed, say)
    await watch.close()
    const copies = await oldCopies(rig, workers)
    const { checks, committed } = await verdictOf({ rig, workers, tasks: TASKS, copies, say, damaged: true }).catch(notVerified)
    const lives = workers.flatMap((worker) => worker.lives.map((life) => factsOf(life.name, life.worker.lines, life.worker.text)))
    const unhandled = unhandledOf(lives)
    passed = failure.length === 0 && unhandled.length === 0 && checks.every((one) => one.passed)
    return {
      seed,
      minutes,
      passed,
      faults: faultCounts(lanes.done),
      troubles: lanes.troubles,
      orders: { written: feed.written, retries: feed.retries },
      transactions: transactionsOf(lives, committed),
      restores: restoresOf(lives),
      rebalances: rebalancesOf(lives),
      longestStallMs: stallMs,
      lives: lives.length,
      endedByItself: workers.flatMap((worker) => worker.endedByItself),
      memory: resources(watch.samples),
      errors: errorsOf(lives),
      unhandled,
      checks: [...failure, ...checks],
    }
  } finally {
    for (const life of workers.flatMap((worker) => worker.lives))
      writeFileSync(join(events.directory, `${life.name}.log`), life.worker.text)
    if (!passed) process.env['ENGINE_TEST_KEEP'] = '1' // The stores are evidence.
    await rig.close()
    await Promise.all(workers.map((worker) => worker.proxy.close()))
    await outside.close()
  }
}

/** What lies on disks that are out of use; one that a fault has damaged cannot be opened, and would be wiped. */
async function oldCopies(rig: EngineRig, workers: readonly ChaosWorker[]): Promise<StoreDump[]> {
  const found: StoreDump[] = []
  for (const seat of workers.flatMap(({ otherSeats }) => otherSeats))
    found.push(...(await dumpStores(join(rig.directory, seat), () => undefined)))
  return found
}

const notVerified = (error: unknown): Verdict => ({
  checks: [
    { name: 'the verifier ran to its end', passed: false, note: error instanceof Error ? (error.stack ?? error.message) : String(error) },
  ],
  committed: 0,
})

/** No fault any more, everybody is back, and everything that was written is processed; what did not come true. */
async function quiet(rig: EngineRig, workers: readonly ChaosWorker[], feed: ProofFeed, say: (text: string) => void): Promise<Check[]> {
  say('no more faults')
  for (const worker of workers) {
    worker.proxy.heal()
    worker.thaw()
    worker.up()
  }
  await feed.stop()
  try {
    await allRun(workers, BACK_WITHIN_MS)
    say('all tasks run again')
    const partitions = PARTITIONS
    await rig.drained(
      [
        [rig.topic('orders'), partitions],
        [rig.internal('by-region.repartition'), partitions],
      ],
      DRAINED_WITHIN_MS,
    )
    say('everything is processed')
    return []
  } catch (error) {
    return [{ name: 'everything goes on without faults', passed: false, note: error instanceof Error ? error.message : String(error) }]
  }
}

/** Every task runs, at one worker. */
async function allRun(workers: readonly ChaosWorker[], withinMs: number): Promise<void> {
  await eventually(
    async () => {
      const found = (await Promise.all(workers.map((worker) => worker.status()))).flatMap((status) => status?.tasks ?? [])
      const running = new Set(found.filter(({ state }) => state === 'running').map(({ name }) => name))
      if (running.size === TASKS && found.length === TASKS) return
      throw new Error(`not all tasks run: ${found.map(({ name, state, fault }) => `${name} ${state} ${fault?.message ?? ''}`).join(', ')}`)
    },
    withinMs,
    500,
  )
}

function factsOf(name: string, lines: LifeFacts['lines'], text: string): LifeFacts {
  const otherText = text
    .split('\n')
    .filter((line) => !line.startsWith('{'))
    .join('\n')
  return { name, lines, otherText }
}
