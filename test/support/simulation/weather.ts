/**
 * What goes wrong by itself, at each request and each use of a store: answers are lost, requests are late or arrive twice, the broker is away,
 * disks are slow and fail. How bad it is belongs to the seed. A `send` never arrives twice: sequence numbers keep brokers from taking it again.
 */
import { Fault } from '../../../libs/faults/fault.ts'
import type { Disturbance, LogCall } from '../../../libs/memory/log-faults.ts'
import type { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { outcomeUnknown } from '../../../libs/memory/memory-faults.ts'
import type { Dice } from './dice.ts'
import type { Happenings } from './happenings.ts'

const losable = new Set<LogCall['operation']>(['send', 'sendPositions', 'commit', 'openProducer', 'committed', 'ranges'])
const delayable = new Set<LogCall['operation']>(['send', 'sendPositions', 'commit', 'openProducer', 'fetch', 'join', 'committed', 'marker'])
const latecomers = new Set<LogCall['operation']>(['send', 'sendPositions', 'commit'])
const repeatable = new Set<LogCall['operation']>(['openProducer', 'sendPositions', 'commit'])

/** Probabilities for one request or one use of a store. */
export interface Climate {
  readonly lost: number
  readonly late: number
  readonly twice: number
  readonly delayed: number
  readonly delayMsMax: number
  readonly storeFails: number
  readonly storeSlow: number
  readonly storeDelayMsMax: number
}

export const climateOf = (dice: Dice): Climate => ({
  lost: dice.oneOf([0, 0.005, 0.01, 0.04]),
  late: dice.oneOf([0, 0.005, 0.01, 0.03]),
  twice: dice.oneOf([0, 0.01, 0.05]),
  delayed: dice.oneOf([0, 0.1, 0.3]),
  delayMsMax: dice.oneOf([60, 60, 400, 3_000]),
  storeFails: dice.oneOf([0, 0.01, 0.03]),
  storeSlow: dice.oneOf([0, 0.2, 0.6]),
  storeDelayMsMax: dice.oneOf([20, 200, 2_000]),
})

export class Weather {
  readonly #dice: Dice
  readonly #clock: ManualClock
  readonly #climate: Climate
  readonly #happenings: Happenings
  /** Name of the simulation's own connection: its requests are always answered. */
  readonly #own: string
  readonly #late: (() => void)[] = []
  #awayUntil = 0
  calm = false

  constructor(dice: Dice, clock: ManualClock, own: string, happenings: Happenings) {
    this.#dice = dice
    this.#clock = clock
    this.#own = own
    this.#happenings = happenings
    this.#climate = climateOf(dice)
  }

  /** The broker answers nobody for that time. */
  goAway(milliseconds: number): void {
    this.#happenings.note('broker away', `${milliseconds} ms`)
    this.#awayUntil = this.#clock.monotonic() + milliseconds
  }

  /** The oldest request that is still on the wire arrives. */
  arrive(): void {
    const next = this.#late.shift()
    if (next === undefined) return
    this.#happenings.note('late arrival')
    next()
  }

  /** Everything that is on the wire arrives, and nothing goes wrong any more. */
  clear(): void {
    this.calm = true
    this.#awayUntil = 0
    while (this.#late.length > 0) this.arrive()
  }

  storeFault(): 'before' | 'after' | undefined {
    if (this.calm || !this.#dice.chance(this.#climate.storeFails)) return undefined
    this.#happenings.note('store fault')
    return this.#dice.chance(0.5) ? 'before' : 'after'
  }

  storeDelayMs(): number {
    if (this.calm || !this.#dice.chance(this.#climate.storeSlow)) return 0
    this.#happenings.count('slow store', 1)
    return this.#dice.below(this.#climate.storeDelayMsMax)
  }

  before(call: LogCall): undefined | Disturbance | Promise<undefined> {
    if (this.#isOurs(call)) return undefined
    const { operation } = call
    if (operation !== 'marker' && this.#clock.monotonic() < this.#awayUntil) throw new Fault('MR3008', 'retry', 'the broker is away')
    const { late, lost, twice, delayed, delayMsMax } = this.#climate
    if (latecomers.has(operation) && this.#dice.chance(late)) {
      this.#happenings.note('late request', operation)
      return { fault: outcomeUnknown(operation), arrives: this.#whenItArrives() }
    }
    if (losable.has(operation) && this.#dice.chance(lost)) throw this.#lost('lost request', operation)
    if (repeatable.has(operation) && this.#dice.chance(twice)) {
      this.#happenings.note('request twice', operation)
      // The copy of a request inside a transaction is on the same connection, right behind it.
      return { again: operation === 'openProducer' ? this.#whenItArrives() : Promise.resolve() }
    }
    if (!delayable.has(operation) || !this.#dice.chance(delayed)) return undefined
    this.#happenings.count('delayed request', 1)
    return this.#clock.sleep(this.#dice.below(delayMsMax)).then(() => undefined)
  }

  after(call: LogCall): undefined {
    if (this.#isOurs(call) || !losable.has(call.operation)) return undefined
    if (this.#dice.chance(this.#climate.lost)) throw this.#lost('lost answer', call.operation)
    return undefined
  }

  #isOurs(call: LogCall): boolean {
    return this.calm || call.connection === this.#own || call.operation === 'createTopics'
  }

  #whenItArrives(): Promise<void> {
    return new Promise<void>((resolve) => this.#late.push(resolve))
  }

  #lost(kind: string, operation: string): Fault {
    this.#happenings.note(kind, operation)
    return outcomeUnknown(operation)
  }
}
