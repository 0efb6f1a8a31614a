/** What the builder of a topology is given. Types only. */
import type { Duration, Timestamp } from './duration.ts'
import type { RefusalPolicy } from './plan.ts'
import type { AnyStream, KeyedStream, Otherwise, Stream, StreamKeyedBy, Table } from './streams.ts'
import type { InputTopic } from './topic.ts'

/** How this application reads a topic; what belongs to the data (name, formats) is in the topic. */
export interface SourceOptions<V> {
  /** When it happened: epoch ms or ISO 8601 text with a zone. Default: the record's timestamp. A record without a usable one is refused. */
  readonly eventTime?: ((value: V) => Timestamp) | undefined
  /** How far behind the newest record of its partition a record may be and still be on time. Costs: results come so much later. Default 0. */
  readonly outOfOrderness?: Duration | undefined
  /** Where to start when this application and version has never read the topic. Default: the configuration's `startAt` (earliest). */
  readonly startAt?: 'earliest' | 'latest' | Timestamp | undefined
  /** What happens to a record that cannot be used. `skip` counts it, `stop` stops the task. Default `dead-letter`. */
  readonly onRefused?: RefusalPolicy | undefined
  /** A record whose event time is further ahead of the wall clock is refused: it would close every window. Default days(1). */
  readonly aheadOfClock?: Duration | undefined
  /**
   * A record whose key has more bytes is refused. Default 65,536. Each key is in the state, in its changelog and in the memory of the
   * worker: a key of a megabyte is as a rule a value in the wrong place.
   */
  readonly keyBytesMax?: number | undefined
  /** A record with more headers is refused. Default 1,000. */
  readonly headersMax?: number | undefined
  /**
   * At most so many records a second are taken, of all partitions together: each has its equal share, whoever owns it, with bursts of up to a
   * quarter of a second. What waits stays in the log. Default: no limit.
   */
  readonly rateLimit?: number | undefined
  /** Leaves records out while the application is behind. Default: every record is processed, however long it has waited. */
  readonly shed?: Shedding<V> | undefined
}

/**
 * Which records are left out when they have waited too long. They are counted as shed, and event time goes on by them. What is shed depends on
 * how far behind the application was, so a replay would not give the same results: a version in shadow, a batch and input that is processed again after a
 * reset of offsets shed nothing.
 */
export interface Shedding<V> {
  /** Only records that have been in the log for longer than this, by their timestamp there. */
  readonly olderThan: Duration
  /** Part of those that is processed nevertheless, 0 to 1, chosen by their place in the log; or a function that says which. */
  readonly keep: number | ((value: V) => boolean)
}

export interface Flow {
  stream<K, V>(topic: InputTopic<K, V>, options?: SourceOptions<V>): [K] extends [null] ? Stream<V> : KeyedStream<K, V>
  /** The last value of each key, kept in a store named after the topic; a record without a value deletes the row. */
  table<K, V>(topic: InputTopic<K, V>, options?: SourceOptions<V>): Table<K, V>
  merge<const S extends readonly AnyStream<unknown>[]>(...streams: S): Merged<S>
}

/** Keyed when all inputs have the first one's key; else unkeyed, and keyBy() comes next. */
export type Merged<S extends readonly AnyStream<unknown>[]> = S extends readonly [StreamKeyedBy<infer K, unknown>, ...unknown[]]
  ? S[number] extends StreamKeyedBy<K, infer V>
    ? KeyedStream<K, V>
    : Stream<ValueOf<S[number]>>
  : Stream<ValueOf<S[number]>>
export type ValueOf<S> = S extends AnyStream<infer V> ? V : never

/** In branch(): takes what no other branch accepts. */
export const otherwise: Otherwise = Object.freeze({ kind: 'otherwise' })
