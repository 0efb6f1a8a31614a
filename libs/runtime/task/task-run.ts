/**
 * One task between an acquisition and the next: prefetch → step → commit (engine.md 4).
 *
 * Owns: the program, the input queues, the active layer and at most one layer that is being committed. While a commit is on the wire the
 * next records fill the active layer; a failure throws both away together with this object.
 *
 * After the broker has refused a record for good, the records of that transaction are committed one by one (`careful`), and event time moves
 * in transactions of its own: so the re-run finds the one whose effect cannot be sent (engine.md 4.5).
 */
import type { TaskProgram } from '../../dataflow/plan.ts'
import { assert } from '../../faults/fault.ts'
import type { Acquired } from '../acquire/acquire.ts'
import { endReachedInputs, isEnded, liftInputs, limitInputs } from '../batch/end-of-input.ts'
import { ActiveLayer } from './active-layer.ts'
import { commitTransaction } from './commit.ts'
import type { InputItem, InputQueue } from './input-queue.ts'
import { MarkerPace } from './marker-pace.ts'
import { byTime, recordFailed, refusedLayer } from './record-failure.ts'
import { refuse } from './refuse.ts'
import { RepartitionHeaders } from './repartition-record.ts'
import { addCounts, type TaskCounters } from './task-counters.ts'
import { instantiateProgram } from './task-host.ts'
import { TaskInputs } from './task-inputs.ts'
import { sealLayer } from './task-seal.ts'
import { IDLE_PROOF_AGE_MS, PUT_AWAY_PROOF_AGE_MS, proofDueIn } from './store-proof.ts'
import type { Pace } from '../switch/pace.ts'
import type { LogRecord } from '../ports/log.ts'
import { shedsFrom } from './flow-control.ts'
import { TaskHalt } from '../switch/task-halt.ts'
import type { Repeats } from './commit-record.ts'
import type { Positions, RunContext, UnsettledLayer } from './run-context.ts'

/** A step ends after this many records or this time, ms, so that heartbeats and other tasks get their turn. */
const STEP_RECORDS_MAX = 1_000
const STEP_MS_MAX = 8

export class TaskRun {
  readonly #context: RunContext
  readonly acquired: Acquired
  readonly #program: TaskProgram
  readonly #inputs: TaskInputs
  readonly #headers: RepartitionHeaders
  readonly #markers: MarkerPace
  readonly #halt: TaskHalt
  /** The switch that the sealed layer halts for: no record is taken any more. */
  #halting: number | undefined
  #halted = false
  readonly #repeats: Repeats | undefined
  readonly #pace: Pace | undefined
  #layer = new ActiveLayer()
  #careful: Positions | undefined
  /** Event time has moved and the program was not told: only while careful. */
  #advanceDue = false
  #inFlight: Promise<void> | undefined
  #unsettled: UnsettledLayer | undefined
  #failure: Error | undefined
  #lastCommitAt: number
  readonly totals: TaskCounters
  /** Made once: event time moves with nearly every record. */
  readonly #advanceProgram = (): void => this.#program.advance(this.acquired.time.watermark)

