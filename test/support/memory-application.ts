/**
 * An application under test on the in-memory log: real workers, each with its own connection and disk, that can be killed, cut off from
 * the group, and started again. Time is the test's: it moves to the next moment at which somebody waits, and no further.
 */
import type { BatchRequest } from '../../libs/runtime/batch/bounds.ts'
import { planOf } from '../../libs/dataflow/topology.ts'
import type { Topology } from '../../libs/dataflow/topology.ts'
import { ManualClock } from '../../libs/memory/manual-clock.ts'
import { memoryLog } from '../../libs/memory/memory-log.ts'
import type { MemoryConnection, MemoryLog } from '../../libs/memory/memory-log.ts'
import type { CommitProbe, ProbePoint } from '../../libs/runtime/task/commit.ts'
import { resolveSettings } from '../../libs/runtime/settings/configuration.ts'
import type { Log, LogRecord, PositionToCommit } from '../../libs/runtime/ports/log.ts'
import type { Settings } from '../../libs/runtime/settings/settings.ts'
import type { Task } from '../../libs/runtime/task/task.ts'
import { externalInputsOf, sinksOf } from '../../libs/runtime/worker/wiring.ts'
import { Worker } from '../../libs/runtime/worker/worker.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../libs/state/memory-store.ts'
import type { StoreHome } from '../../libs/state/store.ts'
import { isQuiet } from '../../libs/runtime/worker/quiet.ts'

export interface ApplicationOptions {
  readonly partitions?: number | Readonly<Record<string, number>>
  readonly settings?: Partial<Settings>
  /** A cluster that is there already. */
  readonly log?: MemoryLog
  readonly clock?: ManualClock
  readonly schedule?: (task: () => void) => void
}

export interface WorkerRequest {
  readonly home?: MemoryHome
  /** The stores as the worker sees them; default: those of `home`. */
  readonly stores?: StoreHome
  /** The log as the worker sees it. */
  readonly seenAs?: (connection: MemoryConnection) => Log
  readonly settings?: Partial<Settings>
  /** Another release of the same application. */
  readonly release?: Topology
  readonly probe?: CommitProbe
  readonly batch?: BatchRequest
  /** It dies, as by kill -9, the `nth` time that one of its commits comes to that point. The start of each task is a commit too. */
  readonly dies?: { readonly at: ProbePoint; readonly nth: number }
}

export interface Note {
  readonly level: string
  readonly message: string
}

/** One worker with what it holds. */
export interface Seat {
  readonly worker: Worker
  readonly connection: MemoryConnection
  readonly home: MemoryHome
  readonly notes: Note[]
  /** False: the test does not count on it (any more). */
  alive: boolean
  killed: boolean
}

const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' }
const STEPS_MAX = 50_000
/** Requests may be on their way although nobody waits for time. */
const IDLE_TURNS_MAX = 20

/** Of a process that may be dead: its code still runs here, and must neither hold nor wipe what its heir on that disk has. */
function disksOf(stores: StoreHome, isDead: () => boolean): StoreHome {
  // At once where it lives: between a look and the opening nobody may die.
  const whileAlive = <T>(use: () => Promise<T>): Promise<T> => (isDead() ? new Promise<never>(() => undefined) : use())
  return {
    open: (task) => whileAlive(() => stores.open(task)),
    wipe: (task) => whileAlive(() => stores.wipe(task)),
    list: () => stores.list(),
    close: () => stores.close(),
  }
}

export class MemoryApplication {
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly plan: ReturnType<typeof planOf>
  readonly seats: Seat[] = []
  readonly #settings: Settings

