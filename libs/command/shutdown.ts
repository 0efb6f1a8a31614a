/**
 * How a running worker ends by signals: the first one stops it in order within a bound, a second one ends the process at once.
 *
 * The launcher passes signals on, and a terminal sends Ctrl-C to the whole process group, so one key press may arrive twice:
 * a signal within `SAME_PRESS_MS` of the first is the same one.
 */
import type { Clock } from '../runtime/ports/clock.ts'
import type { Signal } from './world.ts'

const SAME_PRESS_MS = 300

export type ShutdownEnd = { readonly kind: 'stopped' } | { readonly kind: 'late'; readonly signal: Signal }

export interface ShutdownOptions {
  readonly clock: Clock
  readonly shutdownMs: number
  readonly stop: () => Promise<void>
  readonly onFirst: (signal: Signal) => void
  /** A second signal: end the process now. */
  readonly onSecond: (signal: Signal) => void
}

export class Shutdown {
  /** Resolves when a signal came and the worker has stopped, or did not in time. Rejects when stopping failed. */
  readonly done: Promise<ShutdownEnd>
  readonly #options: ShutdownOptions
  #first: { readonly signal: Signal; readonly at: number } | undefined
  #settle: (end: Promise<ShutdownEnd>) => void = () => undefined

  constructor(options: ShutdownOptions) {
    this.#options = options
    this.done = new Promise((resolve) => (this.#settle = resolve))
  }

  get begun(): boolean {
    return this.#first !== undefined
  }

  signal(signal: Signal): void {
    const now = this.#options.clock.monotonic()
    if (this.#first === undefined) {
      this.#first = { signal, at: now }
      this.#options.onFirst(signal)
      this.#settle(this.#stop(signal))
    } else if (now - this.#first.at > SAME_PRESS_MS) this.#options.onSecond(signal)
  }

  async #stop(signal: Signal): Promise<ShutdownEnd> {
    const cancel = new AbortController()
    const late = this.#options.clock.sleep(this.#options.shutdownMs, cancel.signal).then((): ShutdownEnd => ({ kind: 'late', signal }))
    try {
      return await Promise.race([this.#options.stop().then((): ShutdownEnd => ({ kind: 'stopped' })), late])
    } finally {
      cancel.abort()
    }
  }
}
