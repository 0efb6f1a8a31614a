/**
 * A task: its life (task-life.ts) driven by the group, the barrier (acquire.ts) and the loop (task-run.ts).
 *
 * Owns: the producer and the open store while it holds them, and the one background loop `#main`. Everything else asks it by
 * `start`, `suspend`, `resume`, `close` and looks at it by `status`.
 */
import { assert, BrokenPromise, Fault } from '../faults/fault.ts'
import { acquire } from './acquire.ts'
import type { AcquireContext, Acquired } from './acquire.ts'
import { compareNow } from './compare-positions.ts'
import type { Refusal } from './dead-letter.ts'
import { Latch } from './latch.ts'
import type { FetchedBatch, PartitionReader } from './ports/log.ts'
import type { RestoreProgress } from './restore.ts'
import { noCounts } from './task-counters.ts'
import { ownsState, taskLife } from './task-life.ts'
import type { TaskLifeEvent, TaskLifeState } from './task-life.ts'
import { RecordFailed, TaskRun } from './task-run.ts'
import type { RunContext } from './task-run.ts'

export interface TaskContext
  extends
    Omit<AcquireContext, 'signal' | 'onFenced' | 'onRestore'>,
    Omit<RunContext, 'poison' | 'wake' | 'onCommitted' | 'task' | 'probe' | 'identity' | 'clock' | 'settings'> {
  readonly reader: PartitionReader
  onCommitted(milliseconds: number): void
  onStopped(fault: Error): void
}

/** Refusals remembered between a failed transaction and its re-run. */
const POISON_MAX = 10_000
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 10_000

export interface TaskHistory {
  commits: number
  lastCommitAt: number | undefined
  lastCommitMs: number | undefined
  aborts: number
  fenced: number
}

export class Task {
  readonly context: TaskContext
  readonly totals = noCounts()
  readonly history: TaskHistory = { commits: 0, lastCommitAt: undefined, lastCommitMs: undefined, aborts: 0, fenced: 0 }
  readonly restores = new Map<string, RestoreProgress>()
  since: number
  /** When the loop last looked for work: /live watches it. */
  lastTurnAt: number
  fault: Error | undefined
  #state: TaskLifeState = 'assigned'
  #run: TaskRun | undefined
  /** What the barrier gave; also kept while halted, retired or ended. */
  #held: Acquired | undefined
  readonly #poison = new Map<string, Refusal>()
  readonly #latch = new Latch()
  #main: Promise<void> | undefined
  #abort = new AbortController()
  #wanted: 'run' | 'suspend' | 'close' = 'suspend'
  #quiet: (() => void)[] = []
  #lost = false
  #failures = 0
  #lastFailure: string | undefined

  constructor(context: TaskContext) {
    this.context = context
    this.since = context.clock.now()
    this.lastTurnAt = this.since
  }

  get name(): string {
    return this.context.task.name
  }
  get state(): TaskLifeState {
    return this.#state
  }
  get run(): TaskRun | undefined {
    return this.#run
  }
  get held(): Acquired | undefined {
    return this.#held
  }

  /** The group gave the task to this member (again). */
  assign(): void {
    this.#wanted = 'run'
    this.#main ??= this.#loop()
    this.#latch.ring()
  }

