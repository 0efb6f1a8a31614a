/**
 * What every measurement stands on: the broker of this run, topics of its own, and the contenders to start on them.
 *
 * Owns all topics and state folders whose names begin with `bench-<id>-`, and removes them.
 */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { kafkaStreams, millrace, type Contender, type ContenderName, type MillraceOptions, type Run } from './contenders.ts'
import type { BenchOptions } from './options.ts'
import { whole } from './text.ts'
import type { StreamsPeer } from './streams-peer.ts'
import { endsOf, makeTopic, preload, type Ends } from './topics.ts'
import { sideTopic, type Plan, type Workload } from './workload.ts'

export interface GroundSetup {
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

export interface NamedWorkload {
  readonly name: string
  readonly workload: Workload
}

export interface LoadedInput {
  readonly topic: string
  readonly partitions: number
  /** Of all inputs of the workload. */
  readonly ends: Ends
  readonly plan: Plan
}

const mebibyte = 2 ** 20

export class Ground {
  readonly setup: GroundSetup
  readonly #id = randomBytes(4).toString('hex')
  #made = 0

  constructor(setup: GroundSetup) {
    this.setup = setup
  }

  /** A name that nobody has had, for topics and applications. */
  fresh(what: string): string {
    this.#made += 1
    return `bench-${this.#id}-${this.#made}-${what}`
  }

  /** A topic with the whole input of a workload. */
  async load({ name, workload }: NamedWorkload, size: { records: number; keys: number; partitions: number }): Promise<LoadedInput> {
    const { log, say } = this.setup
    const begin = performance.now()
    const topic = this.fresh(`${name}-input`)
    const plan = workload.plan(size)
    const topics = [topic, ...(workload.sides ?? []).map((side) => sideTopic(topic, side))]
    for (const one of topics) await makeTopic(log, one, size.partitions)
    await preload(log, topic, size.partitions, plan)
    const took = ((performance.now() - begin) / 1_000).toFixed(1)
    say(`${name}: ${whole(size.records)} records, ${whole(size.keys)} keys, ${size.partitions} partitions (loaded in ${took} s)`)
    return { topic, partitions: size.partitions, ends: await endsOf(log, topics, size.partitions), plan }
  }

  /** `millraceOptions`: for commands and versions other than `run` and 1. */
  contender(name: ContenderName, { workload }: NamedWorkload, run: Run, millraceOptions: Partial<MillraceOptions> = {}): Contender {
    const { peerCacheMiB, peerHeap, peerFlags, peerSettings, profile, nodeFlags } = this.setup.options
    if (name === 'millrace') {
      const profiling = ['--cpu-prof', `--cpu-prof-dir=${this.setup.profileDirectory}`, '--cpu-prof-interval=500']
      return millrace(run, { nodeWords: [...nodeFlags, ...(profile ? profiling : [])], ...millraceOptions })
    }
    if (this.setup.peer === undefined || workload.peer === undefined) throw new Error(`${run.workload} has no peer here`)
    return kafkaStreams(run, this.setup.peer, {
      peer: workload.peer,
      words: workload.peerWords ?? {},
      cacheBytes: peerCacheMiB * mebibyte,
      heap: peerHeap,
      flags: peerFlags,
      settings: peerSettings,
    })
  }

  stateDirectory(application: string): string {
    return join(this.setup.directory, application)
  }

  /** Topics and state of one application, or of all. */
  async remove(name = `bench-${this.#id}-`): Promise<void> {
    const { log } = this.setup
    const topics = (await log.admin.listTopics()).filter((topic) => topic.startsWith(name))
    if (topics.length > 0) await log.admin.deleteTopics(topics)
    rmSync(this.stateDirectory(name), { recursive: true, force: true })
  }
}
