/** Real data: 20,000 flights loaded by `millrace load`, delays and ranking compared with an independent recomputation. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import { expectedDelays } from '../flight-delays/oracle.ts'
import flightDelays from '../flight-delays/topology.ts'
import { airportDays, delayRanking, flights } from '../flight-delays/topics.ts'
import { compareAirportDays, compareRankings } from '../flight-delays/verify.ts'
import { readWithConsoleConsumer } from './console-consumer.ts'
import { drained } from './pipeline.ts'
import { readTopic } from './read-topic.ts'
import { taskCount } from './task-count.ts'
import { LiveView, green, red, say } from './steps.ts'
import { WorkerProcess } from './worker-process.ts'

const PARTITIONS = 2
const MODULE = 'services/flight-delays/topology.ts'
const DONE_WITHIN_MS = 60_000
const root = resolve(import.meta.dirname, '../..')

export async function runFlights(brokers: readonly string[], directory: string): Promise<boolean> {
  const log = kafkaLog({ brokers: [...brokers], clientId: 'millrace-demo' })
  const workers: WorkerProcess[] = []
  try {
    await log.admin.createTopics([
      { name: flights.topic, partitions: PARTITIONS, replicationFactor: -1, config: { 'retention.ms': '-1' } },
      { name: airportDays.topic, partitions: PARTITIONS, replicationFactor: -1, config: { 'retention.ms': '-1' } },
      { name: delayRanking.topic, partitions: 1, replicationFactor: -1, config: { 'retention.ms': '-1' } },
    ])
    await millrace(
      'load',
      join(root, 'node_modules/vega-datasets/data/flights-20k.json'),
      '--topic',
      flights.topic,
      '--time',
      'date',
      '--brokers',
      brokers.join(','),
    )
    say('20,000 real flights loaded in order of time (vega-datasets, flights-20k.json)')
    workers.push(await WorkerProcess.start({ name: 'worker-1', module: MODULE, brokers, directory: join(directory, 'flights') }))
    const view = new LiveView()
    await drained(() => workers, {
      tasks: taskCount(flightDelays, PARTITIONS),
      withinMs: DONE_WITHIN_MS,
      onView: (seen) => view.draw([`  lag ${seen.lag ?? '?'}, ${seen.tasks.length} tasks`], `lag ${seen.lag ?? '?'}`),
    })
    view.keep()
    return await check()
  } finally {
    await Promise.all(workers.map(async (worker) => await worker.stop()))
    await log.close()
  }

  async function check(): Promise<boolean> {
    const expected = expectedDelays(await readTopic(log, flights.topic, PARTITIONS), PARTITIONS)
    const days = compareAirportDays(expected, await readWithConsoleConsumer(brokers, airportDays.topic))
    const ranking = compareRankings(expected, await readWithConsoleConsumer(brokers, delayRanking.topic))
    for (const [name, verdict] of [
      ['airport days', days],
      ['rankings', ranking],
    ] as const) {
      say(verdict.equal ? green(`EQUAL: ${verdict.compared} ${name}`) : red(`DIFFERENT: ${verdict.difference}`))
    }
    return days.equal && ranking.equal
  }
}

/** Runs the command as a user would; answers its output. */
async function millrace(...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'libs/command/millrace.mjs'), ...words], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')))
  const code = await new Promise<number | null>((resolvePromise) => child.once('exit', resolvePromise))
  if (code !== 0) throw new Error(`millrace ${words.join(' ')} ended with code ${code}: ${err}`)
  return out
}
