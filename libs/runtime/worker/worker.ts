/**
 * A worker: one member of the consumer group, with the tasks that the group gives it.
 *
 * Owns: group membership, the one reader of all inputs, the tasks. A rebalance is: all tasks suspended (commits done) → joined again →
 * tasks that are no longer ours closed → the others and the new ones assigned.
 */
import { failPoint } from '../../faults/fail-points.ts'
import { BrokenPromise, Fault } from '../../faults/fault.ts'
import { memoryHome } from '../../state/memory-store.ts'
import type { StoreHome } from '../../state/store.ts'
import type { TopologyPlan } from '../../dataflow/plan.ts'
import { boundsText } from '../batch/bounds.ts'
import type { BatchRequest } from '../batch/bounds.ts'
import { batchOver, movedSince } from '../batch/batch-watch.ts'
import { assignmentsOf } from './assignments.ts'
import { NOTHING_HELD, encodeMember, decodeTasks } from './group-data.ts'
import { LocalStores } from './local-stores.ts'
import type { CommitProbe } from '../task/commit.ts'
import type { Note } from '../note.ts'
import { hasManyStages } from '../reset/announcement.ts'
import { endedBatch } from '../reset/may-reset.ts'
import { Announcer } from '../reset/announcer.ts'
import { openFormats } from './open-formats.ts'
import { prepare } from './prepare.ts'
import type { Prepared } from './prepare.ts'
import type { Clock } from '../ports/clock.ts'
import type { AssignmentOf, GroupEvents, GroupIdentity, GroupMember, Log, PartitionReader } from '../ports/log.ts'
import { inputOutOfRange } from '../task/task-inputs.ts'
import { Purge } from './purge.ts'
import type { Settings } from '../settings/settings.ts'
import type { StandbyTask } from '../standby/standby-task.ts'
import type { KeptStatus, WorkerState, WorkerStatus } from './status.ts'
import { Task } from '../task/task.ts'
import { taskMemory } from './task-memory.ts'
import { sayRole } from '../switch/say-role.ts'
import { VersionSwitch } from '../switch/version-switch.ts'
import { explained, watchTopics } from './topic-watch.ts'
import { workerStatus } from './worker-status.ts'
import type { Wiring } from './wiring.ts'

export interface WorkerOptions {
  readonly plan: TopologyPlan
  readonly log: Log
  readonly stores: StoreHome
  readonly clock: Clock
  readonly settings: Settings
  readonly note: Note
  /** Shown in the status document; unique among the workers of a process. */
  readonly id?: string
  readonly millraceVersion?: string
  /** Ends where the inputs end; default: never. */
  readonly batch?: BatchRequest
  /** Calls of effect steps are listed in the effects topic instead of made. Default false. */
  readonly listsEffects?: boolean
  /** Called at each point of each commit (tests, fail-points). */
  readonly probe?: CommitProbe
  /** Finds code that changes values in place: freezes those of state, and compares those that go on as they were read (test kit). */
  readonly freezeValues?: boolean
  onCommit?(task: string, milliseconds: number): void
  /** Part of their bounds that the tasks may use now, 0-1: below 1 while memory is short. Default 1. */
  memoryShare?(): number
}

/** Why a worker ended. */
export type ExitReason = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly fault: Error }

export class Worker {
  readonly options: WorkerOptions
  readonly done: Promise<ExitReason>
  readonly startedAt: number
  readonly tasks = new Map<string, Task>()
  fault: Error | undefined
  #end: (reason: ExitReason) => void = () => undefined
  #state: WorkerState = 'starting'
  #prepared: Prepared | undefined
  #identity: GroupIdentity
  #member: GroupMember | undefined
  #reader: PartitionReader | undefined
  #purge: Purge | undefined
  #announcer: Announcer | undefined
  #switching: VersionSwitch | undefined
  readonly #stateless = memoryHome()
  readonly #abort = new AbortController()
  /** Tasks of a membership that was lost, on their way out. */
  #leaving: Promise<unknown> = Promise.resolve()
  /** Rises when an assignment comes, and when it is lost: work on an older one ends. */
  #assignments = 0
  #ending: Promise<void> | undefined
  #stores: LocalStores | undefined