  /** Stops processing and commits what was processed; resolves when nothing is in flight. */
  async suspend(): Promise<void> {
    if (this.#wanted === 'close') return
    this.#wanted = 'suspend'
    await this.#settled()
  }

  /** Gives everything back. With `now` nothing more is committed: the group has given the task to somebody else. */
  async close(now = false): Promise<void> {
    this.#wanted = 'close'
    if (now) this.#lost = true
    await this.#settled()
    await this.#main
  }

  async #settled(): Promise<void> {
    if (this.#state === 'fencing' || this.#state === 'restoring') this.#abort.abort()
    if (this.#main === undefined) return
    const quiet = new Promise<void>((resolve) => this.#quiet.push(resolve))
    this.#latch.ring()
    await quiet
  }

  onBatch(batch: FetchedBatch): void {
    const queue = this.#run?.queues.find((q) => q.wiring.topic === batch.topic && q.wiring.partition === batch.partition)
    if (queue === undefined) return
    if (!queue.push(batch)) {
      this.context.reader.assign(queue.wiring, queue.expected)
      return
    }
    if (queue.full && !queue.paused) {
      queue.paused = true
      this.context.reader.pause(queue.wiring)
    }
    this.#latch.ring()
  }

  /** A fault of one of the inputs. */
  onInputFault(fault: Error): void {
    this.#inputFault = fault
    this.#latch.ring()
  }
  #inputFault: Error | undefined

  /** Lifts the event time of external inputs (the test kit's hand-moved time). */
  lift(watermark: number): void {
    this.#run?.lift(watermark)
    this.#latch.ring()
  }

  // ---- the loop

  async #loop(): Promise<void> {
    while (this.#state !== 'closed') {
      try {
        await this.#turn()
      } catch (error) {
        if (error instanceof BrokenPromise) this.context.onStopped(error)
        await this.#failed(error)
      }
    }
    this.#beQuiet()
  }

  async #turn(): Promise<void> {
    if (this.#wanted === 'close') return await this.#closeNow()
    if (this.#wanted === 'suspend') {
      if (this.#state === 'running') {
        await this.#run?.finish()
        this.#move('suspend')
      }
      this.#beQuiet()
      return await this.#latch.wait(this.context.clock, Infinity)
    }
    switch (this.#state) {
      case 'assigned':
        this.#move('acquire')
        return
      case 'fencing':
        return await this.#acquire()
      case 'suspended':
        return await this.#resume()
      case 'running':
        return await this.#work()
      default:
        return await this.#latch.wait(this.context.clock, Infinity)
    }
  }

  async #acquire(): Promise<void> {
    this.#abort = new AbortController()
    const { context } = this
    const held = await acquire({
      ...context,
      signal: this.#abort.signal,
      identity: () => context.identity(),
      onFenced: () => this.#move('fenced'),
      onRestore: (progress) => this.restores.set(progress.step, progress),
      onNote: (level, message, facts) => context.onNote(level, message, facts),
    })
    this.restores.clear()
    this.#held = held
    if (held.status !== 'running') {
      this.#move(`found-${held.status}`)
      return
    }
    this.#run = new TaskRun(
      {
        ...context,
        identity: () => context.identity(),
        recordBytesMax: (topic) => context.recordBytesMax(topic),
        poison: this.#poison,
        wake: () => this.#latch.ring(),
        onCommitted: (ms) => this.#committed(ms),
      },
      held,
      this.totals,
    )
    this.#move('restored')
    for (const queue of this.#run.queues) context.reader.assign(queue.wiring, queue.expected)
  }

  async #work(): Promise<void> {
    const run = this.#run
    assert(run !== undefined, 'a running task has a run')
    if (this.#inputFault !== undefined) {
      const fault = this.#inputFault
      this.#inputFault = undefined
      throw fault
    }
    const worked = await run.turn()
    this.lastTurnAt = this.context.clock.now()
    this.#resumeReading(run)
    if (run.commitDueIn() === 0) {
      if (run.inFlight === undefined) run.startCommit()
      else if (run.layerBytes >= this.context.settings.commitBytesMax) await run.inFlight
    }
    if (worked) await this.context.clock.yield()
    else await this.#latch.wait(this.context.clock, run.inFlight === undefined ? run.lookAgainIn() : Infinity)
  }

