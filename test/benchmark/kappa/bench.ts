/**
 * The rounds of the benchmark on a Kafka that runs: the input loaded once, then the contenders in turn, each output checked.
 *
 * Owns the topics that begin with `bench-<id>-`, and removes them.
 */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { kafkaStreams, millrace, type Contender, type ContenderName, type Run } from './contenders.ts'
import { measure, type Measurement } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { lineOf, whole } from './report.ts'
import type { StreamsPeer } from './streams-peer.ts'
import { compareOutput, makeTopic, partitionsOf, preload } from './topics.ts'
import { Plan, type Total } from './workload.ts'

const examplesMax = 3
const minuteMs = 60_000

export interface BenchSetup {
  readonly options: BenchOptions
  readonly brokers: readonly string[]
  /** Undefined: not a process that we know. */
  readonly brokerPid: number | undefined
  readonly log: Log
  /** Undefined: only Millrace runs. */
  readonly peer: StreamsPeer | undefined
  /** For local state. */
  readonly directory: string
  /** Where the CPU profiles of Millrace go. */
  readonly profileDirectory: string
  readonly say: (line: string) => void
}

export class Bench {
  readonly setup: BenchSetup
  readonly #id = randomBytes(4).toString('hex')

  constructor(setup: BenchSetup) {
    this.setup = setup
  }

  get #input(): string {
    return `bench-${this.#id}-input`
  }

  async run(): Promise<readonly Measurement[]> {
    const { records, keys, partitions, rounds } = this.setup.options
    const plan = new Plan({ records, keys, partitions })
    const begin = performance.now()
    await makeTopic(this.setup.log, this.#input, partitions)
    await preload(this.setup.log, this.#input, plan)
    this.setup.say(
      `loaded ${whole(records)} records of ${whole(keys)} keys into ${partitions} partitions in ${((performance.now() - begin) / 1_000).toFixed(1)} s`,
    )
    const oracle = plan.oracle()
    const done: Measurement[] = []
    try {
      for (let round = 1; round <= rounds && this.#hasTimeFor(round, begin); round += 1) {
        for (const name of this.#order(round)) {
          const one = await this.#one(name, round, oracle)
          done.push(one)
          this.setup.say(lineOf(round, one))
        }
      }
    } finally {
      await this.#removeTopics()
    }
    return done
  }

  /** A round takes as long as those before it. */
  #hasTimeFor(round: number, begin: number): boolean {
    const sofar = performance.now() - begin
    if (round === 1 || sofar + sofar / (round - 1) <= this.setup.options.minutes * minuteMs) return true
    this.setup.say(`no time for round ${round}: see --minutes and --records`)
    return false
  }

  /** Who goes first changes with the round, so that a drift of the machine hits both. */
  #order(round: number): readonly ContenderName[] {
    const { only } = this.setup.options
    if (only !== undefined) return [only]
    return round % 2 === 1 ? ['kafka-streams', 'millrace'] : ['millrace', 'kafka-streams']
  }

  async #one(name: ContenderName, round: number, oracle: ReadonlyMap<string, Total>): Promise<Measurement> {
    const { partitions } = this.setup.options
    const application = `bench-${this.#id}-${name}-${round}`
    const output = `${application}-output`
    await makeTopic(this.setup.log, output, partitions)
    const contender = this.#contender(name, {
      brokers: this.setup.brokers,
      application,
      input: this.#input,
      output,
      threads: this.setup.options.threads,
      commitIntervalMs: this.setup.options.commitIntervalMs,
      stateDirectory: join(this.setup.directory, application),
    })
    const measured = await measure(this.setup.log, contender, { topic: this.#input, ends: await this.#ends() }, this.setup.brokerPid)
    const { records, differences } = await compareOutput(this.setup.log, output, partitions, oracle)
    if (differences.length > 0) {
      const examples = differences.slice(0, examplesMax).map((line) => `\n  ${line}`)
      throw new Error(
        `${name} computes wrong: ${differences.length} of ${oracle.size} keys in ${whole(records)} results${examples.join('')}`,
      )
    }
    rmSync(join(this.setup.directory, application), { recursive: true, force: true })
    return measured
  }

  #contender(name: ContenderName, run: Run): Contender {
    const { peerCacheMiB, peerHeap, profile, nodeFlags } = this.setup.options
    if (name === 'millrace') {
      const profiling = ['--cpu-prof', `--cpu-prof-dir=${this.setup.profileDirectory}`, '--cpu-prof-interval=500']
      return millrace(run, { nodeWords: [...nodeFlags, ...(profile ? profiling : [])] })
    }
    if (this.setup.peer === undefined) throw new Error('the peer was not built')
    return kafkaStreams(run, this.setup.peer, { cacheMiB: peerCacheMiB, heap: peerHeap })
  }

  async #ends(): Promise<number[]> {
    const ranges = await this.setup.log.admin.ranges(partitionsOf(this.#input, this.setup.options.partitions))
    return [...ranges.values()].map(({ end }) => end)
  }

  async #removeTopics(): Promise<void> {
    const names = await this.setup.log.admin.listTopics()
    await this.setup.log.admin.deleteTopics(names.filter((name) => name.startsWith(`bench-${this.#id}-`)))
  }
}
