/**
 * The topology driver: a whole application on the in-memory log, with the real engine, for users' tests (engine.md 8).
 *
 *     const city = await driver(surgePricing, { partitions: 4 })
 *     city.topic(rideRequests).send({ key: 'rider-1', value: ride })     // pipe in
 *     await city.advanceTo('2026-05-08T17:02:00Z')                       // move event time
 *     expect(await city.topic(surgePrices).read()).toEqual([...])        // read out
 *
 * Nothing runs between two awaits; every `read`, `advanceTo`, `crash`... processes all that was sent first, so a test is deterministic.
 * Values that user code gets from state are frozen: code that changes them in place fails here instead of once in production.
 */
import type { Duration } from '../dataflow/duration.ts'
import { planOf } from '../dataflow/topology.ts'
import type { Topic } from '../dataflow/topic.ts'
import type { Topology } from '../dataflow/topology.ts'
import { MANUAL_CLOCK_START, ManualClock } from '../memory/manual-clock.ts'
import { memoryLog } from '../memory/memory-log.ts'
import type { MemoryConnection } from '../memory/memory-log.ts'
import type { CommitPoint, ProbePoint } from '../runtime/task/commit.ts'
import { resolveSettings } from '../runtime/settings/configuration.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import { externalInputsOf, sinksOf } from '../runtime/worker/wiring.ts'
import type { Task } from '../runtime/task/task.ts'
import { Worker } from '../runtime/worker/worker.ts'
import { memoryHome } from '../state/memory-store.ts'
import { driverStore } from './driver-store.ts'
import type { DriverStore } from './driver-store.ts'
import { committedRecords, driverTopic } from './driver-topic.ts'
import type { DriverTopic, TopicContext } from './driver-topic.ts'
import { isQuiet } from '../runtime/worker/quiet.ts'
import { parseTime } from './time-text.ts'

/** Where in a commit the worker dies (engine.md 4.5). */
export type CrashPoint = 'before-end-of-transaction' | 'after-end-of-transaction' | 'after-store-write'

export interface DriverOptions {
  /** Partitions of every topic, default 1; or by topic name. */
  readonly partitions?: number | Readonly<Record<string, number>>
  /** Wall clock at the start: epoch ms or ISO text. Default: 2026-01-01. Records far ahead of it are refused as in production; see `advanceClock`. */
  readonly now?: number | string
  /** Workers that share the tasks. Default 1. */
  readonly workers?: number
  /** Settings of the worker, where the test needs other ones. By default it commits after every step. */
  readonly settings?: Partial<Settings>
}

export interface Driver {
  topic<K, V, KW, VW>(topic: Topic<K, V, KW, VW>): DriverTopic<K, V, KW, VW>
  /** Processes what was sent, then says to every input partition that its event time is complete up to here: windows close, timers fire. */
  advanceTo(time: number | string): Promise<void>
  /** Moves the wall clock: processing-time timers fire. */
  advanceClock(duration: Duration): Promise<void>
  /** The worker dies at that point of its next commit, as by kill -9, and another one takes over what the log and the disk hold. */
  crash(at: CrashPoint): Promise<void>
  /** Another worker joins, then leaves: all tasks move there and back. */
  rebalance(): Promise<void>
  /** Committed state of a step. */
  store(step: string): DriverStore
  /** Records that could not be used, as their dead letters say. */
  refused(): Promise<
    readonly {
      readonly reason: string
      readonly message: string
      readonly topic: string
      readonly key: Uint8Array | null
      readonly value: Uint8Array | null
    }[]
  >
  /** Records that came too late, over all steps and tasks. Counted by workers: a crash right after the end of a transaction loses that transaction's count. */
  late(): Promise<number>
  /** Crashes that happened so far. */
  readonly crashes: number
  close(): Promise<void>
}

class Crash extends Error {
  override readonly name = 'Crash'
}

interface RunningWorker {
  readonly worker: Worker
  readonly connection: MemoryConnection
  readonly stores: ReturnType<typeof memoryHome>
}

/** A test's records may be of any time. */
const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' }

/** A test that needs more steps than this to come to rest has a loop. */
const SETTLE_STEPS_MAX = 20_000

/** How long something outside of the driver is waited for (a schema registry), and how often it is looked at, ms. */
const OUTSIDE_MS_MAX = 30_000
const OUTSIDE_WAIT_MS = 5

