/**
 * One application, one seed: what runs, on how many partitions and workers, with which settings, in which weather, and what is done to it step
 * after step. The same seed is the same run. What must hold in the end is in ending.ts.
 */
import type { AnnounceStep } from '../../../libs/runtime/reset/announcement.ts'
import type { CommitPoint, ProbePoint } from '../../../libs/runtime/task/commit.ts'
import type { Task } from '../../../libs/runtime/task/task.ts'
import type { TaskWiring } from '../../../libs/runtime/worker/wiring.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../../libs/state/memory-store.ts'
import { MemoryApplication } from '../memory-application.ts'
import type { Seat } from '../memory-application.ts'
import { batchOf, BulkLoader } from './bulk-loader.ts'
import { CommitHistory } from './commit-history.ts'
import { Dice } from './dice.ts'
import { Happenings } from './happenings.ts'
import { InputHistory } from './input-history.ts'
import type { Draft, History, Scenario } from './scenario.ts'
import { flushesScenario } from './flushes-scenario.ts'
import { sessionsScenario } from './sessions-scenario.ts'
import { MarkHistory } from './mark-history.ts'
import { SlowHome } from './slow-home.ts'
import { tablesScenario } from './tables-scenario.ts'
import { Weather } from './weather.ts'
import { windowsScenario } from './windows-scenario.ts'

export const scenarios: readonly [Scenario, ...Scenario[]] = [
  windowsScenario(2),
  sessionsScenario,
  windowsScenario(3),
  tablesScenario,
  flushesScenario,
]
const points: readonly [CommitPoint, ...CommitPoint[]] = [
  'before-send',
  'after-send',
  'before-end-of-transaction',
  'after-end-of-transaction',
  'after-store-write',
]
const announceSteps: readonly [AnnounceStep, ...AnnounceStep[]] = [
  'announce:control-taken',
  'announce:tasks-fenced',
  'announce:facts-read',
  'announce:sent',
  'announce:done',
]
/** Longer than every time-out. */
const LONG_MS = 200_000
/** And than tombstones are kept. */
const NIGHT_MS = 25 * 3_600_000
/** A status costs more than a step. */
const STATUS_EVERY = 16

interface Disk {
  readonly home: MemoryHome
  used: boolean
}

export class EngineSimulation {
  readonly scenario: Scenario
  readonly happenings = new Happenings()
  readonly app: MemoryApplication
  readonly inputs: InputHistory
  readonly commits: CommitHistory
  readonly marks = new MarkHistory()
  readonly partitions: number
  readonly loader: BulkLoader
  readonly weather: Weather
  /** All that ever committed. */
  readonly tasks = new Set<Task>()
  /** Where the newest epoch starts in each input partition; undefined: nobody has reset anything. */
  starts: readonly number[] | undefined
  readonly #dice: Dice
  readonly #workersMax: number
  readonly #disks: readonly Disk[]
  readonly #diskOf = new Map<Seat, Disk>()
  /** Who waits for a stop that may end otherwise. */
  readonly #deaths = new Map<Seat, () => void>()
  readonly #frozen: [memberId: string, seat: Seat][] = []
  #sent = 0
  #steps = 0
  #dying: { readonly seat: Seat; readonly point: CommitPoint } | undefined
  /** Whoever comes first to that step of an announcement dies there. */
  #deadlyStep: AnnounceStep | undefined

