/**
 * Reads partitions from given positions, read_committed (the port's PartitionReader).
 *
 * Who does what: broker-fetcher.ts sends fetches and matches answers; this file owns the readings, finds leaders, judges
 * answers, and delivers. Promises:
 *  1. Batches of a partition are delivered in order, each beginning where the one before ended.
 *  2. After `assign` or `unassign` returns, nothing of an earlier assignment is delivered.
 *  3. No position is ever reset here: out of range stops the partition and is told.
 *  4. Bounded: at most one answer of a partition waits while its next is fetched; above UNDELIVERED_BYTES_MAX nothing is asked for.
 */
import { Fault } from '../../faults/fault.ts'
import type { FetchedBatch, PartitionId, PartitionReader, ReaderEvents, ReaderOptions, TopicPartition } from '../../runtime/ports/log.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import { listRanges } from '../admin/partition-ranges.ts'
import type { Cluster, Links } from '../cluster.ts'
import { decodeRecordSet, extentOf } from '../codec/record-set.ts'
import { faultOf, isLeaderMoved } from '../failures.ts'
import { DELIVERY_SLICE_MS, READ_RETRY_MS, READ_RETRY_MS_MAX, TOPIC_GONE_AFTER_MS, UNDELIVERED_BYTES_MAX } from '../limits.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { FetchedPartition } from '../wire/fetch-api.ts'
import type { FetcherEvents, Outcome } from './broker-fetcher.ts'
import { BrokerFetcher } from './broker-fetcher.ts'
import type { Answer, Reading } from './reading.ts'
import { newReading } from './reading.ts'

const PARTITION_BYTES_MAX = 1024 * 1024
const WAIT_MS_MAX = 500

export class KafkaPartitionReader implements PartitionReader {
  readonly #cluster: Cluster
  /** For the ends of partitions that were out of range. */
  readonly #questions: Links
  readonly #events: ReaderEvents
  readonly #partitionBytesMax: number
  readonly #waitMsMax: number
  readonly #readings = new Map<PartitionId, Reading>()
  readonly #fetchers = new Map<number, BrokerFetcher>()
  readonly #undelivered: Answer[] = []
  #undeliveredBytes = 0
  #isLocating = false
  #isDelivering = false
  #isClosed = false

  constructor(cluster: Cluster, events: ReaderEvents, options: ReaderOptions) {
    this.#cluster = cluster
    this.#questions = cluster.openLinks()
    this.#events = events
    this.#partitionBytesMax = options.partitionBytesMax ?? PARTITION_BYTES_MAX
    this.#waitMsMax = options.waitMsMax ?? WAIT_MS_MAX
  }

