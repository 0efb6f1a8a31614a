/** One contender that holds state, started again and again: after kill -9, after an ordered stop, and after the loss of its disk. */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender, ContenderName } from './contenders.ts'
import type { Ground, NamedWorkload } from './ground.ts'
import { accountName, payments } from './payments.ts'
import { checkOutput, endsOf, makeTopic, partitionsOf, preload } from './topics.ts'
import { Totals } from './totals.ts'
import { samplesUntilEnd } from './watch.ts'
import type { Plan, PlannedRecord } from './workload.ts'

/** Seconds from the start of a process until one new record in each partition is committed. */
export interface StartTimes {
  readonly killed: number
  readonly kept: number
  readonly lost: number
}

const groupPollMs = 200
/** What is measured is a second or two. */
const pollMs = 25
const groupEmptyWithinMs = 60_000

export class RestartRun {
  readonly name: ContenderName
  readonly #ground: Ground
  readonly #application: string
  readonly #input: string
  readonly #output: string
  readonly #contender: Contender
  readonly #plan: RestartPlan

  private constructor(ground: Ground, one: NamedWorkload, name: ContenderName, keys: number) {
    const { brokers, options } = ground.setup
    const { partitions, threads, commitIntervalMs } = options
    this.name = name
    this.#ground = ground
    this.#application = ground.fresh(`${name}-restart`)
    this.#input = `${this.#application}-input`
    this.#output = `${this.#application}-output`
    this.#plan = new RestartPlan(keys, partitions)
    this.#contender = ground.contender(name, one, {
      workload: one.name,
      brokers,
      application: this.#application,
      input: this.#input,
      output: this.#output,
      threads,
      commitIntervalMs,
      stateDirectory: this.#stateDirectory,
    })
  }

  /** With its state, and killed. */
  static async filled(ground: Ground, one: NamedWorkload, name: ContenderName, keys: number): Promise<RestartRun> {
    const run = new RestartRun(ground, one, name, keys)
    const { log } = ground.setup
    for (const topic of [run.#input, run.#output]) await makeTopic(log, topic, run.#partitions)
    await preload(log, run.#input, run.#partitions, run.#plan)
    await run.#start('kill')
    return run
  }

  /** It was killed before, and is killed in the end. */
  async turn(): Promise<StartTimes> {
    const killed = await this.#withProbes('end')
    const kept = await this.#withProbes('end')
    rmSync(this.#stateDirectory, { recursive: true, force: true })
    const lost = await this.#withProbes('kill')
    return { killed, kept, lost }
  }

  /** Throws where the output is not exact. Answers the records of the changelog. */
  async finish(): Promise<number> {
    const { log } = this.#ground.setup
    await checkOutput(log, `${this.name} (restart)`, this.#output, this.#partitions, this.#plan.check())
    const changelogRecords = await this.#changelogSize()
    await this.#ground.remove(this.#application)
    return changelogRecords
  }

  get #partitions(): number {
    return this.#ground.setup.options.partitions
  }

  get #stateDirectory(): string {
    return this.#ground.stateDirectory(this.#application)
  }

  async #withProbes(end: 'kill' | 'end'): Promise<number> {
    const batches = this.#plan
      .probes()
      .map(({ partition, ...record }) => ({ topic: this.#input, partition, records: [{ ...record, headers: NO_HEADERS }] }))
    await this.#ground.setup.log.append(batches)
    return await this.#start(end)
  }

  async #start(end: 'kill' | 'end'): Promise<number> {
    const { log, options } = this.#ground.setup
    const child = new ContenderProcess(this.#contender)
    try {
      const ends = await endsOf(log, [this.#input], this.#partitions)
      const { commitIntervalMs } = options
      const watched = {
        group: this.#contender.group,
        application: this.#application,
        ends,
        output: this.#output,
        commitIntervalMs,
        pollMs,
      }
      const samples = await Promise.race([samplesUntilEnd(log, watched, () => undefined), child.failed])
      return ((samples.at(-1)?.at ?? Number.NaN) - child.startedAt) / 1_000
    } finally {
      await (end === 'kill' ? child.kill() : child.end())
      await this.#groupEmpty()
    }
  }

  async #groupEmpty(): Promise<void> {
    const { group } = this.#contender
    const end = Date.now() + groupEmptyWithinMs
    while ((await this.#ground.setup.log.admin.describeGroup(group)).members > 0) {
      if (Date.now() > end) throw new Error(`${group} has not expelled its dead member`)
      await sleep(groupPollMs)
    }
  }

  async #changelogSize(): Promise<number> {
    const { log } = this.#ground.setup
    const names = (await log.admin.listTopics()).filter((topic) => topic.startsWith(this.#application) && topic.endsWith('changelog'))
    const ranges = await log.admin.ranges(names.flatMap((name) => partitionsOf(name, this.#partitions)))
    return [...ranges.values()].reduce((sum, { end, logStart }) => sum + end - logStart, 0)
  }
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
