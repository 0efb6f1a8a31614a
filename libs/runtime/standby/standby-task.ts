/**
 * A copy of one task's state that follows its changelogs while another worker owns the task.
 *
 *   waiting ──there is state to follow──▶ following ──fault──▶ waiting          any ──close──▶ closed
 *
 * 1. It never opens a producer, and it writes nothing but its own store.
 * 2. It reads committed data only, and applies it exactly as a restore does (restoration.ts): same records, same batches, one atomic write
 *    with the mark. The mark stays incomplete: only the owner can say that a store is complete.
 * 3. It is given up and begun anew by the rules for any local store (`storeVerdict`): other state id, below the log start, above the end,
 *    older than half of delete.retention.ms.
 * 4. Nothing is promoted. Who gets the task opens the store as any other, restores it to the own fence record and compares.
 */
import { BrokenPromise, Fault } from '../../faults/fault.ts'
import type { LocalMark } from '../../state/local-mark.ts'
import type { Store, StoreHome } from '../../state/store.ts'
import { TaskState } from '../../state/task-state.ts'
import { newestCommitRecord } from '../acquire/newest-commit.ts'
import { piecesOf } from '../acquire/range-reader.ts'
import type { Restoration } from '../acquire/restoration.ts'
import { beginRestoration, deleteRetentionOf, rangeOr, storeVerdict } from '../acquire/restore.ts'
import type { ChangelogFacts } from '../acquire/restore.ts'
import type { Note } from '../note.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { FetchedBatch, Log, PartitionReader } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'
import { Latch } from '../task/latch.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface StandbyContext {
  readonly log: Log
  readonly clock: Clock
  readonly settings: Pick<Settings, 'restoreStallMs'>
  readonly stores: StoreHome
  readonly reader: PartitionReader
  readonly task: TaskWiring
  readonly stateId: string
  readonly note: Note
  /** A promise of our own code is broken: nothing can be relied on any more. */
  onBroken(error: Error): void
}

/** What stays of a copy that was closed; without a mark nothing is known of it. */
export interface ClosedCopy {
  readonly task: string
  readonly mark: LocalMark | undefined
  readonly bytes: number
}

export type StandbyState = 'waiting' | 'following' | 'closed'

interface Copy {
  readonly store: Store
  readonly state: TaskState
  readonly restoration: Restoration
  readonly changelogs: readonly ChangelogFacts[]
}

/** Batches of one changelog that may wait before its reading is paused. */
const WAITING_MAX = 8
/** How often it is asked whether the copy is at the end: keeps the store young, and finds what was truncated. */
const PROOF_INTERVAL_MS = 30_000
/** Until there is something to follow, and after a fault. */
const PAUSE_MS = 5_000

export class StandbyTask {
  readonly #context: StandbyContext
  readonly #latch = new Latch()
  readonly #waiting = new Map<string, FetchedBatch[]>()
  readonly #paused = new Set<string>()
  /** Step → last stable offset, as last heard. */
  readonly #ends = new Map<string, number>()
  readonly #abort = new AbortController()
  readonly #main: Promise<void>
  #copy: Copy | undefined
  #failure: Error | undefined
  #noted = ''
  fault: Error | undefined

  constructor(context: StandbyContext) {
    this.#context = context
    this.#main = this.#loop()
  }

