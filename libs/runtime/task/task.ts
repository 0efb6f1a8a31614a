/**
 * A task: its life (task-life.ts) driven by the group, the barrier (acquire.ts) and the loop (task-run.ts).
 *
 * Owns: the producer and the open store while it holds them, and the one background loop `#main`. Everything else asks it by
 * `assign`, `suspend`, `close` and looks at it by its getters.
 */
import { assert, BrokenPromise } from '../../faults/fault.ts'
import { acquire } from '../acquire/acquire.ts'
import type { Acquired } from '../acquire/acquire.ts'
import { checkUnchanged } from '../acquire/unchanged.ts'
import { Latch } from './latch.ts'
import type { FetchedBatch } from '../ports/log.ts'
import type { RestoreProgress } from '../acquire/restore.ts'
import { noCounts, noHistory } from './task-counters.ts'
import { tellAnswer } from './task-failure.ts'
import type { FailureAnswer } from './task-failure.ts'
import { resumeReading, takeBatch } from './task-inputs.ts'
import { taskLife } from './task-life.ts'
import type { TaskLifeEvent, TaskLifeState } from './task-life.ts'
import { TaskRecovery } from './task-recovery.ts'
import { TaskRun } from './task-run.ts'
import { continuation, mayAcquire, mayRun } from '../switch/task-switch.ts'
import type { UnsettledLayer } from './run-context.ts'
import { effectRunner, type TaskContext } from './task-context.ts'

export class Task {
  readonly context: TaskContext
  readonly totals = noCounts()
  readonly history = noHistory()
  readonly effects: ReturnType<typeof effectRunner>
  readonly restores = new Map<string, RestoreProgress>()
  since: number
  /** When the loop last looked for work: /live watches it. */
  lastTurnAt: number
  fault: Error | undefined
  #state: TaskLifeState = 'assigned'
  #run: TaskRun | undefined
  /** What the barrier gave; also kept while halted, retired or ended. */
  #held: Acquired | undefined
  readonly #recovery: TaskRecovery
  readonly #latch = new Latch()
  #main: Promise<void> | undefined
  #abort = new AbortController()
  #wanted: 'run' | 'suspend' | 'close' = 'suspend'
  #quiet: (() => void)[] = []
  #lost = false
  #inputFault: Error | undefined

