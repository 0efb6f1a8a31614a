/** What a `process` step declares and what its handlers get. Types, and the three makers of state cells. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from './duration.ts'
import type { carries } from './marks.ts'
import type { Key, Meta } from './records.ts'
import type { Schema, WriteOf } from './schema.ts'
import type { StateOptions } from './state-version.ts'

/** One value for each key. */
export interface ValueState<T> {
  get(): T | undefined
  set(value: T): void
  clear(): void
}
/** Named values for each key; `entries` in the order of the names' bytes (text by UTF-8, numbers by size). */
export interface MapState<N, T> {
  get(name: N): T | undefined
  has(name: N): boolean
  set(name: N, value: T): void
  delete(name: N): void
  entries(): Iterable<readonly [N, T]>
  clear(): void
}
/** A list for each key, in the order of `push`. */
export interface ListState<T> {
  push(value: T): void
  values(): Iterable<T>
  clear(): void
}
export interface StateCell<out S> {
  readonly cell: 'value' | 'map' | 'list'
  readonly options: StateOptions<unknown>
  readonly [carries]: S
}
export interface StateSpec {
  readonly [name: string]: StateCell<unknown>
}

// The mark `carries` is type-level only: no such field exists when the program runs.
export const valueState = <T>(options: StateOptions<T> = {}): StateCell<ValueState<T>> =>
  ({ cell: 'value', options }) as StateCell<ValueState<T>>
/** Options are those of the values; the names of a map have no versions. */
export const mapState = <N extends Key, T>(options: StateOptions<T> = {}): StateCell<MapState<N, T>> =>
  ({ cell: 'map', options }) as StateCell<MapState<N, T>>
/** Options are those of the items. */
export const listState = <T>(options: StateOptions<T> = {}): StateCell<ListState<T>> =>
  ({ cell: 'list', options }) as StateCell<ListState<T>>

/** `event-time` fires when the watermark reaches the time, `processing-time` when the wall clock does (not repeatable in a replay). */
export type TimerKind = 'event-time' | 'processing-time'
export interface TimerSpec {
  readonly [name: string]: TimerKind
}
/** One timer for each key and name; setting it again replaces it. */
export interface Timer {
  /** Epoch ms. */
  at(timestamp: number): void
  /** From the timestamp of the record or timer in hand (event time), or from the wall clock (processing time). */
  after(delay: Duration): void
  cancel(): void
}
export interface OutputSpec {
  readonly [name: string]: Schema
}
/** Shown when emit() is used in a step that declares no output. */
export interface NothingDeclared {
  readonly 'declare what this step emits: emits: type<YourType>()': never
}

export interface ProcessContext<K, S extends StateSpec, T extends TimerSpec, Out, X extends OutputSpec> extends Meta<K> {
  readonly state: { readonly [N in keyof S]: S[N] extends StateCell<infer O> ? O : never }
  readonly timers: { readonly [N in keyof T]: Timer }
  /** Event time up to which this step's input is complete; -Infinity before the first. */
  readonly watermark: number
  /** The result has the key and timestamp of the record or timer in hand. */
  emit(value: Out): void
  readonly side: { readonly [N in keyof X]: (value: WriteOf<X[N]>) => void }
}

/** Not plain void: void would let an async function in. */
export type Nothing = void | undefined
/** `at`: the time that the timer was set to. */
export type OnTimer<Context> = (at: number, context: Context) => Nothing
/** Every declared timer has a handler. */
export type OnTimers<T, Context> = [keyof T] extends [never] ? {} : { readonly onTimer: { readonly [N in keyof T]: OnTimer<Context> } }

export interface Processor<in K, in V, S extends StateSpec, T extends TimerSpec, Out, X extends OutputSpec> {
  readonly state?: S
  readonly timers?: T
  /** What the step emits: a schema as witness of the type, or `type<T>()`. It is not checked here; formats check at the sink. */
  readonly emits?: StandardSchemaV1<Out, unknown>
  /** Further outputs, `step.side.<name>`. */
  readonly side?: X
  readonly onRecord: (value: V, context: ProcessContext<K, S, T, Out, X>) => Nothing
}
