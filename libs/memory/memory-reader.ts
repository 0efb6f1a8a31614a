/**
 * A reader of the in-memory log: one subscription for each assigned partition, each with at most one request under way.
 *
 * Invariants:
 * 1. A subscription is replaced, never changed, by `assign`: what an old one still has under way is dropped.
 * 2. An answer is told if it has records, moves the position, or shows other watermarks than the last one; then the next
 *    request goes out at once if there is more, else when the partition changes.
 */
import { Fault } from '../faults/fault.ts'
import { partitionId, recordsOf } from '../runtime/ports/log.ts'
import type { FetchedBatch, PartitionId, PartitionReader, ReaderEvents, ReaderOptions, TopicPartition } from '../runtime/ports/log.ts'
import type { ConnectionState, MemoryBroker } from './memory-broker.ts'
import type { MemoryPartition } from './memory-topic.ts'

const RETRY_MS = 100

interface Subscription extends TopicPartition {
  position: number
  paused: boolean
  dead: boolean
  fetching: boolean
  /** The partition changed while a request was under way. */
  changed: boolean
  watching: MemoryPartition | undefined
  readonly watcher: () => void
  told: FetchedBatch | undefined
}

type FetchAnswer =
  { readonly kind: 'batch'; readonly batch: FetchedBatch } | { readonly kind: 'range'; readonly logStart: number; readonly logEnd: number }

export class MemoryReader implements PartitionReader {
  readonly #broker: MemoryBroker
  readonly #connection: ConnectionState
  readonly #events: ReaderEvents
  readonly #partitionBytesMax: number
  readonly #subscriptions = new Map<PartitionId, Subscription>()
  #closed = false

  constructor(broker: MemoryBroker, connection: ConnectionState, events: ReaderEvents, options: ReaderOptions = {}) {
    this.#broker = broker
    this.#connection = connection
    this.#events = events
    this.#partitionBytesMax = options.partitionBytesMax ?? 1024 * 1024
  }

  assign({ topic, partition }: TopicPartition, position: number): void {
    this.unassign({ topic, partition })
    if (this.#closed) return
    const subscription: Subscription = {
      topic,
      partition,
      position,
      paused: false,
      dead: false,
      fetching: false,
      changed: false,
      watching: undefined,
      watcher: () => this.#fetchSoon(subscription),
      told: undefined,
    }
    this.#subscriptions.set(partitionId(topic, partition), subscription)
    this.#fetchSoon(subscription)
  }

  unassign({ topic, partition }: TopicPartition): void {
    const subscription = this.#subscriptions.get(partitionId(topic, partition))
    if (subscription !== undefined) this.#end(subscription)
  }

  pause({ topic, partition }: TopicPartition): void {
    const subscription = this.#subscriptions.get(partitionId(topic, partition))
    if (subscription !== undefined) subscription.paused = true
  }

  resume({ topic, partition }: TopicPartition): void {
    const subscription = this.#subscriptions.get(partitionId(topic, partition))
    if (subscription === undefined || !subscription.paused) return
    subscription.paused = false
    this.#fetchSoon(subscription)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const subscription of this.#subscriptions.values()) this.#end(subscription)
  }

  #end(subscription: Subscription): void {
    subscription.dead = true
    subscription.watching?.watchers.delete(subscription.watcher)
    this.#subscriptions.delete(partitionId(subscription.topic, subscription.partition))
  }

  #fetchSoon(subscription: Subscription): void {
    if (subscription.dead || subscription.paused) return
    if (subscription.fetching) {
      subscription.changed = true
      return
    }
    subscription.fetching = true
    subscription.changed = false
    void this.#fetch(subscription)
  }

  async #fetch(subscription: Subscription): Promise<void> {
    const { topic, partition } = subscription
    const call = { operation: 'fetch', connection: this.#connection.name, topic, partition } as const
    const more = await this.#broker
      .request(this.#connection, call, () => this.#answer(subscription))
      .then(
        (answer) => this.#tell(subscription, answer),
        (fault: unknown) => this.#onFault(subscription, fault),
      )
    subscription.fetching = false
    if (more || subscription.changed) this.#fetchSoon(subscription)
  }

  /** The broker's side; undefined: the request never went out, because it was paused or ended first. */
  #answer(subscription: Subscription): FetchAnswer | undefined {
    if (subscription.dead || subscription.paused) return undefined
    const { topic, partition, position } = subscription
    const log = this.#broker.partition(topic, partition)
    if (subscription.watching !== log) {
      subscription.watching?.watchers.delete(subscription.watcher)
      log.watchers.add(subscription.watcher)
      subscription.watching = log
    }
    // From here on a change is news.
    subscription.changed = false
    if (position < log.logStart || position > log.end) return { kind: 'range', logStart: log.logStart, logEnd: log.end }
    const { records: list, next, bytes } = log.read(position, this.#partitionBytesMax)
    const records = recordsOf(list)
    const { logStart, end: highWatermark, lastStable } = log
    return { kind: 'batch', batch: { topic, partition, fetchedFrom: position, next, records, logStart, highWatermark, lastStable, bytes } }
  }

  /** True when the next request should go out at once. */
  #tell(subscription: Subscription, answer: FetchAnswer | undefined): boolean {
    if (subscription.dead || answer === undefined) return false
    const { topic, partition, position } = subscription
    if (answer.kind === 'range') {
      this.#end(subscription)
      this.#events.onOutOfRange({ topic, partition }, position, answer.logStart, answer.logEnd)
      return false
    }
    const { batch } = answer
    const isNews = batch.records.length > 0 || batch.next !== position || !hasSameWatermarks(batch, subscription.told)
    subscription.position = batch.next
    subscription.told = batch
    if (isNews) this.#events.onBatch(batch)
    return batch.next < batch.lastStable
  }

  async #onFault(subscription: Subscription, fault: unknown): Promise<boolean> {
    if (subscription.dead) return false
    if (fault instanceof Fault && fault.action === 'retry') {
      await this.#broker.clock.sleep(RETRY_MS)
      return true
    }
    if (!(fault instanceof Fault)) throw fault
    this.#end(subscription)
    this.#events.onFault({ topic: subscription.topic, partition: subscription.partition }, fault)
    return false
  }
}

function hasSameWatermarks(batch: FetchedBatch, told: FetchedBatch | undefined): boolean {
  return (
    told !== undefined &&
    batch.logStart === told.logStart &&
    batch.highWatermark === told.highWatermark &&
    batch.lastStable === told.lastStable
  )
}