export async function driver(topology: Topology, options: DriverOptions = {}): Promise<Driver> {
  const running = new DriverRun(topology, options)
  await running.start()
  return running
}

class DriverRun implements Driver {
  readonly #clock: ManualClock
  readonly #log: ReturnType<typeof memoryLog>
  readonly #plan: ReturnType<typeof planOf>
  readonly #options: DriverOptions
  readonly #topics = new Map<string, object>()
  readonly #partitions = new Map<string, number>()
  #workers: RunningWorker[] = []
  #eventTime = 0
  #crashAt: CommitPoint | undefined
  #crashed: RunningWorker | undefined
  #crashes = 0
  #outsideWaits = 0
  /** Every task there was: their counters outlive them. */
  readonly #tasksSeen = new Set<Task>()

  constructor(topology: Topology, options: DriverOptions) {
    this.#plan = planOf(topology)
    this.#options = options
    this.#clock = new ManualClock(options.now === undefined ? MANUAL_CLOCK_START : parseTime(options.now))
    this.#log = memoryLog({ clock: this.#clock })
  }

  get crashes(): number {
    return this.#crashes
  }

  async start(): Promise<void> {
    for (const name of new Set([...externalInputsOf(this.#plan), ...sinksOf(this.#plan)])) {
      const given = this.#options.partitions ?? 1
      const partitions = typeof given === 'number' ? given : (given[name] ?? 1)
      this.#partitions.set(name, partitions)
      await this.#log.admin.createTopics([{ name, partitions, replicationFactor: 1, config: ANY_TIMESTAMP }])
    }
    await this.#openFormats()
    for (let count = 0; count < (this.#options.workers ?? 1); count += 1) await this.#startWorker(memoryHome())
    await this.settle()
  }

  /** The test writes what the topology reads and reads what it writes; the worker opens the other way. */
  async #openFormats(): Promise<void> {
    for (const sub of this.#plan.subTopologies) {
      for (const end of [...sub.inputs, ...sub.outputs]) {
        if (end.kind === 'repartition') continue
        const use = end.kind === 'external' ? 'write' : 'read'
        await end.keyFormat.open?.(end.topic, 'key', use)
        await end.valueFormat.open?.(end.topic, 'value', use)
      }
    }
  }

  async #startWorker(stores: RunningWorker['stores']): Promise<RunningWorker> {
    const connection = this.#log.connect()
    const settings: Settings = {
      ...resolveSettings({ readSecret: () => '' }),
      commitIntervalMs: 0,
      markerIntervalMs: 0,
      maxIdleMs: 0,
      metadataIntervalMs: 0,
      ...this.#options.settings,
    }
    const running: RunningWorker = {
      connection,
      stores,
      worker: new Worker({
        plan: this.#plan,
        log: connection,
        stores,
        clock: this.#clock,
        settings,
        id: connection.name,
        freezeValues: true,
        note: () => undefined,
        probe: (_task, point) => this.#probe(running, point),
      }),
    }
    this.#workers.push(running)
    await this.#during(running.worker.start())
    return running
  }

  #probe(running: RunningWorker, point: ProbePoint): void {
    if (this.#crashed === running) throw new Crash('the worker is dead')
    if (this.#crashAt !== point || this.#crashed !== undefined) return
    this.#crashAt = undefined
    this.#crashed = running
    running.connection.kill()
    throw new Crash(point)
  }

  /** Lets time pass while a promise is waited for. */
  async #during<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const watched = promise.finally(() => {
      done = true
    })
    // Whoever awaits `watched` below sees a failure; until then it must not count as unhandled.
    watched.catch(() => undefined)
    for (let step = 0; !done && step < SETTLE_STEPS_MAX; step += 1) {
      await this.#clock.settle()
      const next = this.#clock.nextWake()
      if (!done && next !== undefined) this.#clock.advanceTo(next)
    }
    return await watched
  }

  /** Processes everything that can be processed. */
  async settle(): Promise<void> {
    for (let step = 0; step < SETTLE_STEPS_MAX; step += 1) {
      await this.#clock.settle()
      if (this.#crashed !== undefined) {
        await this.#replace(this.#crashed)
        continue
      }
      for (const { worker } of this.#workers) {
        if (worker.fault !== undefined) throw worker.fault
        for (const task of worker.tasks.values()) this.#tasksSeen.add(task)
      }
      const stopped = this.#workers.flatMap(({ worker }) => [...worker.tasks.values()]).find((task) => task.fault !== undefined)
      if (stopped?.fault !== undefined) throw stopped.fault
      if (
        await isQuiet(
          this.#workers.map(({ worker }) => worker),
          this.#log,
        )
      )
        return
      await this.#moveOn()
    }
    throw new Error(`the topology did not come to rest in ${SETTLE_STEPS_MAX} steps: does it feed itself?`)
  }

  /** To the next wake-up of the clock; where nobody sleeps, something outside is waited for (a format that fetches a schema). */
  async #moveOn(): Promise<void> {
    const next = this.#clock.nextWake()
    if (next !== undefined) {
      this.#clock.advanceTo(next)
      this.#outsideWaits = 0
      return
    }
    this.#outsideWaits += 1
    if (this.#outsideWaits * OUTSIDE_WAIT_MS > OUTSIDE_MS_MAX)
      throw new Error(`the driver waited ${OUTSIDE_MS_MAX / 1000} s for something outside of it that did not come`)
    await new Promise((resolve) => setTimeout(resolve, OUTSIDE_WAIT_MS))
  }

  async #replace(dead: RunningWorker): Promise<void> {
    this.#crashed = undefined
    this.#crashes += 1
    this.#workers = this.#workers.filter((one) => one !== dead)
    dead.stores.crash()
    await this.#startWorker(dead.stores)
  }

