/**
 * What the tasks of one worker know of the other versions: the role of their own one, how far the live one has come (the gate), and how
 * fast they may go. One for each worker.
 *
 * Gate: a version in shadow never reads beyond what the live one has committed, so that both stand at the same place at a switch. Inputs
 * that the live version does not read have no such position; they follow its event time.
 */
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, TopicPartition } from '../ports/log.ts'
import type { Note } from '../note.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { ControlWatch } from './control-watch.ts'
import { Pace } from './pace.ts'
import { roleOf, sharedTopic } from './shared-state.ts'
import type { Role, SharedState } from './shared-state.ts'
import { writeShared } from './shared-topic.ts'
import type { SharedContext } from './shared-topic.ts'
import { CommitTail, externalPositions, tasksOfVersion } from './version-records.ts'

export interface VersionSwitchContext {
  readonly log: Log
  readonly clock: Clock
  readonly application: string
  readonly version: number
  /** All external input partitions of the version. */
  readonly inputs: readonly TopicPartition[]
  readonly stallMs: number
  readonly note: Note
  /** Records processed by this worker so far. */
  processed(): number
  /** Something changed that tasks should look at. */
  wake(): void
  /** Tasks of this worker, and of the whole version: it gets its part of the rate. */
  share(): number
}

const GATE_INTERVAL_MS = 100
/** Halted tasks give the command this much longer than it asked for, ms. */
const OVERDUE_SLACK_MS = 2_000

export class VersionSwitch {
  readonly #context: VersionSwitchContext
  readonly #watch: ControlWatch
  readonly #abort = new AbortController()
  readonly pace = new Pace()
  #limits = new Map<string, number>()
  /** Event time up to which inputs that the live version does not read may go. */
  #timeLimit = -Infinity
  #liveReads: ReadonlySet<string> = new Set()
  #gateOf: number | undefined
  #following: Promise<void> = Promise.resolve()
  #wakeFollower: () => void = () => undefined
  /** When the open switch was first seen here, monotonic. */
  #openSince: { readonly s: number; readonly at: number } | undefined
  #abandoning: Promise<void> | undefined
  #tail: CommitTail | undefined

  constructor(context: VersionSwitchContext) {
    this.#context = context
    this.#watch = new ControlWatch(this.#sharedContext(), () => this.#changed())
  }

