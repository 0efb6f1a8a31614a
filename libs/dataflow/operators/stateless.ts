/** map, filter, flatMap and branch: they keep nothing. */
import { Fault } from '../../faults/fault.ts'
import type { Predicate, ValueFunction } from '../graph.ts'
import type { Current } from './current.ts'
import type { Receiver } from './operator.ts'

export class MapOperator implements Receiver {
  readonly #fn: ValueFunction
  readonly #next: Receiver
  readonly #at: string
  constructor(fn: ValueFunction, next: Receiver, at: string) {
    this.#fn = fn
    this.#next = next
    this.#at = at
  }
  push(value: unknown, current: Current): void {
    const result = this.#fn(value, current)
    if (result instanceof Promise) throw promised(`map() at ${this.#at}`, result)
    this.#next.push(result, current)
  }
}

export class FilterOperator implements Receiver {
  readonly #keep: ValueFunction
  readonly #next: Receiver
  readonly #at: string
  constructor(keep: ValueFunction, next: Receiver, at: string) {
    this.#keep = keep
    this.#next = next
    this.#at = at
  }
  push(value: unknown, current: Current): void {
    const keep = this.#keep(value, current)
    // A promise would keep every record.
    if (typeof keep === 'object' && keep instanceof Promise) throw promised(`filter() at ${this.#at}`, keep)
    if (keep) this.#next.push(value, current)
  }
}

export class FlatMapOperator implements Receiver {
  readonly #fn: ValueFunction
  readonly #next: Receiver
  constructor(fn: ValueFunction, next: Receiver) {
    this.#fn = fn
    this.#next = next
  }
  push(value: unknown, current: Current): void {
    // The interface asks for an iterable; anything else fails here with JavaScript's own message.
    for (const result of this.#fn(value, current) as Iterable<unknown>) this.#next.push(result, current)
  }
}

export interface Arm {
  /** Undefined: otherwise. */
  readonly accepts: Predicate | undefined
  readonly next: Receiver
}

export class BranchOperator implements Receiver {
  readonly #arms: readonly { readonly accepts: Predicate; readonly next: Receiver }[]
  readonly #rest: Receiver | undefined
  constructor(arms: readonly Arm[]) {
    this.#arms = arms.flatMap(({ accepts, next }) => (accepts === undefined ? [] : [{ accepts, next }]))
    this.#rest = arms.find((arm) => arm.accepts === undefined)?.next
  }
  push(value: unknown, current: Current): void {
    for (const { accepts, next } of this.#arms) {
      if (accepts(value, current)) {
        next.push(value, current)
        return
      }
    }
    this.#rest?.push(value, current)
  }
}

export class PassOperator implements Receiver {
  readonly #next: Receiver
  constructor(next: Receiver) {
    this.#next = next
  }
  push(value: unknown, current: Current): void {
    this.#next.push(value, current)
  }
}

/** What a step must not give. The promise's own failure must not end the process as an unhandled one: the fault says enough. */
export function promised(where: string, promise: Promise<unknown>): Fault {
  void Promise.allSettled([promise])
  return new Fault(
    'MR6004',
    'stop-task',
    `${where} gave a promise: steps are synchronous, so that a record and its state change together. Do the waiting outside of the topology`,
  )
}
