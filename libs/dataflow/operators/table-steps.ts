/** Steps on tables that keep nothing: they see a row before and after. */
import type { Current } from './current.ts'
import type { ChangeReceiver, Receiver } from './operator.ts'
import { promised } from './stateless.ts'

type RowFunction = (value: unknown, key: unknown) => unknown

export class TableMapOperator implements ChangeReceiver {
  readonly #fn: RowFunction
  readonly #next: ChangeReceiver
  readonly #at: string
  constructor(fn: RowFunction, next: ChangeReceiver, at: string) {
    this.#fn = fn
    this.#next = next
    this.#at = at
  }
  change(before: unknown, after: unknown, current: Current): void {
    this.#next.change(this.#map(before, current.key), this.#map(after, current.key), current)
  }
  #map(row: unknown, key: unknown): unknown {
    if (row === undefined) return undefined
    const mapped = this.#fn(row, key)
    if (mapped instanceof Promise) throw promised(`map() at ${this.#at}`, mapped)
    return mapped
  }
}

export class TableFilterOperator implements ChangeReceiver {
  readonly #keep: RowFunction
  readonly #next: ChangeReceiver
  constructor(keep: RowFunction, next: ChangeReceiver) {
    this.#keep = keep
    this.#next = next
  }
  change(before: unknown, after: unknown, current: Current): void {
    const was = this.#kept(before, current.key)
    const is = this.#kept(after, current.key)
    if (was !== undefined || is !== undefined) this.#next.change(was, is, current)
  }
  #kept(row: unknown, key: unknown): unknown {
    return row !== undefined && Boolean(this.#keep(row, key)) ? row : undefined
  }
}

/** A table's changes as a stream. */
export class ChangesOperator implements ChangeReceiver {
  readonly #next: Receiver
  constructor(next: Receiver) {
    this.#next = next
  }
  change(before: unknown, after: unknown, current: Current): void {
    this.#next.push({ before, after }, current)
  }
}
