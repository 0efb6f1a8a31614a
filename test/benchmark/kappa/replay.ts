/**
 * A replay in shadow beside the live version, which takes 5,000 records a second meanwhile: how fast it goes, measured against the live
 * version's own catch-up over the same records under the same load, and what it does to the latency of the live output.
 *
 * Pace: records of the history a second, from 30 % of it on. In the end the live output and those of both replays must be exact.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionId, type Log } from '../../../libs/runtime/ports/log.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender } from './contenders.ts'
import type { Ground, LoadedInput, NamedWorkload } from './ground.ts'
import { Load } from './load.ts'
import { LoadReader, type Latencies } from './load-reader.ts'
import { warmUpShare } from './progress.ts'
import type { Scenario, Section } from './section.ts'
import { whole } from './text.ts'
import { checkOutput, endsOf, makeTopic, partitionsOf, recordsIn, type Ends } from './topics.ts'
import { workloadNamed } from './workload.ts'

interface Row {
  readonly what: string
  /** Records of the history a second; undefined: nothing was read again. */
  readonly pace: number | undefined
  readonly latencies: Latencies | undefined
}

const livePerSecond = 5_000
const loadKeys = 10_000
const historyKeys = 100_000
const historyRecords = { full: 2_000_000, quick: 300_000 }
const quietMs = { full: 15_000, quick: 4_000 }
const settleMs = 3_000
const pollMs = 50
const doneWithinMs = 900_000

export const replay: Scenario = {
  name: 'replay',
  title: 'replay in shadow beside a live version that takes 5,000 records/s (Millrace alone)',
  isQuick: false,
  run: async (ground) => {
    const { options } = ground.setup
    const one = { name: 'sum-100k', workload: await workloadNamed('sum-100k') }
    const size = options.quick ? 'quick' : 'full'
    const records = options.records ?? historyRecords[size]
    const input = await ground.load(one, { records, keys: historyKeys, partitions: options.partitions })
    const rows = await new ReplayRun(ground, one, input).run(quietMs[size])
    return section(records, rows)
  },
}

class ReplayRun {
  readonly #ground: Ground
  readonly #one: NamedWorkload
  readonly #input: LoadedInput
  readonly #application: string
  readonly #output: string

  constructor(ground: Ground, one: NamedWorkload, input: LoadedInput) {
    this.#ground = ground
    this.#one = one
    this.#input = input
    this.#application = ground.fresh('replay')
    this.#output = `${this.#application}-output`
  }

