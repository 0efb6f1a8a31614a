/** Streams and tables as a user sees them. Types only; stream-builder.ts and table-builder.ts are what stands behind them. */
import type { Duration } from './duration.ts'
import type { Format } from './format.ts'
import type { carries, isA, sameKey } from './marks.ts'
import type { NothingDeclared, OnTimers, OutputSpec, ProcessContext, Processor, StateSpec, TimerSpec } from './processors.ts'
import type { Change, Key, Meta, SomeValue, Sync, Window, Windowed } from './records.ts'
import type { WriteOf } from './schema.ts'
import type { StateOptions } from './state-version.ts'
import type { OutputTopic } from './topic.ts'
import type { WindowKind } from './windows.ts'

export interface KeyByOptions<K> {
  /** Byte form of the key. Default: by shape (text as UTF-8, so that other producers agree). */
  readonly key?: Format<K> | undefined
  /** Partitions of the repartition topic. Default: as many as the largest input of the stage that writes it. */
  readonly partitions?: number | undefined
}

/** What keyed and unkeyed streams share. */
export interface AnyStream<out V> {
  readonly [carries]: V
  /** Moves every record to the partition of a new key, through a repartition topic named after the step. */
  keyBy<const K extends Key>(name: string, key: (value: V) => K, options?: KeyByOptions<K>): KeyedStream<K, V>
}

/** A stream whose records have no key: steps that own state come behind keyBy(). */
export interface Stream<out V> extends AnyStream<V> {
  map<R extends SomeValue<S>, S extends string = string>(fn: (value: V, meta: Meta<unknown>) => Sync<R>): Stream<R>
  filter<R extends V>(keep: (value: V, meta: Meta<unknown>) => value is R): Stream<R>
  filter(keep: (value: V, meta: Meta<unknown>) => boolean): Stream<V>
  flatMap<R extends SomeValue<S>, S extends string = string>(fn: (value: V, meta: Meta<unknown>) => Iterable<R>): Stream<R>
  branch<const B extends Branches<V, unknown>>(branches: B): { readonly [N in keyof B]: Stream<Narrowed<V, unknown, B[N]>> }
  apply<R>(name: string, operator: (input: Stream<V>) => R): R
  to(topic: OutputTopic<null, V>): void
}

export type Predicate<V, K> = ((value: V, meta: Meta<K>) => boolean) | Otherwise
/** The branch of all records that no other branch accepts. */
export interface Otherwise {
  readonly kind: 'otherwise'
}
export interface Branches<V, K> {
  readonly [name: string]: Predicate<V, K>
}
/** A type predicate narrows its branch. */
export type Narrowed<V, K, P> = P extends ((value: V, meta: Meta<K>) => value is infer R extends V) ? R : V
export type BranchesOf<K, V, B> = { readonly [N in keyof B]: KeyedStream<K, Narrowed<V, K, B[N]>> }

/** Any stream or table whose key is the same. Compared through a method, so that a literal and its general type agree. */
export interface StreamKeyedBy<K, out V> {
  readonly [isA]: 'stream'
  [sameKey](key: K): void
  readonly [carries]: V
}
export interface TableKeyedBy<K, out V> {
  readonly [isA]: 'table'
  [sameKey](key: K): void
  readonly [carries]: V
}

export interface Aggregation<K, V, A> extends StateOptions<A> {
  /** A function: one shared object, changed by `add`, would leak between keys. */
  readonly initial: () => A
  readonly add: (total: A, value: V, meta: Meta<K>) => A
}

export interface KeyedStream<K, out V> extends AnyStream<V>, StreamKeyedBy<K, V> {
  map<R extends SomeValue<S>, S extends string = string>(fn: (value: V, meta: Meta<K>) => Sync<R>): KeyedStream<K, R>
  filter<R extends V>(keep: (value: V, meta: Meta<K>) => value is R): KeyedStream<K, R>
  filter(keep: (value: V, meta: Meta<K>) => boolean): KeyedStream<K, V>
  flatMap<R extends SomeValue<S>, S extends string = string>(fn: (value: V, meta: Meta<K>) => Iterable<R>): KeyedStream<K, R>
  /** The first predicate that accepts wins; `otherwise` takes the rest. Without it the rest counts as filtered. */
  branch<const B extends Branches<V, K>>(branches: B): BranchesOf<K, V, B>
  window<W extends WindowKind, E extends Emission = 'final'>(name: string, windows: W, options?: WindowOptions<E>): WindowStep<K, V, E>
  aggregate<A>(name: string, spec: Aggregation<K, V, A>): Table<K, A>
  count(name: string): Table<K, number>
  reduce(name: string, add: (total: V, value: V) => V, options?: StateOptions<V>): Table<K, V>
  /** The last value of each key. */
  latest(name: string, options?: StateOptions<V>): Table<K, V>
  /** Keyed state, timers and side outputs, for everything that has no word of its own. */
  process<const S extends StateSpec = {}, const T extends TimerSpec = {}, Out = NothingDeclared, const X extends OutputSpec = {}>(
    name: string,
    spec: Processor<K, V, S, T, Out, X> & OnTimers<T, ProcessContext<K, S, T, Out, X>>,
  ): Processed<K, Out, X>
  /**
   * Calls the world (an HTTP request, a message to a person) for each record and passes the record on. The call is made after the
   * commit of the record, at most once for each input position, and only by the live version: a version in shadow counts and lists
   * its calls. A call that fails or takes longer than `timeout` is counted and not made again.
   */
  effect(name: string, spec: EffectOptions & { readonly run: (value: V, call: AsyncCall<K>) => Promise<unknown> }): KeyedStream<K, V>
  /** Runs an operator of your own and puts `name/` before every name inside. */
  apply<R>(name: string, operator: (input: KeyedStream<K, V>) => R): R
  to(topic: OutputTopic<K, V>): void
}