  constructor(context: RunContext, acquired: Acquired, totals: TaskCounters) {
    this.#context = context
    this.acquired = acquired
    this.totals = totals
    const { task, settings } = context
    const { positions, epoch } = acquired.ledger.record
    this.#inputs = new TaskInputs({ ...context, shedsFrom: shedsFrom(context, acquired.ledger.record) }, positions, epoch)
    limitInputs(this.queues, context.bounds)
    this.#headers = new RepartitionHeaders(epoch)
    this.#markers = new MarkerPace(task, settings.markerIntervalMs, acquired)
    this.#careful = context.careful
    this.#lastCommitAt = context.clock.monotonic() - settings.commitIntervalMs
    this.#repeats = acquired.ledger.record.repeats
    this.#halt = new TaskHalt({
      view: context.switching,
      queues: this.queues,
      inputs: task.inputs,
      record: () => acquired.ledger.record,
    })
    const { role } = acquired.ledger.record
    this.#pace = role === 'shadow' ? context.switching.pace : undefined
    this.#program = instantiateProgram(
      { ...context, role, suppressed: acquired.suppressed, recordBytesMax: (topic) => context.recordBytesMax(topic) },
      acquired.state,
      epoch,
      this.#headers,
      () => this.#layer,
    )
    if (acquired.time.watermark !== -Infinity) this.#advance()
    this.#layer.dirty = false
  }

  get program(): TaskProgram {
    return this.#program
  }
  get queues(): readonly InputQueue[] {
    return this.#inputs.queues
  }

  /** Decodes, prefetches and processes some records. False when there was nothing to do. */
  async turn(): Promise<boolean> {
    this.#throwFailure()
    await this.#inputs.decodeAhead(this.#program)
    const prefetch = this.acquired.state.prefetchPending()
    if (prefetch !== undefined) await prefetch
    this.#throwFailure()
    return this.#step()
  }

  #step(): boolean {
    if (this.#halting !== undefined) return false
    this.#halt.bound()
    if (this.#context.bounds?.close === true && endReachedInputs(this.queues, this.acquired.time)) this.#timeMoved()
    if (this.#isCareful()) return this.#stepCarefully()
    const { clock } = this.#context
    const until = clock.monotonic() + STEP_MS_MAX
    let done = 0
    if (clock.now() >= this.#program.nextTick()) this.#tick()
    const patient = this.#inputs.patient()
    const most = this.#context.effects.full ? 0 : Math.min(STEP_RECORDS_MAX, this.#pace?.allowance(clock.monotonic()) ?? Infinity)
    while (done < most && this.#takeOne(patient)) {
      done += 1
      if ((done & 63) === 0 && clock.monotonic() >= until) break
    }
    this.#pace?.took(done)
    return done > 0 || this.#inputs.undecoded
  }

  #isCareful(): boolean {
    const careful = this.#careful
    if (careful === undefined) return false
    // The last one is still alone in its transaction.
    if (this.#advanceDue || this.#isChanged || this.queues.some((queue) => queue.position < (careful[queue.wiring.id] ?? 0))) return true
    this.#careful = undefined
    return false
  }

  /** One thing for each transaction: event time that moved, timers of the clock, or one record. */
  #stepCarefully(): boolean {
    if (this.#isChanged) return false
    if (this.#advanceDue) {
      this.#advanceDue = false
      this.#advance()
      return true
    }
    if (this.#context.clock.now() >= this.#program.nextTick()) {
      this.#tick()
      return true
    }
    return this.#takeOne(this.#inputs.patient()) || this.#inputs.undecoded
  }

  #takeOne(patient: boolean): boolean {
    const chosen = this.#inputs.next(patient)
    if (chosen === undefined) return false
    const item = chosen.take()
    assert(item !== undefined, 'a chosen queue has a head')
    this.#process(chosen, item)
    return true
  }

  /** Milliseconds until the loop must look again although nothing arrives. */
  lookAgainIn(): number {
    const { clock } = this.#context
    const tick = this.#program.nextTick() - clock.now()
    // A marker that is held back; once it is due it is work, and goes with the next commit.
    const marker = this.#markers.dueAt() - clock.monotonic()
    const pace = this.#pace?.waitMs() ?? 0
    const next = pace > 0 && this.queues.some((queue) => queue.head() !== undefined) ? pace : Infinity
    const proof = this.#proofDueIn(IDLE_PROOF_AGE_MS)
    const soonest = Math.min(
      this.#inputs.patienceEndsIn(),
      this.#inputs.paceAllowsIn(),
      next,
      tick,
      proof,
      marker <= 0 ? Infinity : marker,
      this.commitDueIn() ?? Infinity,
    )
    return Math.max(0, soonest)
  }

  #process(queue: InputQueue, item: InputItem): void {
    const layer = this.#layer
    layer.dirty = true
    layer.items += 1
    const { time } = this.acquired
    switch (item.kind) {
      case 'record': {
        const { record, raw } = item
        if (this.#careful !== undefined) layer.lastRecord = { queue, raw }
        const stamp = item.stamp ?? time.stampOf(queue.index)
        this.#headers.repeated = item.repeated || raw.offset < (this.#repeats?.positions[queue.wiring.id] ?? 0)
        try {
          layer.counts[this.#program.process(record, stamp)] += 1
        } catch (error) {
          throw recordFailed(this.#context.task, { queue, raw }, error)
        }
        return this.#wasRead(queue, raw, record.timestamp)
      }
      case 'shed':
        layer.counts.shed += 1
        return this.#wasRead(queue, item.raw, item.timestamp)
      case 'marker':
      case 'cut':
        if (item.kind === 'cut') this.#halt.cuts.take(queue.index, item.task, item.s)
        if (time.mark(queue.index, item.task, item.watermark)) this.#timeMoved()
        return
      case 'refused':
        refuse(this.#context, layer, this.acquired.ledger.record.epoch, queue, item)
        if (queue.wiring.external !== undefined) layer.lastRead.set(queue.wiring.id, item.raw)
        return
      case 'dropped':
        layer.counts.dropped += 1
    }
  }

  #wasRead(queue: InputQueue, raw: LogRecord, eventTime: number): void {
    if (queue.wiring.external === undefined) return
    this.#layer.lastRead.set(queue.wiring.id, raw)
    if (this.acquired.time.observe(queue.index, eventTime)) this.#timeMoved()
  }

  /** Lifts external inputs (the test kit's hand-moved time). */
  lift(watermark: number): void {
    this.#layer.dirty = true
    if (liftInputs(this.queues, this.acquired.time, watermark)) this.#timeMoved()
  }

  #timeMoved(): void {
    if (this.#careful === undefined) this.#advance()
    else this.#advanceDue = true
  }

  #advance(): void {
    this.#layer.dirty = true
    this.#headers.repeated = this.acquired.time.watermark <= (this.#repeats?.watermark ?? -Infinity)
    byTime(this.#context.task, 'an event-time timer or window', this.#advanceProgram)
  }

  #tick(): void {
    this.#layer.dirty = true
    byTime(this.#context.task, 'a processing-time timer', () => this.#program.tick(this.#context.clock.now()))
  }

  // ---- commit

  get inFlight(): Promise<void> | undefined {
    return this.#inFlight
  }

  /** Sent, and not known to have happened: on the wire, or failed. */
  get unsettled(): UnsettledLayer | undefined {
    return this.#unsettled
  }

  /** The active layer, outputs and changed state, has reached its bound. */
  get isFull(): boolean {
    return this.#layer.outbox.bytes + this.acquired.state.dirtyBytes >= this.#context.commitBytesMax()
  }

  #positionsMoved(): boolean {
    const { positions } = this.acquired.ledger.record
    return this.queues.some((queue) => queue.position !== positions[queue.wiring.id])
  }

  /** Never before the results of the time that it tells. */
  #markerDueNow(): number | undefined {
    return this.#advanceDue ? undefined : this.#markers.dueNow(this.#context.clock.monotonic())
  }

  get #isChanged(): boolean {
    return this.#layer.dirty || this.#layer.outbox.count > 0 || this.acquired.state.dirty
  }

  /** The switch that it halts for with the next commit: nothing is left to do before its cut. */
  #haltDue(): number | undefined {
    if (this.#careful !== undefined || this.#halting !== undefined) return undefined
    return this.#halt.due()
  }

  /** It is the end of a batch: with this commit, everything is done and told. */
  #endDue(): boolean {
    if (this.#context.bounds?.close !== true || this.#careful !== undefined || this.#inFlight !== undefined) return false
    const { time, ledger } = this.acquired
    return isEnded(time.watermark, this.#markerDueNow() ?? ledger.record.markerOut, this.#markers.sends) && !this.ended
  }

  /** The last commit of a batch has happened. */
  get ended(): boolean {
    return this.acquired.ledger.record.status === 'ended'
  }

  /** It halts with the commit that is on the wire. */
  get halting(): boolean {
    return this.#halting !== undefined
  }

  /** A commit that halts it has happened. */
  get halted(): boolean {
    return this.#halted
  }

  /** Something is to be committed. */
  get hasWork(): boolean {
    if (this.#haltDue() !== undefined || this.#endDue()) return true
    if (this.#isChanged || this.#markerDueNow() !== undefined) return true
    return this.#inFlight === undefined && (this.#positionsMoved() || this.#proofDueIn(IDLE_PROOF_AGE_MS) === 0)
  }

  /** Milliseconds until a commit is due; 0: now; undefined: nothing to commit. */
  commitDueIn(): number | undefined {
    const { settings, clock } = this.#context
    if (!this.hasWork) return undefined
    if (this.#careful !== undefined || this.isFull || this.#haltDue() !== undefined) return 0
    return Math.max(0, this.#lastCommitAt + settings.commitIntervalMs - clock.monotonic())
  }

  /** Seals the active layer and sends it. Only when nothing is in flight. Throws what failed before, and what user code throws at a commit. */
  startCommit(): void {
    this.#throwFailure()
    assert(this.#inFlight === undefined, 'commit n+1 is never sent before commit n is applied')
    const { clock, task, probe, identity } = this.#context
    const { ledger, producer, state } = this.acquired
    const now = clock.monotonic()
    const halt = this.#haltDue()
    const ended = this.#endDue()
    this.#halting = halt
    const markerOut = halt === undefined ? this.#markerDueNow() : this.#markers.atOnce()
    this.#markers.sent(markerOut, now)
    const layer = this.#layer
    const sealed = sealLayer({
      task,
      program: this.#program,
      outbox: layer.outbox,
      lastRead: layer.lastRead,
      acquired: this.acquired,
      queues: this.queues,
      headers: this.#headers,
      cutsIn: () => this.#halt.cuts.saved(),
      markerOut,
      halt,
      ended,
      now: clock.now(),
    })
    const wasCareful = this.#careful !== undefined
    this.#layer = new ActiveLayer()
    this.#lastCommitAt = now
    this.#unsettled = { record: sealed.record, counts: layer.counts, effects: layer.effects }
    const commit = commitTransaction(
      producer,
      { task: task.name, batches: sealed.batches, identity: identity(), positions: sealed.positions, ledger, turn: sealed.turn },
      async (sent) => {
        const mark = ledger.markAfter(sealed.record, sent, clock.now())
        await state.apply(sealed.frozen, mark)
        ledger.committed(sealed.record, mark)
      },
      probe,
    )
    this.#inFlight = commit.then(
      () => {
        this.#inFlight = undefined
        this.#unsettled = undefined
        this.#markers.committed()
        addCounts(this.totals, layer.counts)
        this.#context.effects.make(layer.effects)
        this.#halted = halt !== undefined
        this.#context.onCommitted(clock.monotonic() - now)
        this.#context.wake()
      },
      (error: unknown) => {
        this.#inFlight = undefined
        this.#failure = asError(refusedLayer(task, error, layer, wasCareful))
        this.#context.wake()
      },
    )
  }

  /** Commits what there is and waits for it, before the task is suspended or closed; also to prove that the store is complete. */
  async finish(): Promise<void> {
    await this.#inFlight
    this.#throwFailure()
    if (!this.hasWork && this.#proofDueIn(PUT_AWAY_PROOF_AGE_MS) > 0) return
    this.startCommit()
    await this.#inFlight
    this.#throwFailure()
  }

  #proofDueIn(ageMs: number): number {
    const { task, clock } = this.#context
    return task.changelogs.size === 0 ? Infinity : proofDueIn(this.acquired.state.mark, clock.now(), ageMs)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown }))
