/**
 * The local stores that a worker keeps of tasks that it does not have: for the day they come back. Told to the group with how complete they
 * are, and removed by age and by size.
 *
 * Removed is only what this worker knows to be of this life of the application and has closed: never a store that a task or a standby has
 * open, none of another state id, and none that cannot be opened (another process has it, or it is damaged: the barrier deals with that).
 */
import { Fault } from '../../faults/fault.ts'
import { readMark } from '../../state/local-mark.ts'
import type { LocalMark } from '../../state/local-mark.ts'
import type { Store, StoreHome } from '../../state/store.ts'
import type { Note } from '../note.ts'
import type { Clock } from '../ports/clock.ts'
import type { Settings } from '../settings/settings.ts'

export interface KeptStore {
  readonly task: string
  /** Sum of the changelog positions. */
  readonly progress: number
  readonly bytes: number
  /** When it was last known complete, epoch ms: from then on it ages. */
  readonly completeAt: number
}

export interface KeptLimits {
  readonly ageMs: number
  /** Of all of them together. */
  readonly bytesMax: number
}

/** The oldest first: what is too old, and then what is too much. Pure. */
export function storesToRemove(stores: readonly KeptStore[], { ageMs, bytesMax }: KeptLimits, now: number): readonly KeptStore[] {
  const byAge = stores.toSorted((a, b) => a.completeAt - b.completeAt || (a.task < b.task ? -1 : 1))
  let bytes = byAge.reduce((sum, store) => sum + store.bytes, 0)
  return byAge.filter((store) => {
    if (now - store.completeAt < ageMs && bytes <= bytesMax) return false
    bytes -= store.bytes
    return true
  })
}

export const progressOf = (changelogs: Readonly<Record<string, number>>): number =>
  Object.values(changelogs).reduce((sum, position) => sum + position, 0)

export interface KeptContext {
  readonly stores: StoreHome
  readonly clock: Clock
  readonly settings: Pick<Settings, 'keptStateAgeMs' | 'keptStateBytesMax'>
  readonly stateId: string
  readonly note: Note
}

/** Stores that are looked into at the same time. */
const AT_A_TIME = 8

export class KeptStores {
  readonly #context: KeptContext
  readonly #kept = new Map<string, KeptStore>()
  #inUse: ReadonlySet<string> = new Set()
  /** What is being removed; never rejects. */
  #removing: Promise<void> = Promise.resolve()
  #removed = 0

  constructor(context: KeptContext) {
    this.#context = context
  }

  get all(): readonly KeptStore[] {
    return [...this.#kept.values()].filter(({ task }) => !this.#inUse.has(task))
  }
  /** How complete the store of a task is that was found or closed here, in use or not; 0: not known. */
  progressOf(task: string): number {
    return this.#kept.get(task)?.progress ?? 0
  }
  /** Since the worker started. */
  get removed(): number {
    return this.#removed
  }

  /** Looks at what a former worker has left. */
  async findAll(): Promise<void> {
    const names = await this.#context.stores.list()
    for (let first = 0; first < names.length; first += AT_A_TIME)
      await Promise.all(names.slice(first, first + AT_A_TIME).map((task) => this.#find(task)))
  }

  async #find(task: string): Promise<void> {
    let store: Store | undefined
    try {
      store = await this.#context.stores.open(task)
      this.keep(task, readMark(store), store.sizeBytes())
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#context.note('debug', `the store of ${task} is not looked into: ${error.message}`, { task, code: error.code })
    } finally {
      await store?.close()
    }
  }

  /** A store was closed, and stays. */
  keep(task: string, mark: LocalMark | undefined, bytes: number): void {
    if (mark?.stateId !== this.#context.stateId) return
    this.#kept.set(task, { task, progress: progressOf(mark.changelogs), bytes, completeAt: mark.completeAt })
  }

  /** These stores, and no others, are about to be opened, or are open. Resolves when nothing of them is being removed. */
  async use(tasks: readonly string[]): Promise<void> {
    this.#inUse = new Set(tasks)
    await this.#removing
  }

  /** Removes what is too old or too much. */
  sweep(): Promise<void> {
    this.#removing = this.#removing.then(() => this.#sweep())
    return this.#removing
  }

  async #sweep(): Promise<void> {
    const { clock, settings, stores, note } = this.#context
    const limits = { ageMs: settings.keptStateAgeMs, bytesMax: settings.keptStateBytesMax }
    for (const store of storesToRemove(this.all, limits, clock.now())) {
      // Came back meanwhile.
      if (this.#inUse.has(store.task)) continue
      const { task, bytes, completeAt } = store
      this.#kept.delete(task)
      const age = Math.round((clock.now() - completeAt) / 60_000)
      try {
        await stores.wipe(task)
        this.#removed += 1
        note('info', `the kept store of ${task} was removed: ${bytes} bytes, last complete ${age} minutes ago`, { task, bytes, completeAt })
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        note('warn', `the kept store of ${task} could not be removed: ${message}`, { task, code: 'MR5042' })
      }
    }
  }
}
