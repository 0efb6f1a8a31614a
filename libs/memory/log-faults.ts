/**
 * Where tests and the simulator put their hands in: every request to the in-memory broker passes `before` and `after`.
 *
 * `before` runs when the request reaches the broker and nothing is done yet, `after` when it is done and not yet answered.
 * Either may return a promise (a delay), and may throw (`before`: refused, nothing was done; `after`: done, the answer lost).
 */
import type { LogAdmin } from '../runtime/ports/log.ts'

/** `marker` is the coordinator's own writing of a transaction's outcome to one partition or to the positions of one group; it cannot fail, only be late. */
export type LogOperation = 'openProducer' | 'send' | 'sendPositions' | 'commit' | 'marker' | 'fetch' | 'join' | 'append' | keyof LogAdmin

export interface LogCall {
  readonly operation: LogOperation
  /** Name of the connection that asks; '' for the broker itself. */
  readonly connection: string
  readonly transactionalId?: string
  readonly groupId?: string
  readonly memberId?: string
  readonly topic?: string
  readonly partition?: number
}

/** The caller gives up now with `fault`; the request stays on the wire and takes effect after `arrives` (a zombie's late request). */
export interface LateArrival {
  readonly fault: Error
  readonly arrives: Promise<void>
}

/** The request takes effect now and is answered; a copy of it that was still on the wire takes effect after `again`, and nobody hears its answer. */
export interface Repeated {
  readonly again: Promise<void>
}

export type Disturbance = LateArrival | Repeated

export interface LogFaults {
  before?: ((call: LogCall) => undefined | Disturbance | Promise<undefined | Disturbance>) | undefined
  after?: ((call: LogCall) => undefined | Promise<undefined>) | undefined
}
