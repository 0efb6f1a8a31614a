/** The real home of the log port: a Kafka cluster. Composition only. */
import type { Log } from '../runtime/ports/log.ts'
import { KafkaAdmin } from './admin/kafka-admin.ts'
import { closedFault, Cluster } from './cluster.ts'
import { joinKafkaGroup } from './group/group-member.ts'
import type { KafkaOptions } from './kafka-options.ts'
import { kafkaSettings } from './kafka-options.ts'
import { PlainAppender } from './produce/plain-appender.ts'
import { openTransactionalProducer } from './produce/transactional-producer.ts'
import { KafkaPartitionReader } from './read/partition-reader.ts'
import { checkWire } from './wire/self-test.ts'

/**
 * A log on a Kafka cluster. Connects when it is first used.
 *
 * Throws at once: MR3023 where the installed kafkajs is not the one this was checked with, MR3025 for options that make no sense.
 * Any call may throw MR3020 (no broker answers), MR3021 (its versions do not fit), MR3022 (login refused), MR3024 (not authorized).
 */
export function kafkaLog(options: KafkaOptions): Log {
  checkWire()
  const cluster = new Cluster(kafkaSettings(options))
  const appender = new PlainAppender(cluster)
  const open = (): Cluster => {
    if (cluster.isClosed) throw closedFault()
    return cluster
  }
  return {
    admin: new KafkaAdmin(cluster),
    openReader: (events, readerOptions = {}) => new KafkaPartitionReader(open(), events, readerOptions),
    openProducer: async (transactionalId, producerOptions = {}) => openTransactionalProducer(open(), transactionalId, producerOptions),
    joinGroup: async (groupOptions, events) => joinKafkaGroup(open(), groupOptions, events),
    append: async (batches) => appender.append(batches),
    close: async () => cluster.close(),
  }
}
