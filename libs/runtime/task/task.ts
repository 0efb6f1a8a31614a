/**
 * A task: its life (task-life.ts) driven by the group, the barrier (acquire.ts) and the loop (task-run.ts).
 *
 * Owns: the producer and the open store while it holds them, and the one background loop `#main`. Everything else asks it by
 * `assign`, `suspend`, `close` and looks at it by its getters.
 */
import { assert, BrokenPromise, Fault } from '../../faults/fault.ts'
import { acquire } from '../acquire/acquire.ts'
import type { AcquireContext, Acquired } from '../acquire/acquire.ts'
import { compareNow } from '../acquire/compare-positions.ts'
import type { Resolved } from '../acquire/compare-positions.ts'
import { Latch } from './latch.ts'
import type { FetchedBatch, PartitionReader } from '../ports/log.ts'
import type { RestoreProgress } from '../acquire/restore.ts'
import { noCounts, noHistory } from './task-counters.ts'
import type { FailureAnswer } from './task-failure.ts'
import { resumeReading } from './task-inputs.ts'
import { taskLife } from './task-life.ts'
import type { TaskLifeEvent, TaskLifeState } from './task-life.ts'
import { TaskRecovery } from './task-recovery.ts'
import { TaskRun } from './task-run.ts'
import type { RunContext, UnsettledLayer } from './task-run.ts'

export interface TaskContext
  extends
    Omit<AcquireContext, 'signal' | 'onFenced' | 'onRestore'>,
    Omit<RunContext, 'poison' | 'careful' | 'wake' | 'onCommitted' | 'task' | 'probe' | 'identity' | 'clock' | 'settings'> {
  readonly reader: PartitionReader
  onCommitted(milliseconds: number): void
  onStopped(fault: Error): void
}

export class Task {
  readonly context: TaskContext
  readonly totals = noCounts()
  readonly history = noHistory()
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

  /** The group gave the task to this member (again). */
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
    const queue = this.#run?.queues.find((q) => q.wiring.topic === batch.topic && q.wiring.partition === batch.partition)
    if (queue === undefined) return
    if (!queue.push(batch)) {
      queue.paused = false
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
    this.#recovery.acquired(held, this.totals, this.history)
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
    const worked = await run.turn()
    this.lastTurnAt = this.context.clock.now()
    resumeReading(run.queues, this.context.reader)
    if (run.commitDueIn() === 0) {
      if (run.inFlight === undefined) run.startCommit()
      else if (run.layerBytes >= this.context.settings.commitBytesMax) await run.inFlight
    }
    // Never a loop without a real turn: reading and heartbeats need theirs.
    const restMs = worked ? 0 : run.inFlight === undefined ? run.lookAgainIn() : Infinity
    if (restMs > 0) await this.#latch.wait(this.context.clock, restMs)
    else await this.context.clock.yield()
  }

  /** Kept over a rebalance: goes on without restoring, but C is compared again (hole H5). */
  async #resume(): Promise<void> {
    const run = this.#run
    assert(run !== undefined, 'a suspended task has a run')
    this.#abort = new AbortController()
    const { ledger } = run.acquired
    let decision: Resolved
    try {
      decision = await compareNow({
        ...this.context,
        identity: () => this.context.identity(),
        onNote: (level, message, facts) => this.context.onNote(level, message, facts),
        commitRecord: ledger.record,
        ranBefore: true,
        // Looked at by the barrier, if offsets say that there is something to look at.
        announced: undefined,
        isMovedElsewhere: () => this.context.isMovedBack(),
        signal: this.#abort.signal,
      })
    } catch (error) {
      // Whether it must stop is for the barrier to say: here nobody knows if another owner has worked meanwhile.
      throw error instanceof Fault && error.action === 'stop-task' ? this.#changedMeanwhile(error) : error
    }
    const agrees =
      decision.kind === 'run' &&
      !decision.commit &&
      run.queues.every((queue) => decision.positions.get(queue.wiring.id) === ledger.record.positions[queue.wiring.id])
    if (!agrees) throw this.#changedMeanwhile()
    this.#move('resume')
  }

  #changedMeanwhile(cause?: Fault): Fault {
    const message = `${this.name}: the group's offsets or the inputs changed while the group was rebalancing; the task is acquired again`
    return new Fault('MR5033', 'acquire-again', message, { place: { task: this.name }, cause })
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
    await this.#follow(this.#recovery.failed(error))
  }

  async #follow(answer: FailureAnswer): Promise<void> {
    if (answer.kind === 'stop') return this.#stop(answer.fault)
    this.history.aborts += 1
    this.#move('acquire-again')
    switch (answer.kind) {
      case 'refuse': {
        const { id, message, refusal } = answer.failed
        this.#note(`${id} is refused (${refusal.reason}: ${message}); its transaction is thrown away and tried again without it`, {
          stack: refusal.stack,
        })
        return
      }
      case 'be-careful':
        this.#note('the broker refuses a record of the transaction for good; its records are tried again one by one', {})
        return
      case 'again': {
        const { fault, pauseMs } = answer
        if (fault.action === 'release-task') this.history.fenced += 1
        this.#note(`${fault.message}; its transaction is thrown away and the task is acquired again in ${pauseMs} ms`, {
          code: fault.code,
          failures: this.#recovery.failures,
        })
        await this.#pause(pauseMs)
      }
    }
  }

  /** Ends early only when the task is wanted otherwise. */
  async #pause(milliseconds: number): Promise<void> {
    const { clock } = this.context
    const until = clock.monotonic() + milliseconds
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
