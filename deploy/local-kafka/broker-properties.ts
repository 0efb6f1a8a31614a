/** The configuration of one local broker: production's rules (no topics by accident, transactions replicated) at a laptop's size. */
import type { LocalBroker } from './local-cluster.ts'
import { join } from 'node:path'

/** The text of server.properties for one of `brokers`. */
export function brokerProperties(broker: LocalBroker, brokers: readonly LocalBroker[]): string {
  const copies = brokers.length
  const inSyncMin = Math.min(copies, 2)
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': broker.id,
    'controller.quorum.voters': brokers.map((one) => `${one.id}@127.0.0.1:${one.controllerPort}`).join(','),
    listeners: `CLIENT://127.0.0.1:${broker.port},CONTROLLER://127.0.0.1:${broker.controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${broker.port}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'CLIENT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(broker.dir, 'data'),
    // A topic that nobody made must be an error and not a topic of one partition.
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSyncMin,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    // Records carry the event's own time, which may be years ago: age must not delete them.
    'log.retention.ms': -1,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker is noticed after 6 s, not 9 s.
    'broker.session.timeout.ms': 6_000,
  }
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}