  constructor(options: WorkerOptions) {
    this.options = options
    this.startedAt = options.clock.now()
    this.#identity = { groupId: `${options.plan.name}.v${options.plan.version}`, memberId: '', generation: -1 }
    this.done = new Promise((resolve) => (this.#end = resolve))
  }

  get state(): WorkerState {
    return this.#state
  }
  get identity(): GroupIdentity {
    return this.#identity
  }
  /** Topology with its topics and tasks; undefined before `start` has checked them. */
  get prepared(): Prepared | undefined {
    return this.#prepared
  }

  get standbys(): ReadonlyMap<string, StandbyTask> {
    return this.#stores?.standbys ?? new Map<string, StandbyTask>()
  }
  /** Stores of tasks that went to other workers. */
  get kept(): KeptStatus {
    return this.#stores?.kept ?? { stores: 0, bytes: 0, removed: 0 }
  }

  /** Checks and creates topics, opens formats, joins the group. Throws a Fault with action 'stop' when it cannot work. */
  async start(): Promise<void> {
    const { log, clock, settings, plan, note } = this.options
    await openFormats(plan)
    this.#prepared = await prepare(
      { log, clock, stallMs: settings.restoreStallMs, signal: this.#abort.signal },
      plan,
      settings,
      this.options.batch,
    )
    const { wiring, manifest } = this.#prepared
    note('info', `${plan.name} v${plan.version}: ${wiring.tasks.length} tasks in ${plan.subTopologies.length} sub-topologies`, {
      stateId: manifest.stateId,
    })
    const announcer = new Announcer(
      {
        log,
        clock,
        settings,
        wiring,
        signal: this.#abort.signal,
        identity: () => this.#identity,
        onNote: (level, message, facts) => note(level, message, facts),
        onStep: (step) => (this.options.probe === undefined ? failPoint(step) : this.options.probe(wiring.names.control, step)),
      },
      manifest.stateId,
    )
    this.#announcer = announcer
    this.#reader = log.openReader({
      onBatch: (batch) => {
        if (!announcer.takes(batch, this.tasks.values())) this.#taskOf(batch.topic, batch.partition)?.onBatch(batch)
      },
      onOutOfRange: ({ topic, partition }, position, logStart, logEnd) =>
        this.#taskOf(topic, partition)?.onInputFault(inputOutOfRange({ topic, partition }, position, logStart, logEnd)),
      onFault: ({ topic, partition }, fault) => this.#taskOf(topic, partition)?.onInputFault(fault),
    })
    this.#reader.assign(announcer.controlPartition, 0)
    this.#purge = new Purge(log, clock, note)
    await this.#openSwitching(wiring)
    this.#stores = this.#openStores(manifest.stateId)
    await this.#stores.findAll()
    const topics = [...new Set(wiring.tasks.flatMap((task) => task.inputs.map((input) => input.topic)))]
    const { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs } = settings
    const timing = { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs }
    this.#member = await log.joinGroup({ groupId: wiring.names.group, topics, protocol: 'millrace', ...timing }, this.#groupEvents())
    void this.#watchBatch()
    void this.#watchTopics(wiring)
    // Stopped while it was joining: nobody else knows the member.
    if (this.#ending !== undefined) await this.#member.leave()
  }

  async #watchTopics(wiring: Wiring): Promise<void> {
    const { log, clock, settings, note } = this.options
    await watchTopics({
      admin: log.admin,
      clock,
      wiring,
      intervalMs: settings.metadataIntervalMs,
      signal: this.#abort.signal,
      note,
      onQuiet: () => this.#stores?.sweep(),
      onChanged: (fault) => this.#fail(fault),
    }).catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))))
  }

  /** Stops when the batch is over for all tasks of the application, whoever has them. */
  async #watchBatch(): Promise<void> {
    const { bounds, wiring, manifest } = this.#prepared ?? {}
    if (bounds === undefined || wiring === undefined || manifest === undefined) return
    const { log, clock, settings, note } = this.options
    note('info', `a batch: ends at ${boundsText(bounds)}`, { positions: bounds.positions, close: bounds.close })
    const search = { log, clock, stallMs: settings.restoreStallMs, signal: this.#abort.signal }
    await batchOver(search, wiring, manifest.stateId, bounds, (why) =>
      note('warn', `the end of the batch cannot be looked for now: ${why}`, {}),
    )
    if (this.#abort.signal.aborted || this.#ending !== undefined) return
    const moved = bounds.close ? await movedSince(search, wiring) : []
    if (moved.length > 0)
      return this.#fail(endedBatch(wiring.names.group, `has ended; the offsets of ${moved.join(', ')} were moved since`))
    note('info', 'the batch has ended: all tasks are done', {})
    await this.stop()
  }

  async #openSwitching(wiring: Wiring): Promise<void> {
    const { log, clock, plan, settings, note } = this.options
    this.#switching = new VersionSwitch({
      log,
      clock,
      application: plan.name,
      version: plan.version,
      inputs: wiring.tasks.flatMap((task) => task.inputs.filter((input) => input.external !== undefined)),
      stallMs: settings.restoreStallMs,
      note,
      processed: () => [...this.tasks.values()].reduce((sum, task) => sum + task.totals.processed, 0),
      wake: () => this.tasks.forEach((task) => task.wake()),
      share: () => this.tasks.size / Math.max(1, wiring.tasks.length),
    })
    await this.#switching.start()
    sayRole(note, plan.name, plan.version, this.#switching)
  }

  /** What this version does among the versions of the application; undefined before `start` has read it. */
  get switching(): VersionSwitch | undefined {
    return this.#switching
  }

  /** Commits what was processed, closes the tasks, leaves the group. A second call waits for the first one. */
  async stop(): Promise<void> {
    const failed = this.#state === 'failed'
    if (!failed && this.#state !== 'stopped') this.#state = 'stopping'
    await this.#shutDown()
    if (failed) return
    this.#state = 'stopped'
    this.#end({ kind: 'stopped' })
  }

  /** Asks the group for a rebalance. */
  rejoin(): void {
    this.#member?.rejoin()
  }

  status(): WorkerStatus {
    return workerStatus(this)
  }

  #shutDown(): Promise<void> {
    this.#ending ??= this.#closeEverything()
    return this.#ending
  }

  async #closeEverything(): Promise<void> {
    await this.#leaving
    await Promise.all([...[...this.tasks.values()].map((task) => task.close()), this.#stores?.close()])
    this.#abort.abort()
    this.#purge?.stop()
    await this.#switching?.close()
    await this.#member?.leave()
    await this.#reader?.close()
  }

  #fail(fault: Error): void {
    if (this.#state === 'failed' || this.#state === 'stopping' || this.#state === 'stopped') return
    this.#state = 'failed'
    this.fault = fault
    // Whoever waits for `done` tells it to people.
    this.options.note('debug', `the worker fails: ${fault.message}`, { code: fault instanceof Fault ? fault.code : 'internal' })
    const end = (): void => this.#end({ kind: 'failed', fault })
    this.#shutDown().then(end, end)
  }

  #taskOf(topic: string, partition: number): Task | undefined {
    for (const task of this.tasks.values()) {
      if (task.context.task.partition === partition && task.context.task.inputs.some((input) => input.topic === topic)) return task
    }
    return undefined
  }

  // ---- the group

  #groupEvents(): GroupEvents {
    return {
      userData: () => encodeMember(this.#stores?.describe(this.tasks) ?? NOTHING_HELD),
      assign: (members) => Promise.resolve(assignmentsOf(this.#prepared?.wiring, members, this.options.settings.standbyReplicas)),
      onRebalancing: async () => {
        failPoint('revoked')
        if (this.#state === 'running') this.#state = 'rebalancing'
        await Promise.all([...this.tasks.values()].map((task) => task.suspend()))
      },
      onAssigned: async (identity, assignment) => await this.#onAssigned(identity, assignment),
      onLost: (reason) => {
        this.options.note(
          'warn',
          `this worker is no longer a member of the group: ${reason.message}; its tasks are closed and it joins again`,
          {},
        )
        this.#assignments += 1
        this.#leaving = Promise.all([this.#leaving, this.#closeAll()])
      },
      onFault: (fault) => this.#fail(fault),
    }
  }

  async #closeAll(): Promise<void> {
    const tasks = [...this.tasks.values()]
    this.tasks.clear()
    await Promise.all(tasks.map(async (task) => await this.#stores?.closeTask(task, true)))
  }

  async #onAssigned(identity: GroupIdentity, assignment: AssignmentOf): Promise<void> {
    this.#assignments += 1
    const current = this.#assignments
    // Any wait may end in another life: the membership lost, the worker stopped.
    const isOver = (): boolean => this.#ending !== undefined || this.#assignments !== current
    await this.#leaving
    if (isOver()) return
    this.#identity = identity
    const { active: names, standby } = decodeTasks(assignment.userData)
    const gone = [...this.tasks.values()].filter((task) => !names.includes(task.name))
    await Promise.all([...gone.map(async (task) => await this.#stores?.closeTask(task)), this.#stores?.makeWay(names, standby)])
    if (isOver()) return
    for (const task of gone) this.tasks.delete(task.name)
    for (const name of names) if (!this.tasks.has(name)) this.#addTask(name)
    this.#state = 'running'
    this.options.note('info', `assigned ${names.length} tasks in generation ${identity.generation}`, { tasks: names, standby })
    for (const task of this.tasks.values()) task.assign()
    const others = this.#prepared?.wiring.tasks.filter((task) => standby.includes(task.name) && !this.tasks.has(task.name)) ?? []
    this.#stores?.follow(others)
  }

  #openStores(stateId: string): LocalStores {
    const { log, clock, settings, stores, note } = this.options
    return new LocalStores({ log, clock, settings, stores, stateId, note, onBroken: (error) => this.#fail(error) })
  }

  #addTask(name: string): void {
    const prepared = this.#prepared
    const wiring = prepared?.wiring.tasks.find((task) => task.name === name)
    const reader = this.#reader
    const announcer = this.#announcer
    const switching = this.#switching
    if (!prepared || !wiring || !reader || !announcer || !switching) {
      this.#fail(
        new Fault(
          'MR5007',
          'stop',
          `the group gave this worker the task ${name}, which its topology does not have: workers of different releases share the version ${this.options.plan.version}`,
        ),
      )
      return
    }
    const { options } = this
    const deadLetters = { topic: prepared.wiring.names.deadLetters, partitions: Math.max(1, ...prepared.wiring.taskCounts.values()) }
    const task = new Task({
      log: options.log,
      clock: options.clock,
      settings: options.settings,
      stores: wiring.changelogs.size === 0 ? this.#stateless : options.stores,
      task: wiring,
      application: prepared.wiring.names.prefix,
      controlTopic: prepared.wiring.names.control,
      manifest: prepared.manifest,
      ...taskMemory(options.settings, prepared.wiring.tasks, () => options.memoryShare?.() ?? 1),
      freezeValues: options.freezeValues ?? false,
      deadLetters,
      recordBytesMax: (topic) => prepared.recordBytesMax.get(topic) ?? Infinity,
      switching,
      bounds: prepared.bounds,
      listsEffects: options.listsEffects ?? false,
      probe: options.probe ?? ((_, point) => failPoint(point)),
      manyStages: hasManyStages(prepared.wiring),
      announceMove: async () => await announcer.announceMove(),
      isMovedBack: async () => await announcer.isMovedBack(),
      behind: (epoch) => announcer.behind(wiring, epoch),
      reader,
      identity: () => this.#identity,
      onNote: (level, message, facts) => options.note(level, message, facts),
      onCommitted: (milliseconds) => {
        this.#purge?.committed(task)
        announcer.tell(task)
        options.onCommit?.(name, milliseconds)
      },
      onStopped: (fault) => this.#onTaskStopped(name, fault),
      onGivenUp: () => void this.#stores?.beUnwell(() => this.rejoin(), this.#abort.signal),
    })
    this.tasks.set(name, task)
  }

  #onTaskStopped(name: string, why: Error): void {
    const fault = explained(this.#prepared?.wiring, why)
    const code = fault instanceof Fault ? fault.code : 'internal'
    this.options.note('error', `task ${name} has stopped: ${fault.message}`, {
      task: name,
      code,
      stack: fault instanceof Fault ? undefined : fault.stack,
    })
    const all = [...this.tasks.values()]
    const fatal = fault instanceof BrokenPromise || (fault instanceof Fault && fault.action === 'stop')
    if (fatal || all.every((task) => task.state === 'stopped' || task.state === 'ended')) this.#fail(fault)
  }
}
