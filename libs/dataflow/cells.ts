/**
 * State as operators see it: synchronous cells over an overlay (engine.md 4.3, 4.4). libs/state implements them.
 *
 * A `KeyBytes` is an encoded key as a binary string, one character (0-255) for each byte: a cheap Map key that keeps byte order.
 */
export type KeyBytes = string

/** The same memory. What comes from the log is a buffer already, and making another one for each record costs. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const toKeyBytes = (bytes: Uint8Array): KeyBytes => asBuffer(bytes).toString('latin1')
export const fromKeyBytes = (key: KeyBytes): Buffer => Buffer.from(key, 'latin1')

/** How a cell's values become bytes: encoded once per commit; decoded when first read. */
export interface Codec<V> {
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
}

/** One value per key. */
export interface ValueCell<V> {
  get(key: KeyBytes): V | undefined
  set(key: KeyBytes, value: V): void
  delete(key: KeyBytes): void
  /** Announces a read to come, so that it can be done off the event loop. */
  prefetch(key: KeyBytes): void
}

/** Named values per key, ordered by the bytes of the name. */
export interface MapCell<V> {
  get(key: KeyBytes, name: KeyBytes): V | undefined
  set(key: KeyBytes, name: KeyBytes, value: V): void
  delete(key: KeyBytes, name: KeyBytes): void
  entries(key: KeyBytes): readonly (readonly [name: KeyBytes, value: V])[]
  prefetch(key: KeyBytes, name: KeyBytes): void
}

export interface DueEntry<V> {
  readonly time: number
  readonly key: KeyBytes
  readonly value: V
}

/** Values by (time, key), for windows and timers: what is due is taken in order of time, then of key bytes. Times are integers (ms, may be negative). */
export interface TimedCell<V> {
  get(time: number, key: KeyBytes): V | undefined
  set(time: number, key: KeyBytes, value: V): void
  delete(time: number, key: KeyBytes): void
  prefetch(time: number, key: KeyBytes): void
  /** No entry is earlier than this (a lower bound, cheap to ask); Infinity when there is certainly none. */
  earliest(): number
  /** Removes and returns all entries of the earliest time that is <= upTo; empty when nothing is due. */
  take(upTo: number): readonly DueEntry<V>[]
}

/** The cells of one step. Asking twice for one name gives the same cell; a name has one kind. */
export interface StoreCells {
  value<V>(name: string, codec: Codec<V>): ValueCell<V>
  map<V>(name: string, codec: Codec<V>): MapCell<V>
  timed<V>(name: string, codec: Codec<V>): TimedCell<V>
}
