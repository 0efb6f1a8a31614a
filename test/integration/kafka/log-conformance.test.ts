import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { kafkaHome, kafkaWireHome } from '../../support/kafka-homes.ts'
import { logConformance, wireConformance } from '../../support/log-conformance.ts'

const { brokers } = await kafkaForTests()

logConformance('Kafka', () => kafkaHome(brokers))
wireConformance('Kafka', () => kafkaWireHome(brokers))
