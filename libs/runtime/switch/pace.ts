/**
 * How fast a shadow may go: a token bucket, and the rule by which it yields to the live version. Pure: takes the time as argument.
 *
 * Yielding: while the lag of the live version grows the rate is halved, else it rises by a tenth, so that a shadow takes what is left over.
 */
const RATE_MIN = 50
const RATE_FREE = 10_000_000
const BURST_MS = 250
/** A lag below this is no lag: records that are just on their way. */
const LAG_FLOOR = 1_000

export class Pace {
  #limit: number
  #yielded = RATE_FREE
  #tokens = 0
  #filledAt: number | undefined
  #liveLag: number | undefined

  /** `rate`: records per second; undefined: no bound. */
  constructor(rate?: number) {
    this.#limit = rate ?? RATE_FREE
  }

  setRate(rate: number | undefined): void {
    this.#limit = rate ?? RATE_FREE
  }

  /** Records per second, now. */
  get rate(): number {
    return Math.min(this.#limit, this.#yielded)
  }
  get bounded(): boolean {
    return this.rate < RATE_FREE
  }

  /** The lag of the live version was looked at. `speed`: records per second that the shadow made since. */
  observe(liveLag: number, speed: number): void {
    const before = this.#liveLag ?? liveLag
    this.#liveLag = liveLag
    const grows = liveLag > LAG_FLOOR && liveLag > before
    if (grows) this.#yielded = Math.max(RATE_MIN, Math.min(this.#yielded, Math.max(speed, RATE_MIN)) / 2)
    else if (this.#yielded < RATE_FREE) this.#yielded = Math.min(RATE_FREE, this.#yielded * (liveLag > LAG_FLOOR ? 1.1 : 1.5))
  }

  /** No longer yields. */
  free(): void {
    this.#yielded = RATE_FREE
    this.#liveLag = undefined
  }

  /** Records that may be taken at this time, monotonic ms. */
  allowance(now: number): number {
    if (!this.bounded) return Infinity
    const { rate } = this
    const elapsed = this.#filledAt === undefined ? BURST_MS : now - this.#filledAt
    this.#filledAt = now
    this.#tokens = Math.min((rate * BURST_MS) / 1_000, this.#tokens + (rate * elapsed) / 1_000)
    return Math.floor(this.#tokens)
  }

  took(records: number): void {
    if (this.bounded) this.#tokens -= records
  }

  /** Milliseconds until the next record may be taken; 0: now. */
  waitMs(): number {
    if (!this.bounded || this.#tokens >= 1) return 0
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / this.rate))
  }
}