  private constructor(scenario: Scenario, dice: Dice, app: MemoryApplication, partitions: number) {
    this.scenario = scenario
    this.#dice = dice
    this.app = app
    this.partitions = partitions
    this.inputs = new InputHistory(app.log, scenario.input, partitions)
    this.commits = new CommitHistory(app.log)
    this.weather = new Weather(dice, app.clock, app.log.name, this.happenings)
    this.loader = new BulkLoader(app.log, scenario.input, dice.oneOf([2_000, 20_000]))
    this.#workersMax = 1 + dice.below(4)
    this.#disks = Array.from({ length: this.#workersMax + 1 }, () => ({
      home: memoryHome({ faultAt: () => this.weather.storeFault() }),
      used: false,
    }))
  }

  static async open(seed: number): Promise<EngineSimulation> {
    const dice = new Dice(seed)
    const scenario = dice.oneOf(scenarios)
    const partitions = 1 + dice.below(3)
    const app = await MemoryApplication.open(scenario.topology, {
      partitions,
      settings: {
        commitIntervalMs: dice.oneOf([0, 20, 100, 1_000]),
        markerIntervalMs: dice.oneOf([0, 50, 300]),
        maxIdleMs: dice.oneOf([0, 200]),
        // Nothing stays in the cache, or a little, so that what is used again was gone meanwhile, or everything.
        stateMemoryBytes: dice.oneOf([0, 1_000, 2_000, 4_000, 10_000_000]),
        transactionTimeoutMs: dice.oneOf([2_000, 10_000, 30_000]),
        standbyReplicas: dice.below(2),
      },
    })
    const simulation = new EngineSimulation(scenario, dice, app, partitions)
    const { weather } = simulation
    app.log.faults = { before: (call) => weather.before(call), after: (call) => weather.after(call) }
    simulation.start()
    return simulation
  }

  live(): Seat[] {
    return this.app.seats.filter(({ alive, worker }) => alive && worker.state !== 'failed' && worker.state !== 'stopped')
  }

  async step(): Promise<void> {
    const dice = this.#dice
    const live = this.live()
    const seat = dice.anyOf(live)
    if (seat === undefined || dice.chance(0.5)) await this.#feed()
    else await this.#disturb(seat)
    if (live.length < this.#workersMax && dice.chance(live.length === 0 ? 0.6 : 0.15)) this.start()
    await this.app.clock.pass(dice.below(dice.oneOf([20, 200, 200, 2_000])))
    this.followCommits()
    this.#steps += 1
    if (this.#steps % STATUS_EVERY !== 0) return
    for (const { worker } of this.app.seats) worker.status()
    const copies = this.live().flatMap(({ worker }) => [...worker.standbys.values()])
    this.happenings.count('standby seen following', copies.filter(({ state }) => state === 'following').length)
  }

  async #feed(): Promise<void> {
    const dice = this.#dice
    const drafts = Array.from({ length: 1 + dice.below(6) }, () => this.scenario.draft(dice, ++this.#sent, this.partitions))
    if (dice.chance(0.75)) return await this.send(drafts)
    const end = dice.oneOf(['commit', 'abort', 'abort', 'leave open'] as const)
    this.happenings.note('foreign transaction', end)
    await this.app.during(this.loader.load(drafts, end))
  }

  async send(drafts: readonly Draft[]): Promise<void> {
    for (const draft of drafts) await this.app.log.append([batchOf(this.scenario.input, draft)])
  }

  /** One thing that goes wrong, or that somebody does. Weights out of 100. */
  async #disturb(seat: Seat): Promise<void> {
    const dice = this.#dice
    const deeds: readonly (readonly [weight: number, deed: () => void | Promise<void>])[] = [
      [10, () => this.kill(seat, 'kill')],
      [26, () => void (this.#dying ??= { seat, point: dice.oneOf(points) })],
      [7, () => this.stop(seat)],
      [9, () => this.#freeze(seat)],
      [6, () => this.#expel(seat)],
      [6, () => this.#rebalance(seat)],
      [7, () => this.#thaw()],
      [4, () => this.weather.goAway(dice.below(dice.oneOf([1_000, 5_000, 15_000])))],
      [6, () => this.#compact()],
      [7, () => this.weather.arrive()],
      [4, () => this.#expireInput()],
      [1, () => this.#night()],
      [1, () => this.#damage()],
      [2, () => this.#reset()],
    ]
    let rest = dice.below(100)
    for (const [weight, deed] of deeds) {
      rest -= weight
      if (rest < 0) return await deed()
    }
    await this.app.clock.pass(dice.below(dice.oneOf([20_000, 20_000, LONG_MS])))
  }

  start(): void {
    const disk = this.#dice.anyOf(this.#disks.filter(({ used }) => !used))
    if (disk === undefined) return
    disk.used = true
    const { seat, ready } = this.app.launch({
      home: disk.home,
      stores: new SlowHome(disk.home, this.app.clock, this.marks, () => this.weather.storeDelayMs()),
      probe: (task, point) => this.#onCommitPoint(seat, task, point),
    })
    this.happenings.note('start', seat.connection.name)
    this.#diskOf.set(seat, disk)
    // A start that fails is a worker that its orchestrator starts again.
    ready.catch((error: unknown) => {
      if (seat.alive) this.kill(seat, `start failed: ${error instanceof Error ? error.name : 'no error'}`)
    })
  }

  #onCommitPoint(seat: Seat, task: string, point: ProbePoint): void {
    const found = seat.worker.tasks.get(task)
    if (found !== undefined) this.tasks.add(found)
    const isAnnouncer = this.#deadlyStep === point
    if (!isAnnouncer && (this.#dying?.seat !== seat || this.#dying.point !== point)) return
    if (isAnnouncer) this.#deadlyStep = undefined
    else this.#dying = undefined
    this.kill(seat, `kill ${point}`)
    throw new Error('the worker dies here')
  }

  kill(seat: Seat, how: string): void {
    this.happenings.note(how, seat.connection.name)
    this.app.kill(seat)
    this.#freeDisk(seat)
    this.#deaths.get(seat)?.()
  }

  async stop(seat: Seat): Promise<void> {
    // It has died while another one was stopped.
    if (!seat.alive) return
    this.happenings.note('stop', seat.connection.name)
    seat.alive = false
    // It may die on the way.
    const stopped = seat.worker.stop().finally(() => this.#freeDisk(seat))
    await this.app.during(Promise.race([stopped, this.#deathOf(seat)]))
  }

  async #deathOf(seat: Seat): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#deaths.set(seat, resolve)
    await promise
  }

  #freeDisk(seat: Seat): void {
    const disk = this.#diskOf.get(seat)
    if (disk !== undefined) disk.used = false
    if (this.#dying?.seat === seat) this.#dying = undefined
  }

  #freeze(seat: Seat): void {
    const { memberId } = seat.worker.identity
    if (seat.connection.findMember(memberId) === undefined) return
    this.happenings.note('freeze', seat.connection.name)
    this.app.log.freeze(memberId)
    this.#frozen.push([memberId, seat])
  }

  #thaw(): void {
    const frozen = this.#frozen.shift()
    // One that was stopped meanwhile has no more to say; its session runs out.
    if (frozen === undefined || !frozen[1].alive || frozen[1].connection.findMember(frozen[0]) === undefined) return
    this.happenings.note('thaw', frozen[1].connection.name)
    this.app.log.thaw(frozen[0])
  }

  #expel(seat: Seat): void {
    const { memberId } = seat.worker.identity
    if (!this.app.log.membersOf(this.app.group).includes(memberId)) return
    this.happenings.note('expulsion', seat.connection.name)
    this.app.log.expel(this.app.group, memberId)
  }

  #rebalance(seat: Seat): void {
    this.happenings.note('rebalance', seat.connection.name)
    seat.worker.rejoin()
  }

  #damage(): void {
    const disk = this.#dice.anyOf(this.#disks.filter(({ used }) => !used))
    if (disk === undefined) return
    this.happenings.note('damaged disk')
    for (const { name } of this.tasks) disk.home.damage(name)
  }

  async #compact(purgeTombstones = false): Promise<void> {
    this.followCommits()
    this.happenings.note('compaction')
    for (const name of await this.app.log.admin.listTopics()) {
      const isCompacted = ['.changelog', '.commits', '.control'].some((kind) => name.startsWith(this.app.group) && name.endsWith(kind))
      if (!isCompacted) continue
      this.app.log.compact(name, { purgeTombstones: purgeTombstones && name.endsWith('.changelog') })
    }
  }

  /** A day without input: what is on unused disks is older than what the changelog still tells, and its tombstones go. */
  async #night(): Promise<void> {
    this.happenings.note('night')
    // Who is cut off would try again every ten seconds.
    while (this.#frozen.length > 0) this.#thaw()
    const ends = await this.#changelogEnds()
    await this.app.clock.pass(NIGHT_MS)
    // What was written meanwhile would be too young to go.
    if (ends === (await this.#changelogEnds())) await this.#compact(true)
  }

  async #changelogEnds(): Promise<string> {
    const names = (await this.app.log.admin.listTopics()).filter((name) => name.endsWith('.changelog'))
    const topics = await this.app.log.admin.describeTopics(names)
    return names
      .flatMap((name) => Array.from({ length: topics.get(name)?.partitions ?? 0 }, (_, at) => this.app.log.entries(name, at).at(-1)))
      .map((entry) => entry?.record.offset)
      .join()
  }

  /** A tool moves the group's offsets to the start of the inputs while nobody works: the next worker announces a new epoch (P6). */
  async #reset(): Promise<void> {
    this.followCommits()
    const wirings = this.app.seats.flatMap(({ worker }) => worker.prepared?.wiring.tasks ?? [])
    // A second one would find some tasks behind the first, and in epochs of their own.
    if (this.starts !== undefined) return
    // What has never run would begin there without a reset.
    if (wirings.length === 0 || wirings.some((task) => this.commits.newest(task.commitTopic, task.partition) === undefined)) return
    for (const seat of this.live()) await this.stop(seat)
    this.inputs.catchUp()
    const partitions = Array.from({ length: this.partitions }, (_, partition) => ({ topic: this.scenario.input, partition }))
    const ranges = await this.app.log.admin.ranges(partitions)
    const starts = Object.fromEntries([...ranges].map(([id, { logStart }]) => [id, logStart]))
    this.followCommits()
    // A partition that stands there already has nothing to begin anew, and stays in its epoch.
    const isBack = (task: TaskWiring): boolean => {
      const { positions = {} } = this.commits.newest(task.commitTopic, task.partition) ?? {}
      return task.inputs.every(({ id, external }) => external === undefined || (positions[id] ?? 0) > (starts[id] ?? 0))
    }
    if (!wirings.every(isBack)) return
    await this.app.moveOffsets(starts)
    this.happenings.note('reset', JSON.stringify(starts))
    if (this.#dice.chance(0.6)) this.#deadlyStep = this.#dice.oneOf(announceSteps)
    this.starts = partitions.map(({ partition }) => starts[`${this.scenario.input}:${partition}`] ?? 0)
  }

  /** What the results of the newest epoch were made from. */
  history(): History {
    return this.inputs.records.map((records, partition) => records.filter(({ offset }) => offset >= (this.starts?.[partition] ?? 0)))
  }

  /** Retention takes input that everybody has processed. */
  async #expireInput(): Promise<void> {
    const task = this.#dice.anyOf(
      [...this.tasks].filter(({ context }) => context.task.inputs.some(({ external }) => external !== undefined)),
    )
    // After a reset the newest commit may still be one of the old epoch.
    if (task === undefined || this.starts !== undefined) return
    this.inputs.catchUp()
    this.followCommits()
    const { commitTopic, partition, inputs } = task.context.task
    const newest = this.commits.newest(commitTopic, partition)
    for (const input of inputs) {
      const position = newest?.positions[input.id]
      if (input.external === undefined || position === undefined) continue
      this.happenings.note('retention of input', `${input.id} up to ${position}`)
      this.app.log.expire(input.topic, input.partition, position)
    }
  }

  followCommits(): void {
    for (const seat of this.app.seats) {
      const tasks = seat.worker.prepared?.wiring.tasks
      if (tasks === undefined) continue
      for (const { commitTopic, partition } of tasks) this.commits.catchUp(commitTopic, partition)
      return
    }
  }

  /** Nothing goes wrong any more, and somebody works until there is nothing left to do. */
  async calmDown(): Promise<void> {
    this.weather.clear()
    this.#dying = undefined
    this.#deadlyStep = undefined
    while (this.#frozen.length > 0) this.#thaw()
    await this.app.during(this.loader.close())
    this.inputs.catchUp()
    await this.send(this.scenario.closing(this.partitions, this.inputs.records))
    // One that was starting may still fail of what went wrong before.
    do {
      if (this.live().length === 0) this.start()
      await this.app.settle()
    } while (this.live().length === 0)
  }
}
