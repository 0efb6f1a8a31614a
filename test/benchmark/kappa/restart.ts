/**
 * How long a contender that holds state takes until it works again: after an ordered stop, after kill -9, and after the loss of its disk.
 *
 * Filled once; before each start one record is appended to each partition, and the clock stops when all of them are committed. After
 * kill -9 nobody starts before the group has expelled the dead member (10 s for both), so that no time-out is measured. In the end the
 * output must be exact.
 */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_HEADERS, type Log } from '../../../libs/runtime/ports/log.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender, ContenderName } from './contenders.ts'
import type { Ground, NamedWorkload } from './ground.ts'
import type { Scenario, Section } from './section.ts'
import { accountName, payments } from './payments.ts'
import { sumWorkload } from './sum-workload.ts'
import { whole } from './text.ts'
import { contendersOf } from './throughput.ts'
import { checkOutput, endsOf, makeTopic, partitionsOf, preload } from './topics.ts'
import { Totals } from './totals.ts'
import { samplesUntilEnd } from './watch.ts'
import type { Plan, PlannedRecord } from './workload.ts'

interface Restarts {
  readonly name: ContenderName
  /** Seconds from the start of the process to the commit of a record in each partition. */
  readonly kept: number
  readonly killed: number
  readonly lost: number
  readonly changelogRecords: number
}

const keysFull = 5_000_000
const keysQuick = 100_000
const groupPollMs = 200
/** What is measured is a second or two. */
const pollMs = 25
const groupEmptyWithinMs = 60_000
/** Starts that are measured; each gets one record for each partition. */
const startsCount = 3

export const restart: Scenario = {
  name: 'restart',
  title: 'restart after kill -9, restore after loss of the disk',
  isQuick: false,
  run: async (ground) => {
    const { options, log, say } = ground.setup
    const keys = options.keys ?? (options.quick ? keysQuick : keysFull)
    const { partitions } = options
    // Every key once.
    const one: NamedWorkload = {
      name: 'sum-5m',
      workload: sumWorkload({ title: 'restart', full: { records: keys, keys }, quick: undefined }, { everyKey: true }),
    }
    const results: Restarts[] = []
    for (const name of contendersOf(one, options)) {
      const plan = new RestartPlan(keys, partitions)
      const input = ground.fresh('restart-input')
      await makeTopic(log, input, partitions)
      await preload(log, input, partitions, plan)
      const result = await restarts(ground, one, name, input, plan)
      results.push(result)
      await ground.remove(input)
      const seconds = [result.kept, result.killed, result.lost].map((value) => value.toFixed(1)).join(', ')
      say(`  ${name.padEnd(13)}  ${whole(keys)} keys: state kept, killed, lost: ${seconds} s`)
    }
    return section(keys, results)
  },
}

/** All accounts once, and further payments of the first account of each partition. */
class RestartPlan implements Plan {
  readonly #totals: Totals
  readonly #keys: number
  readonly #partitions: number
  readonly #first = new Map<number, { readonly account: number; readonly record: PlannedRecord }>()

  constructor(keys: number, partitions: number) {
    this.#totals = new Totals({ count: keys, nameOf: accountName })
    this.#keys = keys
    this.#partitions = partitions
  }