  get name(): string {
    return this.#context.task.name
  }
  get state(): StandbyState {
    if (this.#abort.signal.aborted) return 'closed'
    return this.#copy === undefined ? 'waiting' : 'following'
  }

  /** Step → next changelog offset to apply; empty while there is no copy. */
  get positions(): Readonly<Record<string, number>> {
    return this.#copy?.restoration.positions ?? {}
  }

  /** Committed changelog offsets that are not in the copy yet; null: not known. */
  get lagRecords(): number | null {
    const copy = this.#copy
    if (copy === undefined) return null
    let lag = 0
    for (const { step } of copy.changelogs) {
      const end = this.#ends.get(step)
      if (end === undefined) return null
      lag += Math.max(0, end - (copy.restoration.positions[step] ?? 0))
    }
    return lag
  }

  sizeBytes(): number {
    return this.#copy?.state.sizeBytes() ?? 0
  }

  /** The step whose changelog it is; undefined: none of this task. */
  stepOf(topic: string, partition: number): string | undefined {
    if (partition !== this.#context.task.partition) return undefined
    for (const [step, name] of this.#context.task.changelogs) if (name === topic) return step
    return undefined
  }

  onBatch(step: string, batch: FetchedBatch): void {
    this.#ends.set(step, batch.lastStable)
    const waiting = this.#waiting.get(step)
    if (waiting === undefined) return
    waiting.push(batch)
    if (waiting.length >= WAITING_MAX && !this.#paused.has(step)) {
      this.#paused.add(step)
      this.#context.reader.pause(batch)
    }
    this.#latch.ring()
  }

  onFault(fault: Error): void {
    this.#failure = fault
    this.#latch.ring()
  }

  /** Resolves when the store is closed and may be opened by the task itself. */
  async close(): Promise<ClosedCopy> {
    this.#abort.abort()
    this.#latch.ring()
    const copy = this.#copy
    const bytes = this.sizeBytes()
    await this.#main
    return { task: this.name, mark: copy?.state.mark, bytes }
  }

  async #loop(): Promise<void> {
    const { clock } = this.#context
    while (!this.#abort.signal.aborted) {
      try {
        this.#copy = await this.#begin()
        this.#failure = undefined
        this.fault = undefined
        if (this.#copy !== undefined) await this.#follow(this.#copy)
      } catch (error) {
        if (error instanceof BrokenPromise) this.#context.onBroken(error)
        this.#noteFault(error)
      } finally {
        await this.#end()
      }
      await clock.sleep(PAUSE_MS, this.#abort.signal)
    }
  }

  /** Undefined: the task has never committed, so there is no state yet. */
  async #begin(): Promise<Copy | undefined> {
    const { log, clock, settings, task, stateId } = this.#context
    const request = { log, clock, stallMs: settings.restoreStallMs, signal: this.#abort.signal }
    const commitRecord = await newestCommitRecord({ ...request, partition: { topic: task.commitTopic, partition: task.partition } })
    if (commitRecord === undefined || commitRecord.stateId !== stateId) return undefined
    const changelogs = await this.#changelogFacts()
    const facts = { stateId, commitRecord, changelogs, now: clock.now() }
    let { store, state, why } = await this.#open(facts)
    if (why !== undefined) {
      await store?.close()
      this.#context.note('info', `the standby store of ${task.name} is wiped and made anew: ${why}`, { task: task.name })
      await this.#context.stores.wipe(task.name)
      ;({ store, state, why } = await this.#open(facts))
    }
    if (store === undefined || state === undefined) throw new Fault('MR4003', 'retry', `the standby store of ${task.name}: ${why}`)
    try {
      const place = { stateId, clock, task: task.name, partition: task.partition }
      return { store, state, changelogs, restoration: beginRestoration(place, state.mark, changelogs, commitRecord) }
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async #open(facts: Parameters<typeof storeVerdict>[1]): Promise<{ store?: Store; state?: TaskState; why?: string | undefined }> {
    const { stores, task } = this.#context
    let store: Store | undefined
    try {
      store = await stores.open(task.name)
      const state = TaskState.open(store, [...task.changelogs.keys()], { cacheBytesMax: 0 })
      return { store, state, why: storeVerdict(state.mark, facts) }
    } catch (error) {
      await store?.close()
      // Damaged files: the log has it all.
      if (error instanceof Fault && error.action === 'acquire-again') return { why: error.message }
      throw error
    }
  }

  /** As for a restore; the end of now stands in for the fence record that a standby has not. */
  async #changelogFacts(): Promise<ChangelogFacts[]> {
    const { log, task } = this.#context
    const ranges = await log.admin.ranges([...task.changelogs.values()].map((topic) => ({ topic, partition: task.partition })))
    return await Promise.all(
      [...task.changelogs].map(async ([step, topic]) => {
        const { logStart, end } = rangeOr(ranges.get(partitionId(topic, task.partition)))
        return { step, topic, logStart, fence: end, deleteRetentionMs: deleteRetentionOf(await log.admin.topicConfig(topic)) }
      }),
    )
  }

  async #follow(copy: Copy): Promise<void> {
    const { clock, task, reader } = this.#context
    for (const [step, topic] of task.changelogs) {
      this.#waiting.set(step, [])
      reader.assign({ topic, partition: task.partition }, copy.restoration.positions[step] ?? 0)
    }
    let proofAt = clock.monotonic() + PROOF_INTERVAL_MS
    while (!this.#abort.signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure
      const applied = await this.#applyWaiting(copy)
      if (clock.monotonic() >= proofAt) {
        await this.#prove(copy)
        proofAt = clock.monotonic() + PROOF_INTERVAL_MS
      }
      if (applied) await clock.yield()
      else await this.#latch.wait(clock, Math.max(1, proofAt - clock.monotonic()))
    }
    // What was read since the last change needs not be read again by whoever opens the store next.
    await copy.state.writeMark(copy.restoration.mark())
  }

  /** One batch of each changelog. True: there was one. */
  async #applyWaiting({ state, restoration, changelogs }: Copy): Promise<boolean> {
    let applied = false
    for (const { step, topic } of changelogs) {
      const waiting = this.#waiting.get(step) ?? []
      const batch = waiting.shift()
      const partition = { topic, partition: this.#context.task.partition }
      if (this.#paused.has(step) && waiting.length < WAITING_MAX / 2) {
        this.#paused.delete(step)
        this.#context.reader.resume(partition)
      }
      if (batch === undefined) continue
      const expected = restoration.positions[step] ?? 0
      if (batch.fetchedFrom === expected) {
        for (const piece of piecesOf(batch)) await restoration.apply(state, step, piece)
      } else {
        waiting.length = 0
        this.#context.reader.assign(partition, expected)
      }
      applied = true
    }
    return applied
  }

  /** At the end of all changelogs: then all that they held when it was asked is in the store. */
  async #prove({ state, restoration, changelogs }: Copy): Promise<void> {
    const { log, clock, task } = this.#context
    const asked = clock.now()
    const ranges = await log.admin.ranges(changelogs.map(({ topic }) => ({ topic, partition: task.partition })))
    let isAtEnd = true
    for (const { step, topic, deleteRetentionMs } of changelogs) {
      const range = rangeOr(ranges.get(partitionId(topic, task.partition)))
      const position = restoration.positions[step] ?? 0
      this.#ends.set(step, range.lastStable)
      if (position < range.lastStable) isAtEnd = false
      const isOld = asked - restoration.completeAt > deleteRetentionMs / 2
      if (position > range.end || position < range.logStart || (isOld && position < range.lastStable)) throw this.#outdated(step)
    }
    if (isAtEnd) restoration.knownCompleteAt(asked)
    await state.writeMark(restoration.mark())
  }

  #outdated(step: string): Fault {
    return new Fault(
      'MR5040',
      'acquire-again',
      `the standby copy of ${this.name} can no longer follow the changelog of ${step}: the log was truncated or deleted, or the copy was behind for more than half of delete.retention.ms. It is looked at again, and made anew where it must be`,
      { place: { task: this.name, step } },
    )
  }

  async #end(): Promise<void> {
    const { task, reader } = this.#context
    for (const topic of task.changelogs.values()) reader.unassign({ topic, partition: task.partition })
    this.#waiting.clear()
    this.#paused.clear()
    this.#ends.clear()
    const copy = this.#copy
    this.#copy = undefined
    await copy?.store.close().catch((error: unknown) => this.#noteFault(error))
  }

  /** The owner is not harmed, so it is told once for each reason, and tried again without end. */
  #noteFault(error: unknown): void {
    if (this.#abort.signal.aborted) return
    this.fault = error instanceof Error ? error : new Error(String(error))
    const { message } = this.fault
    if (this.#noted === message) return
    this.#noted = message
    const code = error instanceof Fault ? error.code : 'internal'
    this.#context.note('warn', `the standby of ${this.name} is made again in ${PAUSE_MS} ms: ${message}`, { task: this.name, code })
  }
}
