/**
 * One task between an acquisition and the next: prefetch → step → commit (engine.md 4).
 *
 * Owns: the program, the input queues, the active layer (outbox, counts) and at most one layer that is being committed. While a
 * commit is on the wire the next records fill the active layer; a failure throws both away together with this object.
 */
import type { TaskProgram } from '../dataflow/plan.ts'
import { RecordRefused } from '../dataflow/plan.ts'
import { assert, Fault } from '../faults/fault.ts'
import type { Acquired } from './acquire.ts'
import { choose } from './chooser.ts'
import { commitTransaction } from './commit.ts'
import type { CommitProbe } from './commit.ts'
import { deadLetter } from './dead-letter.ts'
import type { Refusal } from './dead-letter.ts'
import { NewerEpoch, decodeItem, poisonId } from './decode.ts'
import type { Poison } from './decode.ts'
import { InputQueue } from './input-queue.ts'
import type { InputItem } from './input-queue.ts'
import { Outbox } from './outbox.ts'
import type { Clock } from './ports/clock.ts'
import type { GroupIdentity, LogRecord, PartitionId } from './ports/log.ts'
import { RepartitionHeaders } from './repartition-record.ts'
import type { Settings } from './settings.ts'
import { addCounts, noCounts } from './task-counters.ts'
import type { TaskCounters } from './task-counters.ts'
import { instantiateProgram } from './task-host.ts'
import { sealLayer } from './task-seal.ts'
import type { TaskWiring } from './wiring.ts'

export interface RunContext {
  readonly application: string
  readonly task: TaskWiring
  readonly settings: Settings
  readonly clock: Clock
  readonly probe: CommitProbe
  readonly deadLetters: { readonly topic: string; readonly partitions: number }
  /** Largest record that a topic takes, bytes. */
  recordBytesMax(topic: string): number
  identity(): GroupIdentity
  readonly poison: Poison
  /** Something changed that the task's loop should look at. */
  wake(): void
  onCommitted(milliseconds: number): void
}

/** User code failed on a record: it is refused by the re-run. */
export class RecordFailed extends Error {
  override readonly name = 'RecordFailed'
  readonly id: string
  readonly refusal: Refusal
  readonly policy: 'dead-letter' | 'skip' | 'stop'
  constructor(id: string, refusal: Refusal, policy: RecordFailed['policy'], cause: unknown) {
    super(refusal.message, { cause })
    this.id = id
    this.refusal = refusal
    this.policy = policy
  }
}

/** Records decoded ahead for each partition: their state is read together, off the event loop. */
const DECODE_AHEAD = 256
/** A step ends after this many records or this time, ms, so that heartbeats and other tasks get their turn. */
const STEP_RECORDS_MAX = 1_000
const STEP_MS_MAX = 8

export class TaskRun {
  readonly #context: RunContext
  readonly acquired: Acquired
  readonly #program: TaskProgram
  readonly queues: readonly InputQueue[]
  readonly #headers: RepartitionHeaders
  #outbox = new Outbox()
  #counts = noCounts()
  readonly #lastRead = new Map<PartitionId, LogRecord>()
  #dirty = false
  #inFlight: Promise<void> | undefined
  #failure: unknown
  #lastCommitAt: number
  #lastMarkerAt = -Infinity
  #markerInFlight: number | undefined
  #waitingSince: number | undefined
  readonly totals: TaskCounters

  constructor(context: RunContext, acquired: Acquired, totals: TaskCounters) {
    this.#context = context
    this.acquired = acquired
    this.totals = totals
    const { task, settings } = context
    const { positions, epoch } = acquired.ledger.record
    this.queues = task.inputs.map((wiring, index) => new InputQueue(wiring, index, positions[wiring.id] ?? 0, settings.bufferBytesMax))
    this.#headers = new RepartitionHeaders(epoch)
    this.#lastCommitAt = context.clock.monotonic() - settings.commitIntervalMs
    this.#program = instantiateProgram(context, acquired.state, epoch, this.#headers, () => this.#outbox)
    if (acquired.time.watermark !== -Infinity) this.#advance()
    this.#dirty = false
  }

  get program(): TaskProgram {
    return this.#program
  }

  /** Decodes, prefetches and processes some records. False when there was nothing to do. */
  async turn(): Promise<boolean> {
    this.#throwFailure()
    await this.#decodeAhead()
    const prefetch = this.acquired.state.prefetchPending()
    if (prefetch !== undefined) await prefetch
    this.#throwFailure()
    return this.#step()
  }