  constructor(context: TaskContext) {
    this.context = context
    this.#recovery = new TaskRecovery(context.task.name, context.settings.heartbeatIntervalMs)
    this.effects = effectRunner(context, () => this.#latch.ring())
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
  /** Sent, and not known to have happened: `totals` do not count it. */
  get unsettled(): UnsettledLayer | undefined {
    return this.#run?.unsettled ?? this.#recovery.unsettled
  }

  assign(): void {
    if (this.#wanted === 'close') return
    this.#wanted = 'run'
    this.#main ??= this.#loop()
    this.#latch.ring()
  }

  /** Stops processing and commits what was processed; resolves when nothing is in flight. */
  async suspend(): Promise<void> {
    if (this.#wanted === 'close') return await this.#main
    this.#wanted = 'suspend'
    if (this.#main === undefined) return
    const quiet = new Promise<void>((resolve) => this.#quiet.push(resolve))
    this.#interrupt()
    await quiet
  }

  /** Gives everything back. With `now` nothing more is committed: the group has given the task to somebody else. May be called again. */
  async close(now = false): Promise<void> {
    this.#wanted = 'close'
    if (now) this.#lost = true
    this.#interrupt()
    if (this.#main === undefined) this.#move('close')
    await this.#main
  }

  #interrupt(): void {
    if (this.#state === 'fencing' || this.#state === 'restoring') this.#abort.abort()
    this.#latch.ring()
  }

  onBatch(batch: FetchedBatch): void {
    if (this.#run !== undefined && takeBatch(this.#run.queues, batch, this.context.reader)) this.#latch.ring()
  }

  /** The roles of the versions, or how far the live one has come, may have changed. */
  wake(): void {
    this.#latch.ring()
  }

  /** A fault of one of the inputs. */
  onInputFault(fault: Error): void {
    if (this.#run === undefined) return
    this.#inputFault = fault
    this.#latch.ring()
  }

  /** Lifts the event time of external inputs (the test kit's hand-moved time). */
  lift(watermark: number): void {
    this.#run?.lift(watermark)
    this.#latch.ring()
  }

  // ---- the loop

  async #loop(): Promise<void> {
    try {
      while (this.#state !== 'closed') {
        try {
          await this.#turn()
        } catch (error) {
          if (error instanceof BrokenPromise) this.context.onStopped(error)
          await this.#failed(error)
        }
      }
    } catch (error) {
      // Our own defect: nothing here can be relied on any more.
      this.context.onStopped(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#beQuiet()
    }
  }

  async #turn(): Promise<void> {
    if (this.#wanted === 'close') return await this.#closeNow()
    if (this.#wanted === 'suspend') {
      if (this.#state === 'running') {
        await this.#run?.finish()
        this.#move('suspend')
      } else if (this.#state === 'halted' || this.#state === 'retired') {
        await this.#release()
        this.#move('suspend')
      }
      this.#beQuiet()
      return await this.#latch.wait(this.context.clock, Infinity)
    }
    switch (this.#state) {
      case 'assigned':
        if (mayAcquire(this.context.switching.role)) return this.#move('acquire')
        return await this.#latch.wait(this.context.clock, Infinity)
      case 'fencing':
        return await this.#acquire()
      case 'suspended':
        return await this.#resume()
      case 'running':
        return await this.#work()
      case 'halted':
      case 'retired':
        return await this.#awaitDecision()
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
      lostTail: this.#recovery.lostTail,
      identity: () => context.identity(),
      onFenced: () => this.#move('fenced'),
      onCommitRecord: (record) => this.#recovery.stands(record),
      onRestore: (progress) => this.restores.set(progress.step, progress),
    })
    this.restores.clear()
    this.#held = held
    this.#recovery.acquired(held, this.totals, this.history, this.effects)
    if (held.status !== 'running') {
      this.#move(`found-${held.status}`)
      return
    }
    this.#run = new TaskRun(
      {
        ...context,
        identity: () => context.identity(),
        recordBytesMax: (topic) => context.recordBytesMax(topic),
        poison: this.#recovery.poison,
        careful: this.#recovery.careful,
        effects: this.effects,
        wake: () => this.#latch.ring(),
        onCommitted: (ms) => this.#committed(ms),
      },
      held,
      this.totals,
    )
    // The program has named its cells: a rebuilt store notes them at once, for whoever looks into it.
    if (held.state.mark !== undefined) await held.state.writeMark(held.state.mark)
    this.#move('restored')
    for (const queue of this.#run.queues) context.reader.assign(queue.wiring, queue.expected)
  }

  async #work(): Promise<void> {
    const run = this.#run
    assert(run !== undefined, 'a running task has a run')
    if (this.#inputFault !== undefined) throw this.#inputFault
    if (run.halted) return this.#putAside('halt')
    if (run.ended) return this.#putAside('end')
    if (!mayRun(this.context.switching.role) && !run.halting) return await this.#giveUp(run)
    const worked = await run.turn()
    this.lastTurnAt = this.context.clock.now()
    resumeReading(run.queues, this.context.reader)
    if (run.commitDueIn() === 0) {
      if (run.inFlight === undefined) run.startCommit()
      else if (run.isFull) await run.inFlight
    }
    // Never a loop without a real turn: reading and heartbeats need theirs.
    const restMs = worked ? 0 : run.inFlight === undefined ? run.lookAgainIn() : Infinity
    if (restMs > 0) await this.#latch.wait(this.context.clock, restMs)
    else await this.context.clock.yield()
  }

  /** The commit that halts or ends it has happened: it reads nothing more, and keeps what it holds. */
  #putAside(event: 'halt' | 'end'): void {
    for (const queue of this.#run?.queues ?? []) this.context.reader.unassign(queue.wiring)
    this.#run = undefined
    this.#move(event)
  }

  /** Halted or retired: until the shared state says something else for it. */
  async #awaitDecision(): Promise<void> {
    const { switching, clock } = this.context
    const record = this.#held?.ledger.record
    assert(record !== undefined, 'a halted task holds its commit record')
    const next = continuation(record, switching.version, switching.shared)
    if (next.kind !== 'stay' || next.retire) {
      await this.#release()
      return this.#move('acquire-again')
    }
    const overdueMs = next.status === 'halted' ? switching.overdueIn() : Infinity
    if (overdueMs === 0) await switching.abandonOverdue()
    else await this.#latch.wait(clock, overdueMs)
  }

  /** The version is no longer to work: what was done is committed, and everything given back. */
  async #giveUp(run: TaskRun): Promise<void> {
    await run.finish()
    await this.#release()
    this.#backToAssigned()
  }

  /** Kept over a rebalance: goes on without restoring, but C is compared again (hole H5). */
  async #resume(): Promise<void> {
    const run = this.#run
    assert(run !== undefined, 'a suspended task has a run')
    this.#abort = new AbortController()
    const { ledger } = run.acquired
    await checkUnchanged({
      ...this.context,
      identity: () => this.context.identity(),
      onNote: (level, message, facts) => this.context.onNote(level, message, facts),
      commitRecord: ledger.record,
      ranBefore: true,
      isMovedElsewhere: () => this.context.isMovedBack(),
      signal: this.#abort.signal,
    })
    this.#move('resume')
  }

  #committed(milliseconds: number): void {
    this.#recovery.committed(this.#run?.acquired.ledger.record.positions ?? {})
    this.history.commits += 1
    this.history.lastCommitAt = this.context.clock.now()
    this.history.lastCommitMs = milliseconds
    this.context.onCommitted(milliseconds)
  }

  // ---- failures

  /** Every failure throws producer, overlays and prefetches away; what comes next is said by task-failure.ts. */
  async #failed(error: unknown): Promise<void> {
    await this.#release()
    if (this.#state === 'closed') return this.#noteClose(error)
    if (this.#wanted !== 'run') {
      this.#note(`failed while it was put away: ${error instanceof Error ? error.message : String(error)}`, {})
      if (this.#state !== 'stopped' && this.#state !== 'assigned') this.#backToAssigned()
      return
    }
    await this.#follow(this.#recovery.failed(error, this.context.clock.monotonic()))
  }

  async #follow(answer: FailureAnswer): Promise<void> {
    if (answer.kind === 'stop') return this.#stop(answer.fault)
    this.history.aborts += 1
    this.#move('acquire-again')
    const { message, facts } = tellAnswer(answer, this.#recovery.failures)
    this.#note(message, facts)
    if (answer.kind === 'give-up') {
      this.fault = answer.fault
      this.context.onGivenUp(answer.fault)
    } else if (answer.kind !== 'again') return
    if (answer.fault.action === 'release-task') this.history.fenced += 1
    const { clock } = this.context
    const until = clock.monotonic() + answer.pauseMs
    // Ends early only when the task is wanted otherwise.
    while (this.#wanted === 'run' && clock.monotonic() < until) await this.#latch.wait(clock, until - clock.monotonic())
  }

  #backToAssigned(): void {
    if (this.#state === 'running') this.#move('acquire-again')
    if (this.#state === 'fencing' || this.#state === 'restoring') this.#move('suspend')
    else if (this.#state === 'suspended') this.#move('acquire-again')
  }

  #stop(fault: Error): void {
    this.#move('stop')
    this.fault = fault
    this.context.onStopped(fault)
  }

  #note(message: string, facts: Readonly<Record<string, unknown>>): void {
    this.context.onNote('warn', `${this.name}: ${message}`, { task: this.name, ...facts })
  }

  // ---- giving back

  async #release(): Promise<void> {
    const run = this.#run
    this.#run = undefined
    this.#inputFault = undefined
    for (const queue of run?.queues ?? []) this.context.reader.unassign(queue.wiring)
    const held = this.#held
    this.#held = undefined
    this.restores.clear()
    // A store write that is under way must end before the store is closed.
    if (run !== undefined) {
      this.#recovery.ended(run.unsettled)
      await run.inFlight
      this.#recovery.ended(run.unsettled)
    }
    if (held === undefined) return
    held.state.discard()
    await held.producer.close().catch((error: unknown) => this.#noteClose(error))
    await held.store.close().catch((error: unknown) => this.#noteClose(error))
  }

  #noteClose(error: unknown): void {
    this.#note(`closing failed: ${error instanceof Error ? error.message : String(error)}`, {})
  }

  async #closeNow(): Promise<void> {
    try {
      if (this.#state === 'running' && !this.#lost) await this.#run?.finish()
      if (!this.#lost) await this.effects.idle()
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