  get version(): number {
    return this.#context.version
  }
  get shared(): SharedState {
    return this.#watch.state
  }
  get role(): Role {
    return roleOf(this.#watch.state, this.version)
  }
  get topic(): string {
    return sharedTopic(this.#context.application)
  }

  async start(): Promise<void> {
    await this.#watch.start()
    this.#following = this.#follow()
  }

  async upToDate(signal: AbortSignal): Promise<SharedState> {
    return await this.#watch.upToDate(signal)
  }

  /** Of an external input partition: nothing at or behind it may be taken. */
  limitOf(id: string): number {
    if (this.role !== 'shadow') return Infinity
    // Before the first look nobody knows how far the live version has come.
    if (this.#gateOf === undefined) return 0
    return this.#liveReads.has(id) ? (this.#limits.get(id) ?? 0) : Infinity
  }

  /** Of an external input partition that the live version does not read: nothing with a later event time may be taken. */
  timeLimitOf(id: string): number {
    return this.role === 'shadow' && this.#gateOf !== undefined && !this.#liveReads.has(id) ? this.#timeLimit : Infinity
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#wakeFollower()
    await this.#following
    await this.#tail?.close()
    await this.#watch.close()
  }

  /** A task has halted: the switch must not stay open for ever if the command that opened it has died. Milliseconds until it is overdue. */
  overdueIn(): number {
    const { open } = this.shared
    if (open?.pauseMsMax === undefined) return Infinity
    const now = this.#context.clock.monotonic()
    if (this.#openSince?.s !== open.s) this.#openSince = { s: open.s, at: now }
    return Math.max(0, this.#openSince.at + open.pauseMsMax + OVERDUE_SLACK_MS - now)
  }

  /** Ends the open switch, unless somebody was faster. All tasks of the worker wait for the one try. */
  async abandonOverdue(): Promise<void> {
    this.#abandoning ??= this.#abandonOpen().finally(() => (this.#abandoning = undefined))
    await this.#abandoning
  }

  async #abandonOpen(): Promise<void> {
    const { open } = this.shared
    if (open === undefined) return
    try {
      const why = `it was not decided within ${open.pauseMsMax} ms, and the command that opened it has not ended it`
      await writeShared(this.#sharedContext(), (state) =>
        state.open?.s === open.s ? { kind: 'decision', s: open.s, decision: 'abandon', why, at: this.#context.clock.now() } : undefined,
      )
      this.#context.note('warn', `the switch ${open.s} is abandoned: ${why}`, { code: 'MR5083' })
      await this.#watch.upToDate(this.#abort.signal)
    } catch (error) {
      // Another worker tries too, and this one again after the next look.
      this.#openSince = undefined
      this.#context.note('warn', `the switch ${open.s} could not be abandoned yet: ${String(error)}`, {})
    }
  }

  #sharedContext(): SharedContext {
    const { log, clock, application, stallMs } = this.#context
    return { log, clock, application, stallMs, signal: this.#abort.signal }
  }

  #changed(): void {
    this.#wakeFollower()
    this.#context.wake()
  }

  // ---- the gate

  async #follow(): Promise<void> {
    const { clock, note } = this.#context
    const { signal } = this.#abort
    let complained = false
    let seen = { at: clock.monotonic(), processed: 0 }
    while (!signal.aborted) {
      if (this.role !== 'shadow') {
        this.pace.free()
        this.#gateOf = undefined
        await new Promise<void>((resolve) => (this.#wakeFollower = resolve))
        continue
      }
      try {
        await this.#look()
        seen = await this.#yield(seen)
        complained = false
      } catch (error) {
        if (!complained && !signal.aborted)
          note(
            'warn',
            `how far the live version has come cannot be read: ${error instanceof Error ? error.message : String(error)}; the shadow waits`,
            {},
          )
        complained = true
      }
      await clock.sleep(GATE_INTERVAL_MS, signal)
    }
  }

  async #look(): Promise<void> {
    const { log, application, inputs } = this.#context
    const { shared } = this
    const { live } = shared
    if (live === undefined) return
    const reads = shared.versions.get(live)?.facts.inputs ?? []
    const followed = inputs.filter((input) => reads.includes(input.topic))
    const committed = await log.admin.committed(`${application}.v${live}`, followed)
    const limits = new Map(
      followed.map(({ topic, partition }) => [partitionId(topic, partition), committed.get(partitionId(topic, partition))?.position ?? 0]),
    )
    if (followed.length < inputs.length) this.#timeLimit = await this.#liveWatermark(live)
    const moved = this.#gateOf !== live || [...limits].some(([id, position]) => position !== this.#limits.get(id))
    this.#liveReads = new Set(limits.keys())
    this.#limits = limits
    this.#gateOf = live
    if (moved || followed.length < inputs.length) this.#context.wake()
  }

  /** The lowest over its tasks with external inputs; -Infinity while one of them has none. */
  async #liveWatermark(live: number): Promise<number> {
    if (this.#tail?.of.version !== live) {
      await this.#tail?.close()
      const context = this.#sharedContext()
      this.#tail = new CommitTail(context, await tasksOfVersion(context, live))
      await this.#tail.start()
    }
    const { of, records } = this.#tail
    return lowestWatermark(
      of.tasks.map((task) => records.get(task.name)),
      of.prefix,
    )
  }

  async #yield(seen: { at: number; processed: number }): Promise<{ at: number; processed: number }> {
    const { log, clock, inputs, processed, share } = this.#context
    const pacing = this.shared.versions.get(this.version)?.pacing
    this.pace.setRate(pacing?.rate === undefined ? undefined : pacing.rate * share())
    if (pacing?.yieldToLive !== true) {
      this.pace.free()
      return seen
    }
    const ranges = await log.admin.ranges(inputs)
    let lag = 0
    for (const [id, position] of this.#limits) lag += Math.max(0, (ranges.get(partitionIdOf(id))?.end ?? position) - position)
    const now = { at: clock.monotonic(), processed: processed() }
    this.pace.observe(lag, ((now.processed - seen.processed) * 1_000) / Math.max(1, now.at - seen.at))
    return now
  }
}

// The keys were made by partitionId.
const partitionIdOf = (id: string): `${string}:${number}` => id as `${string}:${number}`

/** Of tasks that read external partitions; -Infinity where one of them has seen nothing, or never ran. */
export function lowestWatermark(records: readonly (Pick<CommitRecord, 'positions' | 'watermarks'> | undefined)[], prefix: string): number {
  let lowest = Infinity
  for (const record of records) {
    if (record === undefined) return -Infinity
    for (const id of Object.keys(externalPositions(record, prefix))) lowest = Math.min(lowest, record.watermarks[id] ?? -Infinity)
  }
  return lowest === Infinity ? -Infinity : lowest
}
