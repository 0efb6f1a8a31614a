/**
 * The log port on kafkajs' own clients (consumer, producer, admin), used as their documentation shows: what Millrace would be if it
 * did not have a wire of its own. Only to show that the conformance suite refuses it: test/integration/kafka/stock-kafkajs.test.ts.
 */
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import type { Producer } from 'kafkajs'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { StockAdmin } from './stock-admin.ts'
import { asFault } from './stock-faults.ts'
import { joinStockGroup } from './stock-group.ts'
import { StockProducer } from './stock-producer.ts'
import { StockReader } from './stock-reader.ts'
import { topicMessages } from './stock-records.ts'

export function stockLog(brokers: readonly string[], requestTimeoutMs?: number): Log {
  const kafka = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
  })
  const admin = (async () => {
    const client = kafka.admin()
    await client.connect()
    return client
  })()
  let appending: Promise<Producer> | undefined
  const appender = (): Promise<Producer> =>
    (appending ??= (async () => {
      const producer = kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
      })
      await producer.connect()
      return producer
    })())
  return {
    admin: new StockAdmin(admin),
    openReader: (events, options = {}) => new StockReader(kafka, admin, events, options),
    openProducer: (transactionalId, options = {}) => StockProducer.open(kafka, transactionalId, options),
    joinGroup: (options, events) => joinStockGroup(kafka, options, events),
    async append(batches) {
      await asFault((await appender()).sendBatch({ acks: -1, topicMessages: topicMessages(batches) }))
    },
    async close() {
      await (await appending)?.disconnect()
      await (await admin).disconnect()
    },
  }
}
