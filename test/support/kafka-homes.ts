/** Homes of the log port on a real broker, for the conformance suite. */
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import type { Log } from '../../libs/runtime/ports/log.ts'
import { FaultProxy } from './fault-proxy/fault-proxy.ts'
import type { LogHome, WireHome } from './log-home.ts'

/** Of a client that gives up soon: lost answers are waited for. */
const REQUEST_TIMEOUT_MS = 1_500

export type OpenLog = (brokers: readonly string[], requestTimeoutMs?: number) => Log

export const ourLog: OpenLog = (brokers, requestTimeoutMs) => kafkaLog({ brokers, requestTimeoutMs })

export async function kafkaHome(brokers: readonly string[], open: OpenLog = ourLog): Promise<LogHome> {
  const log = open(brokers)
  return {
    log,
    close: () => log.close(),
    addPartitions: (topic, count) => addPartitions(brokers, topic, count),
    uniqueName: (prefix) => `${prefix}-${randomUUID()}`,
  }
}

export async function kafkaWireHome(brokers: readonly string[], open: OpenLog = ourLog): Promise<WireHome> {
  const proxy = await FaultProxy.open(brokers)
  const direct = ourLog(brokers)
  const log = open(proxy.brokers, REQUEST_TIMEOUT_MS)
  return {
    log,
    direct,
    proxy,
    addPartitions: (topic, count) => addPartitions(brokers, topic, count),
    uniqueName: (prefix) => `${prefix}-${randomUUID()}`,
    async close() {
      await log.close()
      await direct.close()
      await proxy.close()
    },
  }
}

async function addPartitions(brokers: readonly string[], topic: string, count: number): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] })
  } finally {
    await admin.disconnect()
  }
}
