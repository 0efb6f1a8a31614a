/**
 * Steps whose results are a table: one row for each key, in a value cell. Readers get one change for each changed key and commit,
 * in the order in which the keys were first touched.
 *
 * A change carries the largest timestamp and stamp of the records that made it. `before` is copied at the first touch, since user
 * code may change a row in place; only where a step down the line asks for it.
 */
import type { KeyBytes, ValueCell } from '../cells.ts'
import type { Add } from '../graph.ts'
import type { StepCounters } from '../plan.ts'
import { copyOf } from '../structured-codec.ts'
import type { Current } from './current.ts'
import type { ChangeReceiver, FlushingStep, Prefetcher, Receiver } from './operator.ts'
import { NOWHERE } from './operator.ts'

export interface TableParts {
  readonly rows: ValueCell<unknown>
  readonly next: ChangeReceiver
  readonly wantsBefore: boolean
  readonly current: Current
  readonly counters: StepCounters
}

class Pending {
  readonly key: unknown
  readonly before: unknown
  timestamp: number
  stamp: number
  constructor(key: unknown, before: unknown, timestamp: number, stamp: number) {
    this.key = key
    this.before = before
    this.timestamp = timestamp
    this.stamp = stamp
  }
}

abstract class TableOperator implements FlushingStep, Prefetcher {
  protected readonly rows: ValueCell<unknown>
  protected readonly counters: StepCounters
  readonly #next: ChangeReceiver
  readonly #wantsBefore: boolean
  readonly #current: Current
  readonly #silent: boolean
  #pending = new Map<KeyBytes, Pending>()

  constructor({ rows, next, wantsBefore, current, counters }: TableParts) {
    this.rows = rows
    this.#next = next
    this.#wantsBefore = wantsBefore
    this.#current = current
    this.counters = counters
    this.#silent = next === NOWHERE
  }

  /** The row that the record changes; to be called before it is changed. */
  protected touch(current: Current): unknown {
    this.counters.records += 1
    current.reached = true
    const { keyBytes } = current
    const row = this.rows.get(keyBytes)
    if (this.#silent) return row
    const pending = this.#pending.get(keyBytes)
    if (pending === undefined) {
      const before = this.#wantsBefore ? copyOf(row) : undefined
      this.#pending.set(keyBytes, new Pending(current.key, before, current.timestamp, current.stamp))
    } else {
      if (current.timestamp > pending.timestamp) pending.timestamp = current.timestamp
      if (current.stamp > pending.stamp) pending.stamp = current.stamp
    }
    return row
  }

  flush(): void {
    if (this.#pending.size === 0) return
    const changed = this.#pending
    this.#pending = new Map()
    for (const [keyBytes, { key, before, timestamp, stamp }] of changed) {
      this.#current.fire(key, keyBytes, timestamp, stamp)
      this.counters.results += 1
      this.#next.change(before, this.rows.get(keyBytes), this.#current)
    }
  }

  prefetch(key: KeyBytes): void {
    this.rows.prefetch(key)
  }
}

/** aggregate, count and reduce. Without `initial` the first value is the total. */
export class AggregateOperator extends TableOperator implements Receiver {
  readonly #initial: (() => unknown) | undefined
  readonly #add: Add
  constructor(parts: TableParts, initial: (() => unknown) | undefined, add: Add) {
    super(parts)
    this.#initial = initial
    this.#add = add
  }
  push(value: unknown, current: Current): void {
    const row = this.touch(current)
    const initial = this.#initial
    if (row === undefined && initial === undefined) {
      this.rows.set(current.keyBytes, value)
      return
    }
    this.rows.set(current.keyBytes, this.#add(row === undefined ? initial?.() : row, value, current))
  }
}

/** The last value of each key; null deletes the row. */
export class LatestOperator extends TableOperator implements Receiver {
  push(value: unknown, current: Current): void {
    this.touch(current)
    if (value === null) this.rows.delete(current.keyBytes)
    else this.rows.set(current.keyBytes, value)
  }
}

/** Aggregation over rows of another table: what a row was is subtracted, what it is is added. */
export class GroupAggregateOperator extends TableOperator implements Receiver {
  readonly #initial: () => unknown
  readonly #add: (total: unknown, value: unknown) => unknown
  readonly #subtract: (total: unknown, value: unknown) => unknown
  constructor(
    parts: TableParts,
    initial: () => unknown,
    add: (total: unknown, value: unknown) => unknown,
    subtract: (total: unknown, value: unknown) => unknown,
  ) {
    super(parts)
    this.#initial = initial
    this.#add = add
    this.#subtract = subtract
  }
  push(value: unknown, current: Current): void {
    // Written by GroupByOperator.
    const [before, after] = value as readonly [unknown, unknown]
    let total = this.touch(current)
    if (total === undefined) total = this.#initial()
    if (before !== null) total = this.#subtract(total, before)
    if (after !== null) total = this.#add(total, after)
    this.rows.set(current.keyBytes, total)
  }
}