  private constructor(topology: Topology, options: ApplicationOptions) {
    this.plan = planOf(topology)
    this.clock = options.clock ?? new ManualClock()
    this.log = options.log ?? memoryLog({ clock: this.clock, ...(options.schedule === undefined ? {} : { schedule: options.schedule }) })
    this.#settings = {
      ...resolveSettings({ readSecret: () => '' }),
      commitIntervalMs: 0,
      markerIntervalMs: 0,
      maxIdleMs: 0,
      // Nobody changes topics behind the engine's back, unless a test says so; and a timer less to wait for.
      metadataIntervalMs: 0,
      ...options.settings,
    }
  }

  /** Makes the external topics. No worker runs yet. */
  static async open(topology: Topology, options: ApplicationOptions = {}): Promise<MemoryApplication> {
    const app = new MemoryApplication(topology, options)
    const given = options.partitions ?? 1
    for (const name of new Set([...externalInputsOf(app.plan), ...sinksOf(app.plan)])) {
      const partitions = typeof given === 'number' ? given : (given[name] ?? 1)
      await app.log.admin.createTopics([{ name, partitions, replicationFactor: 1, config: ANY_TIMESTAMP }])
    }
    return app
  }

  get group(): string {
    return `${this.plan.name}.v${this.plan.version}`
  }
  internal(name: string): string {
    return `${this.group}.${name}`
  }

  /** Begins to start a worker; `ready` settles with its start. */
  launch(request: WorkerRequest = {}): { readonly seat: Seat; readonly ready: Promise<void> } {
    const connection = this.log.connect()
    const home = request.home ?? memoryHome()
    const notes: Note[] = []
    let points = 0
    const worker = new Worker({
      plan: request.release === undefined ? this.plan : planOf(request.release),
      log: request.seenAs?.(connection) ?? connection,
      stores: disksOf(request.stores ?? home, () => seat.killed),
      clock: this.clock,
      settings: { ...this.#settings, ...request.settings },
      id: connection.name,
      ...(request.batch === undefined ? {} : { batch: request.batch }),
      note: (level, message) => void notes.push({ level, message }),
      probe: (task, point) => {
        if (seat.killed) throw new Error('the worker is dead')
        request.probe?.(task, point)
        if (point !== request.dies?.at || ++points !== request.dies.nth) return
        this.kill(seat)
        throw new Error('the worker dies here')
      },
    })
    const seat: Seat = { worker, connection, home, notes, alive: true, killed: false }
    this.seats.push(seat)
    return { seat, ready: worker.start() }
  }

  async start(request: WorkerRequest = {}): Promise<Seat> {
    const { seat, ready } = this.launch(request)
    await this.during(ready)
    return seat
  }

  /** As `start`, and until there is nothing left to do. */
  async run(request: WorkerRequest = {}): Promise<Seat> {
    const seat = await this.start(request)
    await this.settle()
    return seat
  }

  async stop(seat: Seat): Promise<void> {
    await this.during(seat.worker.stop())
    seat.alive = false
  }

  /** kill -9. */
  kill(seat: Seat): void {
    seat.connection.kill()
    seat.home.crash()
    seat.alive = false
    seat.killed = true
  }

  /** Lets time pass while a promise is waited for. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const watched = promise.finally(() => {
      done = true
    })
    // Whoever awaits `watched` below sees a failure; until then it must not count as unhandled.
    watched.catch(() => undefined)
    await this.until(() => done, 'the promise settles')
    return await watched
  }

  /** Lets time pass until it is so. */
  async until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    let idle = 0
    for (let step = 0; step < STEPS_MAX; step += 1) {
      await this.clock.settle()
      if (await isSo()) return
      const next = this.clock.nextWake()
      if (next !== undefined) this.clock.advanceTo(next)
      else if (++idle > IDLE_TURNS_MAX) throw new Error(`nothing happens any more, and it is not so that ${what}: ${this.describe()}`)
    }
    throw new Error(`in ${STEPS_MAX} steps it did not come about that ${what}: ${this.describe()}`)
  }

  /** Until everything that was sent is processed and committed. A task that stopped fails the test with its fault. */
  async settle(): Promise<void> {
    await this.until(async () => {
      const live = this.seats.filter((seat) => seat.alive)
      for (const { worker } of live) {
        const fault = worker.fault ?? [...worker.tasks.values()].find((task) => task.state === 'stopped')?.fault
        if (fault !== undefined) throw fault
      }
      return await isQuiet(
        live.map(({ worker }) => worker),
        this.log,
      )
    }, 'all is processed')
  }

  /** For messages: workers, and tasks with what they wait for. */
  describe(): string {
    const taskText = (task: Task): string => {
      const queues =
        task.run?.queues.map((queue) => `${queue.wiring.id} at ${queue.position} of ${queue.end}, ${queue.waiting} waiting`) ?? []
      return `${task.name} ${task.state}${task.run?.inFlight === undefined ? '' : ' committing'} (${queues.join('; ')})`
    }
    const live = this.seats.filter(({ alive }) => alive)
    return live
      .map(({ worker, connection }) => `${connection.name} ${worker.state}: ${[...worker.tasks.values()].map(taskText).join(', ')}`)
      .join(' | ')
  }

  tasks(): Task[] {
    return this.seats.filter((seat) => seat.alive).flatMap(({ worker }) => [...worker.tasks.values()])
  }

  task(name: string): Task {
    const task = this.tasks().find((one) => one.name === name)
    if (task === undefined) throw new Error(`no live worker has the task ${name}`)
    return task
  }

  /** The fault that a task stops with. */
  async stopOf(name: string): Promise<Error> {
    // A worker all of whose tasks have stopped ends, so its tasks are looked for among the dead too.
    const found = (): Error | undefined =>
      this.seats.flatMap(({ worker }) => [...worker.tasks.values(), worker]).find((one) => one.fault !== undefined && isOf(one, name))
        ?.fault
    await this.until(() => found() !== undefined, `${name} has stopped`)
    return found() ?? new Error('none')
  }

  /** Appends JSON. */
  async send(topic: string, key: string | null, value: unknown, more: { partition?: number; timestamp?: number } = {}): Promise<void> {
    const record = {
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(JSON.stringify(value)),
      timestamp: more.timestamp ?? 0,
      headers: [],
    }
    await this.log.append([{ topic, partition: more.partition ?? 0, records: [record] }])
  }

  /** What a read_committed reader sees, partition after partition. */
  async read(topic: string): Promise<LogRecord[]> {
    const partitions = (await this.log.admin.describeTopics([topic])).get(topic)?.partitions ?? 0
    return Array.from({ length: partitions }, (_, partition) => partition).flatMap((partition) =>
      this.log.entries(topic, partition).flatMap((entry) => (entry.kind === 'data' && entry.state === 'committed' ? [entry.record] : [])),
    )
  }

  async readText(topic: string): Promise<[key: string, value: unknown][]> {
    return (await this.read(topic)).map(({ key, value }) => [
      Buffer.from(key ?? []).toString('utf8'),
      value === null ? null : JSON.parse(Buffer.from(value).toString('utf8')),
    ])
  }

  async lastText(topic: string): Promise<Record<string, unknown>> {
    return Object.fromEntries(await this.readText(topic))
  }

  /** What `kafka-consumer-groups --reset-offsets` does: positions without metadata, while the group is empty. */
  async moveOffsets(positions: Readonly<Record<string, number>>): Promise<void> {
    const list = Object.entries(positions).map(([id, position]): PositionToCommit => {
      const cut = id.lastIndexOf(':')
      return { topic: id.slice(0, cut), partition: Number(id.slice(cut + 1)), position, metadata: '' }
    })
    await this.until(() => this.log.membersOf(this.group).length === 0, 'the group is empty')
    await this.during(this.log.admin.commitFromOutside(this.group, list))
  }

  async committed(topic: string, partition = 0): Promise<{ readonly position: number; readonly metadata: string } | undefined> {
    const found = await this.during(this.log.admin.committed(this.group, [{ topic, partition }]))
    return found.get(`${topic}:${partition}`)
  }

  async close(): Promise<void> {
    this.log.faults = {}
    for (const seat of this.seats) if (seat.alive) await this.stop(seat)
    await this.during(this.log.close())
  }
}

const isOf = (one: Task | Worker, name: string): boolean => !('name' in one) || one.name === name
