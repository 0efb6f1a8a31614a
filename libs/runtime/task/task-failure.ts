/** What a task does after a failure (engine.md 4.5): every one throws producer, overlays and prefetches away; this says what comes then. Pure. */
import { Fault } from '../../faults/fault.ts'
import type { FaultCode } from '../../faults/fault.ts'
import { GIVEN_UP_PAUSE_MS } from './local-trouble.ts'
import { RecordFailed } from './record-failure.ts'

export type FailureAnswer =
  /** A person must decide. */
  | { readonly kind: 'stop'; readonly fault: Error }
  /** Acquire again at once and refuse the record then. */
  | { readonly kind: 'refuse'; readonly failed: RecordFailed }
  /** Acquire again at once and commit the records of the failed transaction one by one: one of them can never be sent. */
  | { readonly kind: 'be-careful' }
  /** Acquire again after a pause, ms. `why` and `code` are for people. */
  | { readonly kind: 'again'; readonly fault: Fault; readonly pauseMs: number; readonly why: string; readonly code: FaultCode }
  /** Others should have it; as long as they have not, acquire again after a pause, ms. */
  | { readonly kind: 'give-up'; readonly fault: Fault; readonly pauseMs: number }

export interface FailureFacts {
  readonly task: string
  /** Failures in a row without a commit, this one not counted. */
  readonly failures: number
  /** The newest failure before, if no acquisition has succeeded since. */
  readonly lastCode: string | undefined
  /** No more refused records can be remembered. */
  readonly poisonFull: boolean
  /** A transaction was refused whose positions are known. */
  readonly transactionKnown: boolean
  /** Times that another owner made this one powerless within `FLAPPING_WINDOW_MS`, this one counted. */
  readonly fencings: number
  readonly heartbeatIntervalMs: number
  /** The local store has failed too often: MR4030. */
  readonly givenUp: Fault | undefined
}

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 10_000
const DOUBLINGS_MAX = 10
export const FLAPPING_WINDOW_MS = 600_000
/** So often the owner may change within the window for good reasons: joins, leaves, a pause. The alert MillraceFencedOften counts the same. */
const FENCINGS_MAX = 3

export function answerFailure(error: unknown, facts: FailureFacts): FailureAnswer {
  if (error instanceof RecordFailed) {
    if (error.policy !== 'stop' && !facts.poisonFull) return { kind: 'refuse', failed: error }
    return { kind: 'stop', fault: userCodeStops(error, facts.task) }
  }
  if (!(error instanceof Fault)) return { kind: 'stop', fault: error instanceof Error ? error : new Error(String(error)) }
  if (error.action === 'stop-task' || error.action === 'stop') return { kind: 'stop', fault: error }
  if (error.action === 'refuse-record') return facts.transactionKnown ? { kind: 'be-careful' } : { kind: 'stop', fault: error }
  // Acquired twice, and twice the state ended before the group's offsets, without a former owner at work: the changelog lost its tail.
  if (error.code === 'MR5020' && facts.lastCode === 'MR5020') return { kind: 'stop', fault: error }
  if (facts.givenUp !== undefined) return { kind: 'give-up', fault: facts.givenUp, pauseMs: GIVEN_UP_PAUSE_MS }
  const pauseMs = pauseOf(error, facts)
  if (error.action !== 'release-task' || facts.fencings <= FENCINGS_MAX)
    return { kind: 'again', fault: error, pauseMs, why: error.message, code: error.code }
  const why = `its owner changes again and again, ${facts.fencings} times within ${FLAPPING_WINDOW_MS / 60_000} minutes (${error.message})`
  return { kind: 'again', fault: error, pauseMs, why, code: 'MR5044' }
}

/** What people are told of it; a fault that stops tells itself. */
export function tellAnswer(
  answer: Exclude<FailureAnswer, { readonly kind: 'stop' }>,
  failures: number,
): { readonly message: string; readonly facts: Readonly<Record<string, unknown>> } {
  switch (answer.kind) {
    case 'refuse': {
      const { id, message, refusal } = answer.failed
      const story = `${id} is refused (${refusal.reason}: ${message}); its transaction is thrown away and tried again without it`
      return { message: story, facts: { stack: refusal.stack } }
    }
    case 'be-careful':
      return { message: 'the broker refuses a record of the transaction for good; its records are tried again one by one', facts: {} }
    case 'again': {
      const { why, code, pauseMs } = answer
      const story = `${why}; its transaction is thrown away and the task is acquired again in ${pauseMs} ms`
      return { message: story, facts: { code, failures } }
    }
    case 'give-up':
      return { message: answer.fault.message, facts: { code: answer.fault.code, failures } }
  }
}

function pauseOf(fault: Fault, { failures, fencings, heartbeatIntervalMs }: FailureFacts): number {
  const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, DOUBLINGS_MAX))
  // Somebody else may be the owner. Only a heartbeat tells; before it has told, acquiring would fence the rightful owner (hole H12).
  // Two owners that each commit a little between two fencings have no failures in a row: what grows then is the pause by fencings.
  const apart = Math.min(BACKOFF_MAX_MS, heartbeatIntervalMs * 2 ** Math.min(Math.max(0, fencings - FENCINGS_MAX), DOUBLINGS_MAX))
  if (fault.action === 'release-task') return Math.max(backoff, heartbeatIntervalMs, apart)
  return failures === 0 ? 0 : backoff
}

const userCodeStops = (failed: RecordFailed, task: string): Fault =>
  new Fault(
    'MR6002',
    'stop-task',
    `user code failed on the record ${failed.id}: ${failed.message}. Nothing of it was committed; mend the code and start again, or set onRefused to 'dead-letter' to set such records aside`,
    { place: { task }, cause: failed },
  )
