/**
 * Reading with kafkajs' consumer. It has no `assign`: each partition gets a consumer alone in a group of its own, which seeks when it runs.
 * It delivers no empty batches: where some fetches have brought nothing, the end that the admin client tells is believed to be read.
 */
import { randomUUID } from 'node:crypto'
import type { Admin, Batch, Consumer, Kafka } from 'kafkajs'
import { partitionId, recordsOf } from '../../../libs/runtime/ports/log.ts'
import type { PartitionId, PartitionReader, ReaderEvents, ReaderOptions, TopicPartition } from '../../../libs/runtime/ports/log.ts'
import { logRecord } from './stock-records.ts'

const IDLE_FETCHES = 2
const WAIT_MS_MAX = 100

interface Reading extends TopicPartition {
  readonly consumer: Consumer
  /** Undefined until the consumer runs. */
  running: boolean
  expected: number
  isClosed: boolean
  isPaused: boolean
  wasTold: boolean
  delivered: boolean
  end: number | undefined
  idleFetches: number
}

export class StockReader implements PartitionReader {
  readonly #kafka: Kafka
  readonly #admin: Promise<Admin>
  readonly #events: ReaderEvents
  readonly #options: ReaderOptions
  readonly #readings = new Map<PartitionId, Reading>()
  readonly #ending: Promise<unknown>[] = []

  constructor(kafka: Kafka, admin: Promise<Admin>, events: ReaderEvents, options: ReaderOptions) {
    this.#kafka = kafka
    this.#admin = admin
    this.#events = events
    this.#options = options
  }

  assign(partition: TopicPartition, position: number): void {
    this.unassign(partition)
    const consumer = this.#kafka.consumer({
      groupId: `stock-reader-${randomUUID()}`,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: WAIT_MS_MAX,
      ...(this.#options.partitionBytesMax === undefined ? {} : { maxBytesPerPartition: this.#options.partitionBytesMax }),
    })
    const reading: Reading = {
      ...partition,
      consumer,
      running: false,
      expected: position,
      isClosed: false,
      isPaused: false,
      wasTold: false,
      delivered: false,
      end: undefined,
      idleFetches: 0,
    }
    this.#readings.set(partitionId(partition.topic, partition.partition), reading)
    this.#start(reading).catch((error: Error) => this.#events.onFault(partition, error))
  }

  unassign({ topic, partition }: TopicPartition): void {
    const id = partitionId(topic, partition)
    const reading = this.#readings.get(id)
    if (reading === undefined) return
    reading.isClosed = true
    this.#readings.delete(id)
    this.#ending.push(reading.consumer.disconnect())
  }

  pause({ topic, partition }: TopicPartition): void {
    const reading = this.#readings.get(partitionId(topic, partition))
    if (reading === undefined) return
    reading.isPaused = true
    if (reading.running) reading.consumer.pause([{ topic, partitions: [partition] }])
  }

  resume({ topic, partition }: TopicPartition): void {
    const reading = this.#readings.get(partitionId(topic, partition))
    if (reading === undefined) return
    reading.isPaused = false
    if (reading.running) reading.consumer.resume([{ topic, partitions: [partition] }])
  }

  async close(): Promise<void> {
    for (const reading of this.#readings.values()) this.unassign(reading)
    await Promise.all(this.#ending)
  }

  async #start(reading: Reading): Promise<void> {
    const { consumer, topic, partition } = reading
    await consumer.connect()
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!reading.isClosed && !payload.restart) this.#events.onFault({ topic, partition }, payload.error)
    })
    consumer.on(consumer.events.FETCH, () => void this.#onFetch(reading))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        if (!reading.isClosed && batch.partition === partition) this.#onBatch(reading, batch)
      },
    })
    consumer.seek({ topic, partition, offset: String(reading.expected) })
    reading.running = true
    if (reading.isPaused) consumer.pause([{ topic, partitions: [partition] }])
  }

  #onBatch(reading: Reading, batch: Batch): void {
    const records = batch.messages.map(logRecord)
    if (!reading.running) return
    reading.delivered = true
    this.#tell(reading, records, Number(batch.lastOffset()) + 1, Number(batch.highWatermark))
  }

  async #onFetch(reading: Reading): Promise<void> {
    if (!reading.running) return
    if (reading.delivered) {
      reading.delivered = false
      reading.end = undefined
      return
    }
    if (reading.end === undefined) {
      reading.idleFetches = 0
      reading.end = await this.#endOf(reading)
      return
    }
    if (++reading.idleFetches < IDLE_FETCHES) return
    const { end } = reading
    reading.end = undefined
    if (end > reading.expected || !reading.wasTold) this.#tell(reading, [], Math.max(end, reading.expected), end)
  }

  /** Undefined where the admin client fails: the next fetch asks again. */
  async #endOf({ topic, partition }: Reading): Promise<number | undefined> {
    try {
      const found = await (await this.#admin).fetchTopicOffsets(topic)
      return Number(found.find((one) => one.partition === partition)?.high ?? -1)
    } catch {
      return undefined // e.g. "metadata not loaded", which kafkajs says of topics that were made a moment ago.
    }
  }

  #tell(reading: Reading, records: readonly ReturnType<typeof logRecord>[], next: number, end: number): void {
    if (reading.isClosed) return
    const { topic, partition, expected: fetchedFrom } = reading
    reading.expected = next
    reading.wasTold = true
    // It tells neither the log start nor the last stable offset.
    this.#events.onBatch({
      topic,
      partition,
      fetchedFrom,
      next,
      records: recordsOf(records),
      logStart: 0,
      highWatermark: end,
      lastStable: end,
      bytes: 0,
    })
  }
}
