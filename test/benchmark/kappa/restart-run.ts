/** The life of one application that holds state: filled and killed, then started after kill -9, after an ordered stop, and after the loss of its disk. */
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

export interface Restarts {
  /** Each in seconds from the start of a process until one new record in each partition is committed. */
  readonly killed: number
  readonly kept: number
  readonly lost: number
  /** Read by the start without its disk. */
  readonly changelogRecords: number
}

const groupPollMs = 200
/** What is measured is a second or two. */
const pollMs = 25
const groupEmptyWithinMs = 60_000
/** The broker and the disk are busy for a while with what was written last; that is no part of a start. */
const brokerRestMs = 20_000

/** What all of them read; it grows with each start. */
export interface RestartInput {
  readonly topic: string
  readonly plan: RestartPlan
}

export async function loadRestartInput(ground: Ground, keys: number): Promise<RestartInput> {
  const { log, options } = ground.setup
  const topic = ground.fresh('restart-input')
  const plan = new RestartPlan(keys, options.partitions)
  await makeTopic(log, topic, options.partitions)
  await preload(log, topic, options.partitions, plan)
  return { topic, plan }
}

export class RestartRun {
  readonly #ground: Ground
  readonly #input: RestartInput
  readonly #application: string
  readonly #output: string
  readonly #contender: Contender

  constructor(ground: Ground, one: NamedWorkload, name: ContenderName, input: RestartInput) {
    const { brokers, options } = ground.setup
    const { threads, commitIntervalMs } = options
    this.#ground = ground
    this.#input = input
    this.#application = ground.fresh(`${name}-restart`)
    this.#output = `${this.#application}-output`
    this.#contender = ground.contender(name, one, {
      workload: one.name,
      brokers,
      application: this.#application,
      input: input.topic,
      output: this.#output,
      threads,
      commitIntervalMs,
      stateDirectory: this.#stateDirectory,
    })
  }

  /** Throws where the output is not exact. */
  async live(): Promise<Restarts> {
    const { log } = this.#ground.setup
    await makeTopic(log, this.#output, this.#partitions)
    // Who is killed has written all of its state in that life: one that was started a moment ago would have little to read again.
    await this.#start('kill')
    await sleep(brokerRestMs)
    const killed = await this.#withProbes()
    const kept = await this.#withProbes()
    rmSync(this.#stateDirectory, { recursive: true, force: true })
    const lost = await this.#withProbes()
    await checkOutput(log, `${this.#contender.name} (restart)`, this.#output, this.#partitions, this.#input.plan.check())
    const changelogRecords = await this.#changelogSize()
    await this.#ground.remove(this.#application)
    return { killed, kept, lost, changelogRecords }
  }

  get #partitions(): number {
    return this.#ground.setup.options.partitions
  }

  get #stateDirectory(): string {
    return this.#ground.stateDirectory(this.#application)
  }

  async #withProbes(): Promise<number> {
    const { topic, plan } = this.#input
    const batches = plan.probes().map(({ partition, ...record }) => ({ topic, partition, records: [{ ...record, headers: NO_HEADERS }] }))
    await this.#ground.setup.log.append(batches)
    return await this.#start('end')
  }

  async #start(end: 'kill' | 'end'): Promise<number> {
    const { log, options } = this.#ground.setup
    const child = new ContenderProcess(this.#contender)
    try {
      const ends = await endsOf(log, [this.#input.topic], this.#partitions)
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
export class RestartPlan implements Plan {
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
    const size = { records: this.#keys, keys: this.#keys, partitions: this.#partitions, eachKey: 'always' as const }
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
