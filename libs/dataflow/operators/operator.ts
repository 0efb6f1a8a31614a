/**
 * The contract of operators: one small object for each step of the graph, which calls the next. No await, no clock, no Kafka.
 *
 *     record  →  entry.push(value, current)  →  ...  →  sink / repartition / state
 *
 * Invariants: (1) `current` is one object for the whole task, filled again for each record; whoever changes its key puts it back.
 * (2) A step that keeps, counts or writes a record sets `current.reached`. (3) Nothing fires while a record is on its way.
 */
import type { KeyBytes } from '../cells.ts'
import type { StepCounters } from '../plan.ts'
import type { Current } from './current.ts'

/** Takes the records of a stream. */
export interface Receiver {
  push(value: unknown, current: Current): void
}

/** Takes the changed rows of a table; undefined: no row. `before` is only known where a step down the line asks for it. */
export interface ChangeReceiver {
  change(before: unknown, after: unknown, current: Current): void
}

/** What event-time timers tell the program when they are set. */
export interface Alarm {
  /** One is due already: the program fires it when the record in hand is done. */
  rings: boolean
  /** How often one was set. */
  sets: number
}

/**
 * Sees event time. A step's own watermark is the task's minus its hold, and follows it only when the steps before it have fired:
 * what they fire is never late here.
 */
export interface TimedStep {
  /** The watermark of the task at which it has something to do; a lower bound. Infinity: never. */
  dueAt(): number
  /** The task's watermark is at least this: does what is due. False: there was nothing. */
  advance(taskWatermark: number): boolean
}

/** Does something when the wall clock comes. */
export interface TickingStep {
  tickAt(): number
  tick(now: number): void
}

/** Has results to give before each commit. */
export interface FlushingStep {
  flush(): void
}

/** Knows which state a record will touch. */
export interface Prefetcher {
  prefetch(key: KeyBytes, timestamp: number): void
}

export class StepCount implements StepCounters {
  readonly step: string
  records = 0
  results = 0
  late = 0
  constructor(step: string) {
    this.step = step
  }
}

export const NOWHERE: Receiver & ChangeReceiver = { push: () => undefined, change: () => undefined }

class FanOut implements Receiver {
  readonly #all: readonly Receiver[]
  constructor(all: readonly Receiver[]) {
    this.#all = all
  }
  push(value: unknown, current: Current): void {
    for (const one of this.#all) one.push(value, current)
  }
}

class ChangeFanOut implements ChangeReceiver {
  readonly #all: readonly ChangeReceiver[]
  constructor(all: readonly ChangeReceiver[]) {
    this.#all = all
  }
  change(before: unknown, after: unknown, current: Current): void {
    for (const one of this.#all) one.change(before, after, current)
  }
}

export const receiverOf = (all: readonly Receiver[]): Receiver =>
  all.length === 1 ? (all[0] ?? NOWHERE) : all.length === 0 ? NOWHERE : new FanOut(all)
export const changeReceiverOf = (all: readonly ChangeReceiver[]): ChangeReceiver =>
  all.length === 1 ? (all[0] ?? NOWHERE) : all.length === 0 ? NOWHERE : new ChangeFanOut(all)
