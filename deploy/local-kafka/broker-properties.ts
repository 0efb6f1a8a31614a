/** The configuration of brokers for development and tests: production's rules (no topics by accident, transactions replicated) at a laptop's size. */
import type { LocalBroker } from './local-cluster.ts'
import { join } from 'node:path'

export type BrokerProperties = Readonly<Record<string, string | number | boolean>>

/** What holds for every broker of a cluster of `copies`, however it is started (docker-compose.yml says the same, held by a test). */
export function clusterRules(copies: number): BrokerProperties {
  const inSyncMin = Math.min(copies, 2)
  return {
    // A topic that nobody made must be an error and not a topic of one partition.
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSyncMin,
    'transaction.state.log.num.partitions': 5,
    // Records carry the event's own time, which may be years ago: age must not delete them.
    'log.retention.ms': -1,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker is noticed after 6 s, not 9 s.
    'broker.session.timeout.ms': 6_000,
  }
}

/** The text of server.properties for one of the `brokers` on this machine; `more` wins over what is usual. */
export function brokerProperties(broker: LocalBroker, brokers: readonly LocalBroker[], more: BrokerProperties = {}): string {
  const properties: BrokerProperties = {
    'process.roles': 'broker,controller',
    'node.id': broker.id,
    'controller.quorum.voters': brokers.map((one) => `${one.id}@127.0.0.1:${one.controllerPort}`).join(','),
    listeners: `CLIENT://127.0.0.1:${broker.port},CONTROLLER://127.0.0.1:${broker.controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${broker.port}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'CLIENT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(broker.dir, 'data'),
    ...clusterRules(brokers.length),
    ...more,
  }
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** The form in which the image apache/kafka takes its properties: `log.retention.ms` is KAFKA_LOG_RETENTION_MS. */
export function brokerEnvironment(properties: BrokerProperties): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [`KAFKA_${key.toUpperCase().replaceAll('.', '_')}`, String(value)]),
  )
}