export interface EffectOptions {
  /** How long one call may take; then `call.signal` is aborted and the call counts as failed. */
  readonly timeout: Duration
  /** Calls of one task at a time. Default 16. */
  readonly concurrency?: number | undefined
  /** `per-key`, the default: calls for one key one after another, in the order of its records. */
  readonly order?: 'per-key' | 'none' | undefined
}
/** What the record's call is given; unlike Meta it may be kept. */
export interface AsyncCall<K> extends Meta<K> {
  readonly signal: AbortSignal
}

/** A step with further outputs: late records, declared side outputs. */
export type Step<S, Side> = S & { readonly side: Side }
export type SideStreams<K, X extends OutputSpec> = { readonly [N in keyof X]: KeyedStream<K, WriteOf<X[N]>> }
export type Processed<K, Out, X extends OutputSpec> = [keyof X] extends [never]
  ? KeyedStream<K, Out>
  : Step<KeyedStream<K, Out>, SideStreams<K, X>>

/** `final`: one result for each key and window, when the window closes. The others: a table of corrected results. */
export type Emission = 'final' | 'every-commit' | 'every-update'
export interface WindowOptions<out E extends Emission> {
  /** How long after the end of a window its records are still taken. Costs: results come so much later. Default 0. */
  readonly lateness?: Duration | undefined
  /** Default `final`. */
  readonly emit?: E | undefined
}
export interface WindowResult<K, A, R> {
  /** Default: `{ window, value: total }`. */
  readonly result?: (total: A, of: { readonly key: K; readonly window: Window }) => R
}
/** Records that came when the last of their windows had closed. */
export interface Late<K, V> {
  readonly late: KeyedStream<K, V>
}
export type WindowStep<K, V, E> = E extends 'final' ? FinalStep<K, V> : UpdatingStep<K, V>
export interface FinalStep<K, out V> {
  aggregate<A, R extends SomeValue<S> = Windowed<A>, S extends string = string>(
    spec: Aggregation<K, V, A> & WindowResult<K, A, R>,
  ): Step<KeyedStream<K, R>, Late<K, V>>
  count<R extends SomeValue<S> = Windowed<number>, S extends string = string>(
    result?: (total: number, of: { readonly key: K; readonly window: Window }) => R,
  ): Step<KeyedStream<K, R>, Late<K, V>>
  reduce(add: (total: V, value: V) => V, options?: StateOptions<V>): Step<KeyedStream<K, Windowed<V>>, Late<K, V>>
}
/** Results that are corrected later are a table, so that nobody adds the same window twice. */
export interface UpdatingStep<K, out V> {
  aggregate<A>(spec: Aggregation<K, V, A>): Step<Table<readonly [K, Window], A>, Late<K, V>>
  count(): Step<Table<readonly [K, Window], number>, Late<K, V>>
  reduce(add: (total: V, value: V) => V, options?: StateOptions<V>): Step<Table<readonly [K, Window], V>, Late<K, V>>
}

/** The last value of each key. Readers get one result for each changed key and commit. */
export interface Table<K, out V> extends TableKeyedBy<K, V> {
  map<R extends SomeValue<S>, S extends string = string>(fn: (value: V, key: K) => Sync<R>): Table<K, R>
  /** A row that is no longer kept is deleted downstream (a tombstone at a sink). */
  filter(keep: (value: V, key: K) => boolean): Table<K, V>
  groupBy<K2 extends Key>(name: string, key: (value: V, key: K) => K2, options?: KeyByOptions<K2>): GroupedTable<K2, V>
  /** Each changed row, as of the commit before and as of this one. */
  changes(): KeyedStream<K, Change<V>>
  to(topic: OutputTopic<K, V>): void
}
/** Rows of a table by another key; a row that changes or moves is subtracted where it was. */
export interface GroupedTable<K, out V> {
  aggregate<A>(
    name: string,
    spec: StateOptions<A> & {
      readonly initial: () => A
      readonly add: (total: A, value: V) => A
      readonly subtract: (total: A, value: V) => A
    },
  ): Table<K, A>
  count(name: string): Table<K, number>
}