  async #decodeAhead(): Promise<void> {
    const { epoch } = this.acquired.ledger.record
    for (const queue of this.queues) {
      if (queue.decodedAhead > 0) continue
      const raws = queue.toDecode(DECODE_AHEAD)
      if (raws.length === 0) continue
      const items: InputItem[] = []
      for (const raw of raws) {
        const prepared = this.#program.prepare(queue.wiring.input, raw)
        if (prepared !== undefined) await prepared
        const item = this.#decode(queue, raw, epoch)
        if (item.kind === 'record') this.#program.prefetch(item.record)
        items.push(item)
      }
      queue.addDecoded(items)
    }
  }

  #decode(queue: InputQueue, raw: LogRecord, epoch: number): InputItem {
    try {
      return decodeItem(this.#program, queue, raw, epoch, this.#context.poison)
    } catch (error) {
      if (!(error instanceof NewerEpoch)) throw error
      throw new Fault(
        'MR5031',
        'stop-task',
        `${this.#context.task.name} read ${error.message} from ${queue.wiring.id} but stands at epoch ${epoch}: this release cannot follow a reset yet`,
        {
          place: { task: this.#context.task.name, topic: queue.wiring.topic, partition: queue.wiring.partition, offset: raw.offset },
          cause: error,
        },
      )
    }
  }

  #step(): boolean {
    const { clock } = this.#context
    const until = clock.monotonic() + STEP_MS_MAX
    let done = 0
    if (clock.now() >= this.#program.nextTick()) this.#tick()
    const patient = this.#patient()
    while (done < STEP_RECORDS_MAX) {
      const chosen = choose(this.queues, patient)
      if (chosen === undefined) break
      if (chosen === 'wait') {
        this.#waitingSince ??= clock.monotonic()
        break
      }
      const item = chosen.take()
      assert(item !== undefined, 'a chosen queue has a head')
      this.#process(chosen, item)
      done += 1
      if ((done & 63) === 0 && clock.monotonic() >= until) break
    }
    return done > 0 || this.queues.some((queue) => !queue.empty && queue.decodedAhead === 0)
  }

  /** An empty input that may have more at its broker is waited for, once for `maxIdleMs`, until it shows what it has. */
  #patient(): boolean {
    if (!this.queues.some((queue) => queue.empty && !queue.drained)) this.#waitingSince = undefined
    return this.#waitingSince === undefined || this.#context.clock.monotonic() - this.#waitingSince < this.#context.settings.maxIdleMs
  }

  /** Milliseconds until the loop must look again although nothing arrives. */
  lookAgainIn(): number {
    const { clock, settings } = this.#context
    const patience =
      this.#waitingSince === undefined || this.queues.every((queue) => queue.empty)
        ? Infinity
        : this.#waitingSince + settings.maxIdleMs - clock.monotonic()
    const tick = this.#program.nextTick() - clock.now()
    // A marker held back is due at the end of its interval, even if nothing else is to commit (hole T5).
    const marker = this.#markerDueAt() - clock.monotonic()
    return Math.max(0, Math.min(patience <= 0 ? Infinity : patience, tick, marker, this.commitDueIn() ?? Infinity))
  }

  #process(queue: InputQueue, item: InputItem): void {
    this.#dirty = true
    const { time } = this.acquired
    switch (item.kind) {
      case 'record': {
        const { record } = item
        const external = queue.wiring.external !== undefined
        const stamp = item.stamp ?? time.stampOf(queue.index)
        try {
          this.#counts[this.#program.process(record, stamp)] += 1
        } catch (error) {
          throw this.#recordFailed(queue, item.raw, error)
        }
        if (external) {
          this.#lastRead.set(queue.wiring.id, item.raw)
          if (time.observe(queue.index, record.timestamp)) this.#advance()
        }
        return
      }
      case 'marker':
        if (time.mark(queue.index, item.task, item.watermark)) this.#advance()
        return
      case 'refused':
        this.#refuse(queue, item)
        if (queue.wiring.external !== undefined) this.#lastRead.set(queue.wiring.id, item.raw)
        return
      case 'dropped':
        this.#counts.dropped += 1
    }
  }

  /** Lifts external inputs (the test kit's hand-moved time). */
  lift(watermark: number): void {
    let moved = false
    for (const { wiring } of this.queues) if (wiring.external !== undefined && this.acquired.time.lift(wiring.id, watermark)) moved = true
    if (moved) this.#advance()
    this.#dirty = true
  }

  #advance(): void {
    this.#dirty = true
    try {
      this.#program.advance(this.acquired.time.watermark)
    } catch (error) {
      throw this.#timerFailed(error, 'an event-time timer or window')
    }
  }

  #tick(): void {
    this.#dirty = true
    try {
      this.#program.tick(this.#context.clock.now())
    } catch (error) {
      throw this.#timerFailed(error, 'a processing-time timer')
    }
  }

  #timerFailed(error: unknown, what: string): Fault {
    if (error instanceof Fault) return error
    const message = error instanceof Error ? error.message : String(error)
    return new Fault(
      'MR5032',
      'stop-task',
      `${what} of ${this.#context.task.name} failed in user code: ${message}. There is no record to set aside, so the task stops; mend the code and start again, nothing is lost`,
      { place: { task: this.#context.task.name }, cause: error },
    )
  }

  #recordFailed(queue: InputQueue, raw: LogRecord, error: unknown): Error {
    if (error instanceof Fault) return error
    const { task } = this.#context
    const refusal: Refusal = {
      reason: error instanceof RecordRefused ? error.reason : 'user-code',
      message: error instanceof Error ? error.message : String(error),
      stack: error instanceof Error ? error.stack : undefined,
      step: task.subTopology.name,
      attempt: 2,
    }
    return new RecordFailed(poisonId(queue.wiring.id, raw.offset), refusal, queue.wiring.external?.onRefused ?? 'dead-letter', error)
  }

  #refuse(queue: InputQueue, item: Extract<InputItem, { kind: 'refused' }>): void {
    const { task, deadLetters, application, clock } = this.#context
    const policy = queue.wiring.external?.onRefused ?? 'dead-letter'
    const place = { topic: queue.wiring.topic, partition: queue.wiring.partition, offset: item.raw.offset, task: task.name }
    if (policy === 'stop')
      throw new Fault(
        'MR5041',
        'stop-task',
        `${place.topic}-${place.partition}@${place.offset} cannot be used (${item.reason}): ${item.message}. The source says onRefused: 'stop'; mend the record's producer and set onRefused to 'dead-letter' or 'skip' to pass it`,
        { place },
      )
    this.#counts.refused += 1
    if (policy === 'skip') return
    this.#counts.deadLetters += 1
    const letter = deadLetter(
      { ...place, timestamp: item.raw.timestamp, key: item.raw.key, value: item.raw.value, headers: item.raw.headers },
      { reason: item.reason, message: item.message, stack: item.stack, step: task.subTopology.name, attempt: item.attempt },
      application,
      clock.now(),
    )
    this.#outbox.add(deadLetters.topic, place.partition % deadLetters.partitions, letter)
  }

  // ---- commit

  get inFlight(): Promise<void> | undefined {
    return this.#inFlight
  }

  /** Bytes of the active layer: outputs and changed state. */
  get layerBytes(): number {
    return this.#outbox.bytes + this.acquired.state.dirtyBytes
  }

  #positionsMoved(): boolean {
    const { positions } = this.acquired.ledger.record
    return this.queues.some((queue) => queue.position !== positions[queue.wiring.id])
  }

  /** When the next watermark marker may be sent (monotonic ms); Infinity while the watermark has not moved. */
  #markerDueAt(): number {
    const { task, settings } = this.#context
    const { time, ledger } = this.acquired
    if (!task.outputs.some((output) => output.repartition)) return Infinity
    const moved = time.watermark - task.subTopology.holdMs > (this.#markerInFlight ?? ledger.record.markerOut ?? -Infinity)
    return moved ? this.#lastMarkerAt + settings.markerIntervalMs : Infinity
  }

  #markerToSend(now: number): number | undefined {
    return now >= this.#markerDueAt() ? this.acquired.time.watermark - this.#context.task.subTopology.holdMs : undefined
  }

  /** Something is to be committed. */
  get hasWork(): boolean {
    return (
      this.#dirty ||
      this.#outbox.count > 0 ||
      this.acquired.state.dirty ||
      (this.#inFlight === undefined && this.#positionsMoved()) ||
      this.#markerToSend(this.#context.clock.monotonic()) !== undefined
    )
  }

  /** Milliseconds until a commit is due; 0: now; undefined: nothing to commit. */
  commitDueIn(): number | undefined {
    const { settings, clock } = this.#context
    if (!this.hasWork) return undefined
    if (this.layerBytes >= settings.commitBytesMax) return 0
    return Math.max(0, this.#lastCommitAt + settings.commitIntervalMs - clock.monotonic())
  }

  /** Seals the active layer and sends it. Only when nothing is in flight. */
  startCommit(): void {
    assert(this.#inFlight === undefined, 'commit n+1 is never sent before commit n is applied')
    const { clock, task, probe, identity } = this.#context
    const { ledger, producer, state } = this.acquired
    const now = clock.monotonic()
    const markerOut = this.#markerToSend(now)
    if (markerOut !== undefined) this.#lastMarkerAt = now
    this.#markerInFlight = markerOut
    this.#program.flush()
    const layer = sealLayer({
      task,
      outbox: this.#outbox,
      acquired: this.acquired,
      queues: this.queues,
      lastRead: this.#lastRead,
      headers: this.#headers,
      markerOut,
      now: clock.now(),
    })
    const counts = this.#counts
    this.#outbox = new Outbox()
    this.#counts = noCounts()
    this.#lastRead.clear()
    this.#dirty = false
    this.#lastCommitAt = now
    const commit = commitTransaction(
      producer,
      { task: task.name, batches: layer.batches, identity: identity(), positions: layer.positions },
      async (sent) => {
        const mark = ledger.markAfter(layer.record, sent, clock.now())
        await state.apply(layer.frozen, mark)
        ledger.committed(layer.record, mark)
      },
      probe,
    )
    this.#inFlight = commit.then(
      () => {
        this.#inFlight = undefined
        this.#markerInFlight = undefined
        addCounts(this.totals, counts)
        this.#context.onCommitted(clock.monotonic() - now)
        this.#context.wake()
      },
      (error: unknown) => {
        this.#inFlight = undefined
        this.#failure = error ?? new Error('the commit failed without a reason')
        this.#context.wake()
      },
    )
  }

  /** Commits what there is and waits for it: before a task is suspended or closed. */
  async finish(): Promise<void> {
    await this.#inFlight
    this.#throwFailure()
    if (!this.hasWork) return
    this.startCommit()
    await this.#inFlight
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
