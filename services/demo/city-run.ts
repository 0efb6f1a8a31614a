/** The city: an hour of life through two workers, one of them killed on the way; the prices compared with an independent recomputation. */
import { join } from 'node:path'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import type { Log } from '../../libs/runtime/ports/log.ts'
import { expectedPrices } from '../surge-pricing/oracle.ts'
import surgePricing from '../surge-pricing/topology.ts'
import { driverLocations, rideRequests, surgePrices } from '../surge-pricing/topics.ts'
import { comparePrices } from '../surge-pricing/verify.ts'
import { CITY_PARTITIONS, createCityTopics, loadCity } from './city-input.ts'
import { readWithConsoleConsumer } from './console-consumer.ts'
import { HottestCells } from './hottest-cells.ts'
import { drained } from './pipeline.ts'
import type { PipelineView } from './pipeline.ts'
import { readTopic } from './read-topic.ts'
import { taskCount } from './task-count.ts'
import { LiveView, green, red, say } from './steps.ts'
import { WorkerProcess } from './worker-process.ts'

export interface CityRun {
  readonly brokers: readonly string[]
  readonly directory: string
  /** Kills one worker with -9 when half of the input is in. */
  readonly kill: boolean
  readonly minutes: number
}

const MODULE = 'services/surge-pricing/topology.ts'
const TASKS = taskCount(surgePricing, CITY_PARTITIONS)
const KILL_AT_SHARE = 0.5
const DONE_WITHIN_MS = 120_000

export async function runCity(run: CityRun): Promise<boolean> {
  const log = kafkaLog({ brokers: [...run.brokers], clientId: 'millrace-demo' })
  const workers: WorkerProcess[] = []
  await createCityTopics(log)
  const cells = new HottestCells(log, surgePrices.topic, CITY_PARTITIONS)
  const directory = join(run.directory, 'city')
  const start = async (name: string): Promise<void> => {
    workers.push(await WorkerProcess.start({ name, module: MODULE, brokers: run.brokers, directory }))
  }
  try {
    await start('worker-1')
    await start('worker-2')
    say(
      `two workers started (pids ${workers.map((worker) => worker.pid).join(' and ')}) with ${TASKS} tasks to share; state in ${directory}`,
    )
    await drained(() => workers, { tasks: TASKS, withinMs: DONE_WITHIN_MS, onView: () => undefined })
    say('all tasks run; the city begins to live')
    let loaded: number | undefined
    let killed: Promise<void> | undefined
    const load = loadCity(log, run.minutes, (share) => {
      if (run.kill && share >= KILL_AT_SHARE) killed ??= killOne(workers)
    }).then((count) => {
      loaded = count
    })
    const view = new LiveView()
    const rate = new Rate()
    const flow = drained(() => workers, {
      tasks: TASKS,
      withinMs: DONE_WITHIN_MS,
      ready: () => loaded !== undefined,
      onView: (seen) => view.draw(...draw(seen, cells, rate, workers)),
    })
    await Promise.all([load, flow])
    await killed
    view.keep()
    say(
      `${loaded ?? 0} records of ${run.minutes} minutes of city life went through${run.kill ? ', with one worker killed on the way' : ''}`,
    )
    return await check(log, run)
  } finally {
    await cells.close()
    await Promise.all(workers.map(async (worker) => await worker.stop()))
    await log.close()
  }
}

/** kill -9: no goodbye, no last commit. The other one takes over when the group notices. */
async function killOne(workers: WorkerProcess[]): Promise<void> {
  const victim = workers.pop()
  if (victim === undefined) return
  await victim.kill()
  say(red(`kill -9 of ${victim.name} (pid ${victim.pid}): its open transactions are left behind, ${workers[0]?.name} takes its tasks over`))
}

class Rate {
  #last = { at: performance.now(), processed: 0 }
  #perSecond = 0

  of(processed: number): number {
    const now = performance.now()
    const seconds = (now - this.#last.at) / 1000
    if (seconds >= 1) {
      this.#perSecond = Math.max(0, processed - this.#last.processed) / seconds
      this.#last = { at: now, processed }
    }
    return Math.round(this.#perSecond)
  }
}

const clockTime = (time: number | undefined): string => (time === undefined ? '--:--:--' : new Date(time).toISOString().slice(11, 19))

function draw(seen: PipelineView, cells: HottestCells, rate: Rate, workers: readonly WorkerProcess[]): [lines: string[], short: string] {
  const states = seen.statuses.map(
    ([worker, status]) =>
      `${worker.name} ${status?.tasks.filter((task) => task.state === 'running').length ?? 0} running of ${status?.tasks.length ?? 0}`,
  )
  const running = seen.tasks.filter((task) => task.state === 'running').length
  const short = `${running} of ${TASKS} tasks run, ${rate.of(seen.processed).toLocaleString('en')} records/s, lag ${running === TASKS ? (seen.lag?.toLocaleString('en') ?? '?') : '?'}, watermark ${clockTime(seen.watermark)}, ${cells.seen.toLocaleString('en')} prices, ${states.join(', ')}`
  const lines = [`  ${short}`, ...cells.top(5).map((line) => `    ${line}`)]
  while (lines.length < 6) lines.push('')
  return [lines, workers.length === 0 ? 'no worker' : short]
}

async function check(log: Log, run: CityRun): Promise<boolean> {
  const input = [
    ...(await readTopic(log, rideRequests.topic, CITY_PARTITIONS)),
    ...(await readTopic(log, driverLocations.topic, CITY_PARTITIONS)),
  ]
  const expected = expectedPrices(input, { 'ride-requests': CITY_PARTITIONS, 'driver-locations': CITY_PARTITIONS })
  say(
    `recomputed from the input by plain loops: ${expected.used} used, ${expected.filtered} filtered, ${expected.late} late, ${expected.refused} refused`,
  )
  const lines = await readWithConsoleConsumer(run.brokers, surgePrices.topic)
  const verdict = comparePrices(expected.prices, lines)
  const letters = await readTopic(log, 'surge-pricing.v1.dead-letters', CITY_PARTITIONS)
  const lettersRight = letters.length === expected.refused
  if (verdict.equal)
    say(
      green(
        `EQUAL: ${verdict.compared} prices, read by Kafka's console consumer (Java, read_committed): each one exactly once and exactly right`,
      ),
    )
  else say(red(`DIFFERENT: ${verdict.difference}`))
  if (lettersRight) say(green(`${letters.length} unusable records are in the dead letters (surge-pricing.v1.dead-letters), each once`))
  else say(red(`the dead letters hold ${letters.length} records, ${expected.refused} were expected`))
  return verdict.equal && lettersRight
}
