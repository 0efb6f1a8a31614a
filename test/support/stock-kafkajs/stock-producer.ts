/** kafkajs' transactional producer as its documentation shows it: one transaction after the other, offsets by `sendOffsets`. */
import { Partitioners } from 'kafkajs'
import type { Kafka, Producer, Transaction } from 'kafkajs'
import { partitionId } from '../../../libs/runtime/ports/log.ts'
import type {
  GroupIdentity,
  PartitionId,
  PartitionRecords,
  PositionToCommit,
  ProducerOptions,
  TransactionalProducer,
} from '../../../libs/runtime/ports/log.ts'
import { asFault } from './stock-faults.ts'
import { topicMessages } from './stock-records.ts'

export class StockProducer implements TransactionalProducer {
  readonly transactionalId: string
  readonly #producer: Producer
  #transaction: Transaction | undefined
  #isEmpty = true

  private constructor(transactionalId: string, producer: Producer) {
    this.transactionalId = transactionalId
    this.#producer = producer
  }

  static async open(kafka: Kafka, transactionalId: string, options: ProducerOptions): Promise<StockProducer> {
    const producer = kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      transactionTimeout: options.transactionTimeoutMs ?? 10_000,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    const opened = new StockProducer(transactionalId, producer)
    await asFault(producer.connect())
    // The first transaction initialises the producer id.
    opened.#transaction = await asFault(producer.transaction())
    return opened
  }

  async send(batches: readonly PartitionRecords[]): Promise<ReadonlyMap<PartitionId, { readonly first: number; readonly last: number }>> {
    const counts = new Map<PartitionId, number>()
    for (const { topic, partition, records } of batches) {
      const id = partitionId(topic, partition)
      counts.set(id, (counts.get(id) ?? 0) + records.length)
    }
    const transaction = await this.#begun()
    this.#isEmpty = false
    const answers = await asFault(transaction.sendBatch({ acks: -1, topicMessages: topicMessages(batches) }))
    return new Map(
      answers.map(({ topicName, partition, baseOffset }) => {
        const id = partitionId(topicName, partition)
        const first = Number(baseOffset)
        return [id, { first, last: first + (counts.get(id) ?? 0) - 1 }]
      }),
    )
  }

  async sendPositions({ groupId }: GroupIdentity, positions: readonly PositionToCommit[]): Promise<void> {
    const transaction = await this.#begun()
    this.#isEmpty = false
    const topics = [...new Set(positions.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: positions
        .filter((one) => one.topic === topic)
        .map(({ partition, position, metadata }) => ({ partition, offset: String(position), metadata })),
    }))
    await asFault(transaction.sendOffsets({ consumerGroupId: groupId, topics }))
  }

  async commit(): Promise<void> {
    if (this.#isEmpty) return
    const transaction = await this.#begun()
    await asFault(transaction.commit())
    this.#transaction = undefined
    this.#isEmpty = true
  }

  async close(): Promise<void> {
    await this.#producer.disconnect()
  }

  async #begun(): Promise<Transaction> {
    return (this.#transaction ??= await asFault(this.#producer.transaction()))
  }
}