  assign(partition: TopicPartition, position: number): void {
    this.unassign(partition)
    if (this.#isClosed) return
    const reading = newReading(partition, position, this.#partitionBytesMax)
    this.#readings.set(partitionId(partition.topic, partition.partition), reading)
    this.#locate(reading)
  }

  unassign({ topic, partition }: TopicPartition): void {
    const id = partitionId(topic, partition)
    const reading = this.#readings.get(id)
    if (!reading) return
    reading.isClosed = true
    clearTimeout(reading.retry)
    this.#readings.delete(id)
  }

  pause({ topic, partition }: TopicPartition): void {
    const reading = this.#readings.get(partitionId(topic, partition))
    if (reading) reading.isPaused = true
  }

  resume({ topic, partition }: TopicPartition): void {
    const reading = this.#readings.get(partitionId(topic, partition))
    if (!reading?.isPaused) return
    reading.isPaused = false
    this.#fetchers.get(reading.leader)?.fill()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const reading of this.#readings.values()) this.unassign(reading)
    for (const fetcher of this.#fetchers.values()) fetcher.close()
    this.#fetchers.clear()
    this.#questions.close()
    this.#undelivered.length = 0
  }

  // Where is the partition?

  #locate(reading: Reading): void {
    reading.state = 'locating'
    const leader = this.#cluster.leaderOf(reading.topic, reading.partition)
    if (leader !== undefined) this.#begin(reading, leader)
    else if (!this.#isLocating) void this.#locateAll()
  }

  #begin(reading: Reading, leader: number): void {
    reading.leader = leader
    reading.state = 'ready'
    // Not at once: a caller that assigns many partitions in a row should get them in one fetch.
    queueMicrotask(() => {
      if (!this.#isClosed) this.#fetcher(leader).fill()
    })
  }

  #fetcher(leader: number): BrokerFetcher {
    const known = this.#fetchers.get(leader)
    if (known) return known
    const events: FetcherEvents = {
      ready: (broker) => this.#ready(broker),
      onAnswer: (outcomes) => this.#onAnswer(outcomes),
      onFailure: (readings, error) => {
        for (const reading of readings) this.#onFailure(reading, error)
      },
    }
    const fetcher = new BrokerFetcher(this.#cluster, leader, this.#waitMsMax, events)
    this.#fetchers.set(leader, fetcher)
    return fetcher
  }

  /** Asks for the leaders of all readings that have none, until there is none of them. */
  async #locateAll(): Promise<void> {
    this.#isLocating = true
    await Promise.resolve()
    for (let lost = this.#lost(); lost.length > 0 && !this.#isClosed; lost = this.#lost()) {
      try {
        const { topics } = await this.#cluster.refresh([...new Set(lost.map(({ topic }) => topic))])
        const errors = new Map(topics.map(({ name, errorCode }) => [name, errorCode]))
        for (const reading of lost) {
          if (reading.isClosed || reading.state !== 'locating') continue
          const leader = this.#cluster.leaderOf(reading.topic, reading.partition)
          if (leader !== undefined) this.#begin(reading, leader)
          else this.#onFailure(reading, this.#whyLost(reading, topics, errors.get(reading.topic) ?? code.NONE))
        }
      } catch (error) {
        for (const reading of lost) this.#onFailure(reading, error)
      }
    }
    this.#isLocating = false
  }

  #lost(): Reading[] {
    return [...this.#readings.values()].filter(({ state }) => state === 'locating')
  }

  #whyLost(
    { topic, partition }: Reading,
    topics: readonly { name: string; partitions: readonly { partition: number }[] }[],
    errorCode: number,
  ): Error {
    const exists = topics.some(({ name, partitions }) => name === topic && partitions.some((one) => one.partition === partition))
    const missing = exists ? code.LEADER_NOT_AVAILABLE : code.UNKNOWN_TOPIC_OR_PARTITION
    return new Refused('Metadata', errorCode === code.NONE ? missing : errorCode, `${topic}:${partition}`)
  }

  // What did the broker say?

  #ready(broker: number): Reading[] {
    if (this.#undeliveredBytes > UNDELIVERED_BYTES_MAX) return []
    return [...this.#readings.values()].filter(
      ({ leader, state, isPaused, undelivered }) => leader === broker && state === 'ready' && !isPaused && undelivered <= 1,
    )
  }

  #onAnswer(outcomes: readonly Outcome[]): void {
    for (const { reading, from, fetched } of outcomes) {
      if (reading.isClosed) continue
      if (!fetched) this.#onFailure(reading, new Refused('Fetch', code.UNKNOWN_SERVER_ERROR, 'the answer leaves it out'))
      else if (fetched.errorCode === code.NONE) this.#accept(reading, from, fetched)
      else if (fetched.errorCode === code.OFFSET_OUT_OF_RANGE) void this.#onOutOfRange(reading)
      else this.#onFailure(reading, new Refused('Fetch', fetched.errorCode, `${reading.topic}:${reading.partition}`))
    }
    if (!this.#isDelivering && this.#undelivered.length > 0) void this.#deliverAll()
  }

  /** Moves on, so that the next fetch can leave, and queues the answer. */
  #accept(reading: Reading, from: number, fetched: FetchedPartition): void {
    reading.failures = 0
    reading.wasOutOfRange = false
    try {
      const { next, bytesNeeded } = extentOf(fetched.records, from, reading)
      reading.position = next
      reading.bytesMax = Math.max(this.#partitionBytesMax, bytesNeeded)
      reading.state = 'ready'
      reading.undelivered++
      this.#undeliveredBytes += fetched.records.length
      this.#undelivered.push({ reading, from, next, fetched })
    } catch (error) {
      this.#stop(reading, error)
    }
  }

  /** A failure that may pass: again after a pause, without end, except where it has lasted for too long to be one. */
  #onFailure(reading: Reading, error: unknown): void {
    if (reading.isClosed) return
    const now = performance.now()
    if (reading.failures++ === 0) reading.failingSince = now
    const refusal = error instanceof Refused ? error.code : undefined
    const isUnknown = refusal === code.UNKNOWN_TOPIC_OR_PARTITION || refusal === code.UNKNOWN_TOPIC_ID
    const mayPass =
      error instanceof NoAnswer || (refusal !== undefined && isLeaderMoved(refusal)) || (error instanceof Fault && error.action === 'retry')
    if (!mayPass || (isUnknown && now - reading.failingSince > TOPIC_GONE_AFTER_MS)) return this.#stop(reading, error)
    this.#cluster.forgetLeader(reading.topic, reading.partition)
    reading.state = 'waiting'
    const pauseMs = Math.min(READ_RETRY_MS * 2 ** Math.min(reading.failures - 1, 10), READ_RETRY_MS_MAX)
    reading.retry = setTimeout(() => this.#locate(reading), pauseMs)
  }

  #stop(reading: Reading, error: unknown): void {
    reading.state = 'stopped'
    const { topic, partition, position } = reading
    this.#events.onFault(
      { topic, partition },
      faultOf(error, `while reading ${topic}:${partition} from ${position}`, 'stop-task', { topic, partition, offset: position }),
    )
  }

  /** Believed only when the log's ends say the same twice: a new leader may know less than the old one for a moment. */
  async #onOutOfRange(reading: Reading): Promise<void> {
    const { topic, partition, position } = reading
    reading.state = 'waiting'
    try {
      const range = (await listRanges(this.#cluster, this.#questions, [{ topic, partition }])).get(partitionId(topic, partition))
      if (reading.isClosed) return
      const isOutside = range !== undefined && (position < range.logStart || position > range.end)
      if (range === undefined || !isOutside || !reading.wasOutOfRange) {
        reading.wasOutOfRange = true
        return this.#onFailure(reading, new Refused('Fetch', code.OFFSET_NOT_AVAILABLE))
      }
      reading.state = 'stopped'
      this.#events.onOutOfRange({ topic, partition }, position, range.logStart, range.end)
    } catch (error) {
      this.#onFailure(reading, error)
    }
  }

  // Delivery

  async #deliverAll(): Promise<void> {
    this.#isDelivering = true
    let sliceEnd = 0
    for (let answer = this.#undelivered.shift(); answer; answer = this.#undelivered.shift()) {
      const { reading, fetched } = answer
      reading.undelivered--
      this.#undeliveredBytes -= fetched.records.length
      // The next fetches leave before the decoding: broker and decoder work at the same time.
      if (sliceEnd === 0 || performance.now() > sliceEnd) {
        await new Promise((resolve) => setImmediate(resolve))
        sliceEnd = performance.now() + DELIVERY_SLICE_MS
      }
      if (!reading.isClosed && reading.state !== 'stopped') this.#deliver(answer)
      for (const fetcher of this.#fetchers.values()) fetcher.fill()
    }
    this.#isDelivering = false
  }

  #deliver({ reading, from, next, fetched }: Answer): void {
    const { topic, partition } = reading
    let batch: FetchedBatch
    try {
      const unpacked = { bytes: 0 }
      const records = decodeRecordSet(fetched.records, from, fetched.aborted, reading, unpacked)
      const { logStart, highWatermark, lastStable } = fetched
      const bytes = fetched.records.length + unpacked.bytes
      batch = { topic, partition, fetchedFrom: from, next, records, logStart, highWatermark, lastStable, bytes }
    } catch (error) {
      return this.#stop(reading, error)
    }
    const isNews =
      batch.records.length > 0 ||
      next !== from ||
      batch.logStart !== reading.logStart ||
      batch.highWatermark !== reading.highWatermark ||
      batch.lastStable !== reading.lastStable
    reading.logStart = batch.logStart
    reading.highWatermark = batch.highWatermark
    reading.lastStable = batch.lastStable
    if (isNews) this.#events.onBatch(batch)
  }
}
