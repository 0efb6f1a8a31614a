/** What user functions see of a record besides its value. Types only. */

/** Keys have one byte form on every machine: text, numbers, booleans and tuples of them. Objects would depend on property order. */
export type Key = string | number | bigint | boolean | readonly Key[]

/**
 * The record in hand. It is one object that the engine fills again for the next record: take what you need, do not keep it.
 */
export interface Meta<out K> {
  readonly key: K
  /** Event time, epoch ms. */
  readonly timestamp: number
  /** The user's headers by name; of headers with one name the last. Empty for results fired by time. */
  readonly headers: ReadonlyMap<string, Uint8Array>
  /** Where the record was read; a result fired by time has no place: its topic is '' and its offset -1. */
  readonly position: { readonly topic: string; readonly partition: number; readonly offset: bigint }
}

/** [start, end), epoch ms. */
export interface Window {
  readonly start: number
  readonly end: number
}
export interface Windowed<out V> {
  readonly window: Window
  readonly value: V
}
/** A table's row before and after a commit; undefined where there is none. */
export interface Change<out V> {
  readonly before: V | undefined
  readonly after: V | undefined
}

/**
 * Any value but null and undefined (drop a record with filter or flatMap). Written so that `kind: 'request'` keeps its literal type
 * while numbers and arrays stay general.
 */
export type SomeValue<S extends string> = S | {} | { readonly [name: string]: SomeValue<S> }

/** A function given to a synchronous step must not be async. */
export interface StepsAreSynchronous {
  readonly 'steps are synchronous: a promise cannot be a value of a stream': never
}
export type Sync<R> = R extends PromiseLike<unknown> ? StepsAreSynchronous : R