  #resumeReading(run: TaskRun): void {
    for (const queue of run.queues) {
      if (!queue.paused || !queue.roomAgain) continue
      queue.paused = false
      this.context.reader.resume(queue.wiring)
    }
  }

  /** Kept over a rebalance: goes on without restoring, but C is compared again (hole H5). */
  async #resume(): Promise<void> {
    const run = this.#run
    assert(run !== undefined, 'a suspended task has a run')
    this.#abort = new AbortController()
    const { ledger } = run.acquired
    const decision = await compareNow({
      ...this.context,
      identity: () => this.context.identity(),
      onNote: (level, message, facts) => this.context.onNote(level, message, facts),
      commitRecord: ledger.record,
      ranBefore: true,
      signal: this.#abort.signal,
    })
    const agrees =
      decision.kind === 'run' &&
      !decision.commit &&
      run.queues.every((queue) => decision.positions.get(queue.wiring.id) === ledger.record.positions[queue.wiring.id])
    if (!agrees)
      throw new Fault(
        'MR5033',
        'acquire-again',
        `${this.name}: the group's offsets changed while the group was rebalancing; the task is acquired again`,
        { place: { task: this.name } },
      )
    this.#move('resume')
  }

  #committed(milliseconds: number): void {
    this.#failures = 0
    this.#lastFailure = undefined
    this.history.commits += 1
    this.history.lastCommitAt = this.context.clock.now()
    this.history.lastCommitMs = milliseconds
    if (this.#poison.size > 0) this.#forgetPassedPoison()
    this.context.onCommitted(milliseconds)
  }

  #forgetPassedPoison(): void {
    const positions = this.#run?.acquired.ledger.record.positions ?? {}
    for (const id of this.#poison.keys()) {
      const cut = id.lastIndexOf(':')
      if (Number(id.slice(cut + 1)) < (positions[id.slice(0, cut)] ?? 0)) this.#poison.delete(id)
    }
  }

  // ---- failures

  /** Every failure throws producer, overlays and prefetches away; what comes next is said by its action. */
  async #failed(error: unknown): Promise<void> {
    await this.#release()
    if (this.#wanted !== 'run') {
      if (this.#state === 'closed') return this.#noteClose(error)
      if (this.#state !== 'stopped' && this.#state !== 'assigned') this.#backToAssigned()
      return
    }
    if (error instanceof RecordFailed) {
      this.#rememberPoison(error)
      return
    }
    const fault = error instanceof Fault ? error : undefined
    const repeated = fault?.code === 'MR5020' && this.#lastFailure === 'MR5020'
    if (fault === undefined || fault.action === 'stop-task' || fault.action === 'stop' || repeated) {
      this.#stop(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.history.aborts += 1
    if (fault.action === 'release-task') this.history.fenced += 1
    this.#lastFailure = fault.code
    this.#move('acquire-again')
    this.#failures += 1
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures - 1, 10))
    this.context.onNote(
      'warn',
      `${this.name}: ${fault.message}; its transaction is thrown away and the task is acquired again in ${pause} ms`,
      { task: this.name, code: fault.code, failures: this.#failures },
    )
    if (this.#failures > 1 || fault.action === 'release-task') await this.#latch.wait(this.context.clock, pause)
  }

  #backToAssigned(): void {
    if (this.#state === 'running') this.#move('acquire-again')
    if (this.#state === 'fencing' || this.#state === 'restoring') this.#move('suspend')
    else if (this.#state === 'suspended') this.#move('acquire-again')
  }

  #rememberPoison(error: RecordFailed): void {
    if (error.policy === 'stop' || this.#poison.size >= POISON_MAX) {
      this.#stop(
        new Fault(
          'MR5042',
          'stop-task',
          `user code failed on the record ${error.id}: ${error.message}. Nothing of it was committed; mend the code and start again, or set onRefused to 'dead-letter' to set such records aside`,
          { place: { task: this.name }, cause: error },
        ),
      )
      return
    }
    this.#poison.set(error.id, error.refusal)
    this.history.aborts += 1
    this.#move('acquire-again')
    this.context.onNote(
      'warn',
      `${this.name}: user code failed on ${error.id} (${error.message}); its transaction is thrown away and the record goes to the dead letters`,
      { task: this.name, stack: error.refusal.stack },
    )
  }

  #stop(fault: Error): void {
    this.fault = fault
    this.#move('stop')
    this.context.onStopped(fault)
  }

  // ---- giving back

  #dropRun(): void {
    const run = this.#run
    this.#run = undefined
    if (run === undefined) return
    for (const queue of run.queues) this.context.reader.unassign(queue.wiring)
  }

  async #release(): Promise<void> {
    const run = this.#run
    this.#dropRun()
    const held = this.#held
    this.#held = undefined
    this.restores.clear()
    // A store write that is under way must end before the store is closed.
    await run?.inFlight
    if (held === undefined) return
    held.state.discard()
    await held.producer.close().catch((error: unknown) => this.#noteClose(error))
    await held.store.close().catch((error: unknown) => this.#noteClose(error))
  }

  #noteClose(error: unknown): void {
    this.context.onNote('warn', `${this.name}: closing failed: ${error instanceof Error ? error.message : String(error)}`, {
      task: this.name,
    })
  }

  async #closeNow(): Promise<void> {
    try {
      if (this.#state === 'running' && !this.#lost) await this.#run?.finish()
      const mark = this.#held?.state.mark
      if (mark !== undefined && ownsState(this.#state)) await this.#held?.state.writeMark({ ...mark, completeAt: this.context.clock.now() })
    } finally {
      await this.#release()
      this.#move('close')
    }
  }

  #move(event: TaskLifeEvent): void {
    const step = taskLife(this.#state, event)
    assert(step.kind !== 'refused', `task ${this.name}: ${event} in state ${this.#state}`)
    if (step.kind !== 'moved') return
    this.#state = step.to
    this.since = this.context.clock.now()
    if (step.to !== 'stopped') this.fault = undefined
  }

  #beQuiet(): void {
    const waiting = this.#quiet
    this.#quiet = []
    for (const resolve of waiting) resolve()
  }
}
