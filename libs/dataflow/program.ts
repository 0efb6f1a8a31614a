/**
 * A sub-topology on one partition: records go in at the entries, time moves step by step. The heart of the hot path.
 *
 * Event time advances from one due time to the next, and at each all steps act in the order of the flow: what fires does not depend
 * on how far the watermark jumps at once (P4).
 */
import type { Current } from './operators/current.ts'
import type { Alarm, FlushingStep, Prefetcher, Receiver, TickingStep, TimedStep } from './operators/operator.ts'
import { END_OF_TIME } from './plan.ts'
import type { InputRecord, Outcome, RawRecord, StepCounters, TaskProgram } from './plan.ts'
import type { SourceReader } from './source.ts'

export interface ProgramParts {
  readonly readers: readonly SourceReader[]
  /** One for each input. */
  readonly entries: readonly Receiver[]
  readonly prefetchers: readonly (readonly Prefetcher[])[]
  // Each in the order of the flow.
  readonly timed: readonly TimedStep[]
  readonly ticking: readonly TickingStep[]
  readonly flushing: readonly FlushingStep[]
  readonly counters: readonly StepCounters[]
  readonly alarm: Alarm
  readonly current: Current
}

/** At the end of a batch timers that set themselves again would fire for ever: so far behind the last record, so many times, is enough. */
const FAR_MS = 400 * 86_400_000
const FAR_ROUNDS_MAX = 10_000

const endless = (time: number): Error =>
  new Error(
    `at the end of the batch timers still fire at ${new Date(time).toISOString()}, since one sets itself again each time: bound it by the watermark, or end the batch with --no-close`,
  )

export class Program implements TaskProgram {
  readonly #parts: ProgramParts
  readonly #readers: readonly SourceReader[]
  readonly #entries: readonly Receiver[]
  readonly #timed: readonly TimedStep[]
  readonly #alarm: Alarm
  readonly #current: Current
  #watermark = -Infinity
  readonly counters: readonly StepCounters[]

  constructor(parts: ProgramParts) {
    this.#parts = parts
    this.#readers = parts.readers
    this.#entries = parts.entries
    this.#timed = parts.timed
    this.#alarm = parts.alarm
    this.#current = parts.current
    this.counters = parts.counters
  }

  read(input: number, partition: number, record: RawRecord, headers = record.headers): InputRecord {
    return at(this.#readers, input).read(input, partition, record, headers)
  }

  prepare(input: number, record: RawRecord): Promise<void> | undefined {
    return at(this.#readers, input).prepare(record)
  }

  prefetch(record: InputRecord): void {
    for (const one of at(this.#parts.prefetchers, record.input)) one.prefetch(record.keyBytes, record.timestamp)
  }

  process(record: InputRecord, stamp: number): Outcome {
    const current = this.#current
    current.take(record, stamp)
    at(this.#entries, record.input).push(record.value, current)
    // What fires below takes `current` in hand.
    const outcome = current.reached ? 'processed' : current.late ? 'late' : 'filtered'
    this.#answerAlarm()
    return outcome
  }

  advance(watermark: number): void {
    const steps = this.#timed
    const begun = this.#watermark
    let farRounds = 0
    let next = this.#dueAt()
    while (next < watermark) {
      const time = Math.max(next, this.#watermark)
      const { sets } = this.#alarm
      let fired = false
      for (const step of steps) if (step.advance(time)) fired = true
      if (watermark === END_OF_TIME && this.#alarm.sets > sets && next > begun + FAR_MS && ++farRounds > FAR_ROUNDS_MAX) throw endless(next)
      const after = this.#dueAt()
      // A lower bound that turned out to be empty and did not rise: the rest is done in one step.
      if (!fired && after <= next) break
      next = after
    }
    if (watermark > this.#watermark) this.#watermark = watermark
    // Once more while something fires: a handler may set a timer that is due already.
    do {
      this.#alarm.rings = false
      for (const step of steps) step.advance(watermark)
    } while (this.#alarm.rings)
  }

  tick(now: number): void {
    for (const step of this.#parts.ticking) step.tick(now)
    this.#answerAlarm()
  }

  nextTick(): number {
    let next = Infinity
    for (const step of this.#parts.ticking) next = Math.min(next, step.tickAt())
    return next
  }

  flush(): void {
    for (const step of this.#parts.flushing) step.flush()
    if (!this.#alarm.rings) return
    this.#answerAlarm()
    // Timers may have changed tables.
    this.flush()
  }

  #dueAt(): number {
    let due = Infinity
    for (const step of this.#timed) {
      const own = step.dueAt()
      if (own < due) due = own
    }
    return due
  }

  /** A timer was set to a time that has come already: it fires now, so that it does not depend on when time moves again. */
  #answerAlarm(): void {
    if (this.#alarm.rings) this.advance(this.#watermark)
  }
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index]
  if (one === undefined) throw new RangeError(`there is no input ${index}`)
  return one
}