  topic<K, V, KW, VW>(topic: Topic<K, V, KW, VW>): DriverTopic<K, V, KW, VW> {
    const known = this.#topics.get(topic.topic)
    // One object for each topic, so that `read` goes on where it ended; made from this very topic value, hence of its types.
    if (known !== undefined) return known as DriverTopic<K, V, KW, VW>
    if (!this.#partitions.has(topic.topic))
      throw new RangeError(
        `the topology ${this.#plan.name} neither reads nor writes ${topic.topic}; it has ${[...this.#partitions.keys()].join(', ')}`,
      )
    const context: TopicContext = {
      log: this.#log,
      partitionsOf: (name) => this.#partitions.get(name) ?? 1,
      eventTime: () => this.#eventTime,
      settle: async () => await this.settle(),
    }
    const made = driverTopic(context, topic)
    this.#topics.set(topic.topic, made)
    return made
  }

  async advanceTo(time: number | string): Promise<void> {
    await this.settle()
    this.#eventTime = parseTime(time)
    for (const { worker } of this.#workers) for (const task of worker.tasks.values()) task.lift(this.#eventTime)
    await this.settle()
  }

  async advanceClock(duration: Duration): Promise<void> {
    await this.settle()
    this.#clock.advance(duration)
    await this.settle()
  }

  async crash(at: CrashPoint): Promise<void> {
    this.#crashAt = at
    await this.settle()
  }

  async rebalance(): Promise<void> {
    await this.settle()
    const guest = await this.#startWorker(memoryHome())
    await this.settle()
    this.#workers = this.#workers.filter((one) => one !== guest)
    await this.#during(guest.worker.stop())
    await this.settle()
  }

  store(step: string): DriverStore {
    return driverStore(step, this.#plan, () => this.#workers.flatMap(({ worker }) => [...worker.tasks.values()]))
  }

  async refused(): ReturnType<Driver['refused']> {
    await this.settle()
    const topic = `${this.#plan.name}.v${this.#plan.version}.dead-letters`
    const partitions = (await this.#log.admin.describeTopics([topic])).get(topic)?.partitions ?? 0
    return Array.from({ length: partitions }, (_, partition) => committedRecords(this.#log, topic, partition)).flatMap((records) =>
      records.map(({ key, value, headers }) => {
        const text = (name: string): string => Buffer.from(headers.find(([header]) => header === name)?.[1] ?? []).toString('utf8')
        return { reason: text('millrace-reason'), message: text('__streams.errors.message'), topic: text('x-original-topic'), key, value }
      }),
    )
  }

  async late(): Promise<number> {
    await this.settle()
    return [...this.#tasksSeen].reduce((sum, task) => sum + task.totals.late, 0)
  }

  async close(): Promise<void> {
    for (const { worker } of this.#workers) await this.#during(worker.stop())
    await this.#during(this.#log.close())
  }
}
