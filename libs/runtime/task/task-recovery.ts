/**
 * What a task carries from a failure to the next try: the records that it refuses then, up to where it must be careful, and the transaction
 * of which nobody knows yet whether it happened.
 */
import { Fault } from '../../faults/fault.ts'
import type { Acquired } from '../acquire/acquire.ts'
import { TailLost } from './commit-record.ts'
import type { CommitRecord, LostTail } from './commit-record.ts'
import { NewerEpoch } from './decode.ts'
import type { EffectRunner } from '../effects/effect-runner.ts'
import { LocalTrouble } from './local-trouble.ts'
import { PoisonList } from './poison-list.ts'
import { addCounts } from './task-counters.ts'
import type { TaskCounters, TaskHistory } from './task-counters.ts'
import { answerFailure, FLAPPING_WINDOW_MS } from './task-failure.ts'
import type { FailureAnswer } from './task-failure.ts'
import type { Positions, UnsettledLayer } from './run-context.ts'

export class TaskRecovery {
  readonly poison = new PoisonList()
  readonly #task: string
  readonly #heartbeatIntervalMs: number
  #careful: Positions | undefined
  #unsettled: UnsettledLayer | undefined
  /** Its commit record was seen in the log. */
  #happened = false
  #failures = 0
  /** When other owners made this one powerless, monotonic ms, newest last. */
  #fencedAt: readonly number[] = []
  readonly #trouble: LocalTrouble
  /** Code of the newest failure, until an acquisition succeeds. */
  #lastCode: string | undefined
  #lostTail: LostTail | undefined
  /** Epoch of a repartition record that was newer than the state. */
  #recordEpoch = 0

  constructor(task: string, heartbeatIntervalMs: number) {
    this.#task = task
    this.#heartbeatIntervalMs = heartbeatIntervalMs
    this.#trouble = new LocalTrouble(task)
  }

  /** A changelog has lost its newest records; the next acquisition writes that down and stops. */
  get lostTail(): LostTail | undefined {
    return this.#lostTail
  }

  /** Failures in a row without a commit. */
  get failures(): number {
    return this.#failures
  }

  /** Up to here records are committed one by one: the broker has refused what one of them led to. */
  get careful(): Positions | undefined {
    return this.#careful
  }

  /** Sent by the run that failed, and not known to have happened. */
  get unsettled(): UnsettledLayer | undefined {
    return this.#unsettled
  }

  /** A run has ended; `unsettled` was sent, and its answer is not known. */
  ended(unsettled: UnsettledLayer | undefined): void {
    this.#unsettled = unsettled
    this.#happened = false
  }

  failed(error: unknown, now: number): FailureAnswer {
    if (error instanceof Fault && error.action === 'release-task')
      this.#fencedAt = [...this.#fencedAt.filter((at) => now - at < FLAPPING_WINDOW_MS), now]
    if (error instanceof Fault && error.cause instanceof TailLost) this.#lostTail = error.cause.tail
    if (error instanceof Fault && error.cause instanceof NewerEpoch) this.#recordEpoch = error.cause.epoch
    const answer = answerFailure(error, {
      task: this.#task,
      failures: this.#failures,
      lastCode: this.#lastCode,
      poisonFull: this.poison.full,
      transactionKnown: this.#unsettled !== undefined,
      fencings: this.#fencedAt.length,
      heartbeatIntervalMs: this.#heartbeatIntervalMs,
      givenUp: error instanceof Fault ? this.#trouble.failed(error, now) : undefined,
    })
    if (answer.kind === 'refuse') this.poison.add(answer.failed.id, answer.failed.refusal)
    if (answer.kind === 'be-careful') this.#careful = this.#unsettled?.record.positions
    if (answer.kind === 'again' || answer.kind === 'give-up') {
      this.#lastCode = answer.fault.code
      this.#failures += 1
    }
    return answer
  }

  /** A commit record stands in the log. */
  stands({ n, acquisition }: Pick<CommitRecord, 'n' | 'acquisition'>): void {
    const sent = this.#unsettled?.record
    if (sent?.n === n && sent.acquisition === acquisition) this.#happened = true
  }

  /**
   * The barrier is passed. If it has seen the commit record of the transaction without an answer, also below those of another owner, its
   * records count (P5). Fault MR5065 when a record has an epoch that nobody announced.
   */
  acquired({ ledger, wasReset, leftOut }: Acquired, totals: TaskCounters, history: TaskHistory, effects: EffectRunner): void {
    const layer = this.#unsettled
    this.#unsettled = undefined
    this.#lastCode = undefined
    if (layer !== undefined && this.#happened) {
      addCounts(totals, layer.counts)
      effects.make(layer.effects)
    }
    if (wasReset) history.resets += 1
    history.leftOut += leftOut
    if (ledger.record.epoch < this.#recordEpoch) throw unannounced(this.#task, this.#recordEpoch, ledger.record.epoch)
    this.#recordEpoch = 0
  }

  committed(positions: Positions): void {
    this.#failures = 0
    if (this.poison.size > 0) this.poison.forgetPassed(positions)
  }
}

const unannounced = (task: string, recordEpoch: number, epoch: number): Fault =>
  new Fault(
    'MR5065',
    'stop-task',
    `${task} stands at epoch ${epoch} and reads a record of epoch ${recordEpoch}, which the control topic does not know: somebody else writes to a repartition topic, or the control topic was deleted. Mixing epochs would give wrong results, so the task stopped`,
    { place: { task } },
  )
