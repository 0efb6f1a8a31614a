/**
 * When a worker gives a task up because its local store keeps failing (a full or broken disk): not at once, since most of that passes, and not
 * never, since another worker's disk may be well. Failures are counted in a stretch of time and not in a row: on a disk that is nearly full
 * small writes succeed between the others. Pure: time is given.
 */
import { Fault } from '../../faults/fault.ts'

/** So many failures in such a time. */
const FAILURES_MAX = 8
const WINDOW_MS = 300_000
/** Between tries of a task that was given up, and that nobody else has taken. */
export const GIVEN_UP_PAUSE_MS = 60_000

/** Opening, reading and writing a local store, and a damaged one. */
const LOCAL_CODES: ReadonlySet<string> = new Set(['MR4003', 'MR4004', 'MR4005', 'MR4006'])

export class LocalTrouble {
  readonly #task: string
  #failedAt: number[] = []
  #givenUp = false

  constructor(task: string) {
    this.#task = task
  }

  /** Fault MR4030 when the task is to be given up. */
  failed(fault: Fault, now: number): Fault | undefined {
    if (!LOCAL_CODES.has(fault.code)) return undefined
    this.#failedAt = [...this.#failedAt.filter((at) => now - at < WINDOW_MS), now]
    // Once given up, it must be well for the whole time.
    this.#givenUp = this.#failedAt.length >= FAILURES_MAX || (this.#givenUp && this.#failedAt.length > 1)
    if (!this.#givenUp) return undefined
    return new Fault(
      'MR4030',
      'retry',
      `the local store of ${this.#task} keeps failing (${FAILURES_MAX} times within ${WINDOW_MS / 60_000} minutes): ${fault.message}. Nothing is lost or counted twice. The worker asks the group to give its tasks to workers whose disks are well; what nobody takes is tried again here every ${GIVEN_UP_PAUSE_MS / 1000} s. Make room on the disk of the state directory, or mend it`,
      { place: { task: this.#task }, cause: fault },
    )
  }
}