  async run(measuredMs: number): Promise<readonly Row[]> {
    const { log, brokers } = this.#ground.setup
    const { partitions } = this.#input
    await makeTopic(log, this.#output, partitions)
    const load = new Load({
      log,
      brokers,
      input: this.#input.topic,
      output: this.#output,
      keys: loadKeys,
      partitions,
      others: this.#input.plan.check(),
    })
    const rows: Row[] = []
    const tell = (row: Row): void => {
      rows.push(row)
      this.#ground.setup.say(`  ${cells(row).join('  ')}`)
    }
    let live: ContenderProcess | undefined
    try {
      load.steady(livePerSecond)
      live = new ContenderProcess(this.#worker(1))
      tell({ what: 'the live version catches up', pace: await this.#pace(live), latencies: undefined })
      await sleep(settleMs)
      load.measureFromNow()
      await Promise.race([sleep(measuredMs), live.failed])
      tell({ what: 'live, nothing beside it', pace: undefined, latencies: load.latencies() })
      tell({ what: 'replay with --yield-to-live', ...(await this.#shadow(2, ['--yield-to-live'], load)) })
      tell({ what: 'replay at full speed', ...(await this.#shadow(3, [], load)) })
      // As the live version had the machine for itself while it caught up.
      await live.end()
      tell({ what: 'replay while the live version is down', ...(await this.#shadow(4, [], load)), latencies: undefined })
      live = new ContenderProcess(this.#worker(1))
      await load.stop()
      load.check()
      for (const version of [2, 3, 4]) await this.#checkShadow(version, load.appended)
      return rows
    } finally {
      await load.end()
      await live?.end()
    }
  }

  /** Reads everything again with another version, and ends its worker when it has caught up. */
  async #shadow(version: number, words: readonly string[], load: Load): Promise<{ pace: number; latencies: Latencies }> {
    const worker = new ContenderProcess(this.#worker(version))
    try {
      await this.#command('replay start', version, ['--detach', ...words])
      load.measureFromNow()
      const pace = await this.#pace(worker)
      const latencies = load.latencies()
      return { pace, latencies }
    } finally {
      await worker.end()
      await sleep(settleMs)
    }
  }

  /** With its worker started again, until it has everything. */
  async #checkShadow(version: number, appended: number): Promise<void> {
    const { log } = this.#ground.setup
    const { topic, plan, partitions } = this.#input
    const worker = new ContenderProcess(this.#worker(version))
    try {
      const all = recordsIn(await endsOf(log, [topic], partitions))
      await this.#until(worker, async () => (await this.#position(worker)) >= all)
    } finally {
      await worker.end()
    }
    const load = new LoadReader({ keys: loadKeys, partitions })
    const history = plan.check()
    await checkOutput(log, `the replay of v${version}`, `${this.#application}.v${version}.out.${this.#output}`, partitions, {
      take: (key, value) => {
        if (!load.take(key, value, 0)) history.take(key, value)
      },
      differences: () => [...load.differences(appended), ...history.differences()],
    })
  }

  /** Records of the history a second that the worker's version gets through, from the warm-up on. */
  async #pace(worker: ContenderProcess): Promise<number> {
    const { ends } = this.#input
    const records = recordsIn(ends)
    const at = async (share: number): Promise<{ at: number; records: number }> => {
      let position = 0
      await this.#until(worker, async () => (position = await this.#position(worker, ends)) >= records * share)
      return { at: Date.now(), records: position }
    }
    const from = await at(warmUpShare)
    const to = await at(1)
    return ((to.records - from.records) / (to.at - from.at)) * 1_000
  }

  /** Sum of the committed positions, each counted up to `ends`. */
  async #position(worker: ContenderProcess, ends?: Ends): Promise<number> {
    const { topic, partitions } = this.#input
    const positions = await committed(this.#ground.setup.log, worker.contender.group, topic, partitions)
    return positions.reduce((sum, position, partition) => sum + Math.min(position, ends?.[partition]?.end ?? Infinity), 0)
  }

  async #until(worker: ContenderProcess, isSo: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + doneWithinMs
    while (!(await Promise.race([isSo(), worker.failed]))) {
      if (Date.now() > end) throw new Error(`${worker.contender.group} is not done within ${doneWithinMs / 1_000} s`)
      await sleep(pollMs)
    }
  }

  #worker(version: number, command = 'run', words: readonly string[] = []): Contender {
    const { brokers, options } = this.#ground.setup
    const { threads, commitIntervalMs } = options
    const run = {
      brokers,
      workload: this.#one.name,
      application: this.#application,
      input: this.#input.topic,
      output: this.#output,
      threads,
      commitIntervalMs,
      stateDirectory: this.#ground.stateDirectory(`${this.#application}-v${version}`),
    }
    return this.#ground.contender('millrace', this.#one, run, { command, version, words })
  }

  async #command(command: string, version: number, words: readonly string[]): Promise<void> {
    await new ContenderProcess(this.#worker(version, command, words)).done()
  }
}

async function committed(log: Log, group: string, topic: string, partitions: number): Promise<number[]> {
  return Promise.all(
    partitionsOf(topic, partitions).map(async (one) => {
      const positions = await log.admin.committed(group, [one])
      return positions.get(partitionId(one.topic, one.partition))?.position ?? 0
    }),
  )
}

const cells = ({ what, pace, latencies }: Row): string[] => [
  what,
  pace === undefined ? '-' : whole(pace),
  ...(latencies === undefined ? ['-', '-', '-'] : [latencies.p50, latencies.p99, latencies.p999].map(whole)),
]

function section(records: number, rows: readonly Row[]): Section {
  return {
    title: 'Replay beside a live version',
    notes: [
      `Sum per key, ${whole(records)} records of history; the live version takes ${whole(livePerSecond)} records/s more all the time. Each version has a process of its own.`,
      'Pace: records of the history a second. Latency: of the live output, ms. Both versions share the machine, which has no processor left: what the one takes, the other does not have.',
    ],
    tables: [{ head: ['', 'pace, records/s', 'live p50', 'live p99', 'live p99.9'], rows: rows.map(cells) }],
    charts: [],
  }
}
