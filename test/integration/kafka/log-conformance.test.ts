import { randomUUID } from 'node:crypto'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { logConformance } from '../../support/log-conformance.ts'

const { brokers } = await kafkaForTests()

logConformance('Kafka', async () => {
  const log = kafkaLog({ brokers })
  return { log, close: () => log.close(), uniqueName: (prefix: string) => `${prefix}-${randomUUID()}` }
})