  *records(): Generator<PlannedRecord> {
    const size = { records: this.#keys, keys: this.#keys, partitions: this.#partitions, everyKey: true }
    let last = 0
    for (const record of payments(size, (account, { amount }) => {
      last = account
      this.#totals.add(account, amount)
    })) {
      if (!this.#first.has(record.partition)) this.#first.set(record.partition, { account: last, record })
      yield record
    }
  }

  /** One more record for each partition. */
  probes(): PlannedRecord[] {
    return [...this.#first.values()].map(({ account, record }) => {
      // Written by payments().
      const { amount } = JSON.parse(record.value.toString()) as { readonly amount: number }
      this.#totals.add(account, amount)
      return record
    })
  }

  check() {
    return this.#totals.check()
  }
}

async function restarts(ground: Ground, one: NamedWorkload, name: ContenderName, input: string, plan: RestartPlan): Promise<Restarts> {
  const { log, brokers, options } = ground.setup
  const application = ground.fresh(`${name}-restart`)
  const output = `${application}-output`
  const { partitions, threads, commitIntervalMs } = options
  await makeTopic(log, output, partitions)
  const stateDirectory = ground.stateDirectory(application)
  const run = { workload: one.name, brokers, application, input, output, threads, commitIntervalMs, stateDirectory }
  const contender = ground.contender(name, one, run)
  const start = async (end: 'kill' | 'end'): Promise<number> => {
    const child = new ContenderProcess(contender)
    try {
      const ends = await endsOf(log, [input], partitions)
      const watched = { group: contender.group, application, ends, output, commitIntervalMs, pollMs }
      const samples = await Promise.race([samplesUntilEnd(log, watched, () => undefined), child.failed])
      return ((samples.at(-1)?.at ?? Number.NaN) - child.startedAt) / 1_000
    } finally {
      await (end === 'kill' ? child.kill() : child.end())
      await groupEmpty(log, contender)
    }
  }
  await start('kill')
  const times: number[] = []
  for (let nth = 0; nth < startsCount; nth += 1) {
    const records = plan.probes()
    await log.append(
      records.map(({ partition, ...record }) => ({ topic: input, partition, records: [{ ...record, headers: NO_HEADERS }] })),
    )
    if (nth === startsCount - 1) rmSync(stateDirectory, { recursive: true, force: true })
    times.push(await start('end'))
  }
  await checkOutput(log, `${name} (restart)`, output, partitions, plan.check())
  const changelogRecords = await changelogSize(log, application, partitions)
  await ground.remove(application)
  const [killed = Number.NaN, kept = Number.NaN, lost = Number.NaN] = times
  return { name, kept, killed, lost, changelogRecords }
}

async function groupEmpty(log: Log, { group }: Contender): Promise<void> {
  const end = Date.now() + groupEmptyWithinMs
  while ((await log.admin.describeGroup(group)).members > 0) {
    if (Date.now() > end) throw new Error(`${group} has not expelled its dead member`)
    await sleep(groupPollMs)
  }
}

async function changelogSize(log: Log, application: string, partitions: number): Promise<number> {
  const names = (await log.admin.listTopics()).filter((topic) => topic.startsWith(application) && topic.endsWith('changelog'))
  const ranges = await log.admin.ranges(names.flatMap((name) => partitionsOf(name, partitions)))
  return [...ranges.values()].reduce((sum, { end, logStart }) => sum + end - logStart, 0)
}

function section(keys: number, results: readonly Restarts[]): Section {
  const seconds = (value: number): string => value.toFixed(1)
  return {
    title: 'Restart and restore',
    notes: [
      `Sum per key, ${whole(keys)} keys, each written once. Seconds from the start of the process until one new record in each partition is committed.`,
      'After kill -9 the start waits until the group has expelled the dead member. Restored: changelog records by the time that the lost disk costs beyond a start with its state.',
    ],
    tables: [
      {
        head: ['contender', 'ordered stop', 'kill -9', 'disk lost', 'changelog records', 'restored per s'],
        rows: results.map(({ name, kept, killed, lost, changelogRecords }) => [
          name,
          seconds(kept),
          seconds(killed),
          seconds(lost),
          whole(changelogRecords),
          lost > kept ? whole(changelogRecords / (lost - kept)) : '-',
        ]),
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: 'restart',
        title: 'Seconds until it works again',
        groups: (['kept', 'killed', 'lost'] as const).map((which) => ({
          label: { kept: 'ordered stop', killed: 'kill -9', lost: 'disk lost' }[which],
          bars: results.map((result) => ({ name: result.name, value: result[which], min: result[which], max: result[which] })),
        })),
      },
    ],
  }
}
