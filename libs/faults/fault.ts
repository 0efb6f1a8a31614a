/**
 * Faults of the world, classed by what the caller must do next.
 *
 * A broken promise of our own code is an assertion (`assert`) and stops the process. Everything that the world can do to us
 * (a bad configuration, a broker that is away, a record that cannot be read) is a `Fault` with a stable code `MR####`,
 * a message that says what happened, to what, and what to do, and an action for the code that catches it.
 */

/**
 * What the catcher must do:
 * - `retry`: nothing was done; the same call may be made again after a pause.
 * - `refuse-record`: the record named by the fault goes to the dead letters; the rest goes on.
 * - `release-task`: this worker is no longer the owner; close the task, acquire it again only if the group still assigns it.
 * - `acquire-again`: the outcome is unknown or the transaction failed; throw producer and overlays away, run the acquire barrier again.
 * - `stop-task`: a person must decide; the task stays stopped with this message, others go on.
 * - `stop`: the process cannot work at all (configuration, rights); end with this message.
 */
export type FaultAction = 'retry' | 'refuse-record' | 'release-task' | 'acquire-again' | 'stop-task' | 'stop'

/** Stable error code, explained by `millrace explain <code>` (libs/faults/catalogue.ts). */
export type FaultCode = `MR${number}`

/** Where it happened; every field that is known is given. */
export interface FaultPlace {
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly offset?: number | undefined
  readonly task?: string | undefined
  readonly step?: string | undefined
  /** `file:line` of the user's code, or a configuration key. */
  readonly at?: string | undefined
}

export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly action: FaultAction
  readonly place: FaultPlace

  constructor(
    code: FaultCode,
    action: FaultAction,
    message: string,
    options: { readonly place?: FaultPlace; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.action = action
    this.place = options.place ?? {}
  }
}

/** An internal promise: when it is broken the process must end rather than go on with wrong state. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

/** Asserts a promise of our own code. */
export function assert(claim: boolean, promise: string): asserts claim {
  if (!claim) throw new BrokenPromise(`internal promise broken: ${promise}`)
}

/** What one code means; the catalogue holds one entry for each code in use. */
export interface FaultEntry {
  readonly code: FaultCode
  /** One line, as in a list. */
  readonly title: string
  /** What happened and what Millrace did about it. */
  readonly story: string
  /** What the reader should do. */
  readonly cure: string
  /** A message as it appears in a log, or a short configuration or code that triggers it. */
  readonly example: string
}
