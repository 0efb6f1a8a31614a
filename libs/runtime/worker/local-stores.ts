/**
 * All stores on a worker's disk: those of its tasks, standby copies of others', and those kept for tasks that may return. Each store has one
 * of the three at a time, and is closed before the next one opens it.
 */
import type { StoreHome } from '../../state/store.ts'
import { Standbys } from '../standby/standbys.ts'
import type { StandbysContext } from '../standby/standbys.ts'
import type { StandbyTask } from '../standby/standby-task.ts'
import type { Task } from '../task/task.ts'
import type { MemberData } from './group-data.ts'
import { DiskTrouble } from './disk-trouble.ts'
import { KeptStores, progressOf } from './kept-stores.ts'
import type { KeptContext } from './kept-stores.ts'
import type { KeptStatus } from './status.ts'
import type { TaskWiring } from './wiring.ts'

export type LocalStoresContext = StandbysContext & KeptContext & { readonly stores: StoreHome }

const hasState = (task: Task): boolean => task.context.task.changelogs.size > 0

export class LocalStores {
  readonly #kept: KeptStores
  readonly #standbys: Standbys
  readonly #trouble = new DiskTrouble()
  readonly #context: LocalStoresContext

  constructor(context: LocalStoresContext) {
    this.#context = context
    this.#kept = new KeptStores(context)
    this.#standbys = new Standbys(context)
  }

  get standbys(): ReadonlyMap<string, StandbyTask> {
    return this.#standbys.all
  }

  get kept(): KeptStatus {
    const { all, removed } = this.#kept
    return { stores: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), removed }
  }

  /** Looks at what a former worker has left. */
  findAll(): Promise<void> {
    return this.#kept.findAll()
  }

  /** What the group is told. */
  describe(tasks: ReadonlyMap<string, Task>): MemberData {
    const stores = new Map<string, number>()
    for (const { task, progress } of this.#kept.all) stores.set(task, progress)
    for (const { name, positions } of this.standbys.values()) stores.set(name, progressOf(positions))
    for (const task of tasks.values()) if (hasState(task)) stores.set(task.name, this.#progressOf(task))
    return {
      running: [...tasks.keys()],
      stores,
      following: [...this.standbys.keys()],
      unwell: this.#trouble.stands(this.#context.clock.monotonic()),
    }
  }

  /** One that is being acquired has what was found when its store was looked at. */
  #progressOf(task: Task): number {
    const mark = task.held?.state.mark
    return mark === undefined ? this.#kept.progressOf(task.name) : progressOf(mark.changelogs)
  }

  /** Closes a task; its store stays, for the day that the task comes back. */
  async closeTask(task: Task, now = false): Promise<void> {
    const state = task.held?.state
    const bytes = state?.sizeBytes() ?? 0
    await task.close(now)
    if (hasState(task)) this.#kept.keep(task.name, state?.mark, bytes)
  }

  /** Resolves when the stores of these tasks may be opened by them: no copy and no removal has them. */
  async makeWay(active: readonly string[], standby: readonly string[]): Promise<void> {
    const closed = await this.#standbys.keepOnly(standby.filter((name) => !active.includes(name)))
    for (const { task, mark, bytes } of closed) this.#kept.keep(task, mark, bytes)
    await this.#kept.use([...active, ...standby])
  }

  /** Follows these tasks, beside those that it follows already, and removes what is kept for too long. */
  follow(tasks: readonly TaskWiring[]): void {
    for (const task of tasks) this.#standbys.follow(task)
    this.sweep()
  }

  sweep(): void {
    void this.#kept.sweep()
  }

  /** Stores keep failing here: the group gets to know of it, and when it may try this worker again. */
  async beUnwell(tellGroup: () => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    if (!this.#trouble.begin(clock.monotonic())) return
    tellGroup()
    while (this.#trouble.stands(clock.monotonic()) && !signal.aborted) await clock.sleep(this.#trouble.leftMs(clock.monotonic()), signal)
    if (!signal.aborted) tellGroup()
  }

  async close(): Promise<void> {
    await Promise.all([this.#standbys.close(), this.#kept.use([])])
  }
}
