/** Settings of a topic: what Kafka 4.1 has in force when nothing is given, which values it refuses, and the few that this home obeys. */
import type { TopicSpec } from '../runtime/ports/log.ts'
import { badTopic } from './memory-faults.ts'

/** Printed by LogConfig of Apache Kafka 4.1.1. */
const defaults: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'compression.gzip.level': '-1',
  'compression.lz4.level': '9',
  'compression.type': 'producer',
  'compression.zstd.level': '3',
  'delete.retention.ms': '86400000',
  'file.delete.delay.ms': '60000',
  'flush.messages': '9223372036854775807',
  'flush.ms': '9223372036854775807',
  'follower.replication.throttled.replicas': '',
  'index.interval.bytes': '4096',
  'leader.replication.throttled.replicas': '',
  'local.retention.bytes': '-2',
  'local.retention.ms': '-2',
  'max.compaction.lag.ms': '9223372036854775807',
  'max.message.bytes': '1048588',
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.type': 'CreateTime',
  'min.cleanable.dirty.ratio': '0.5',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  preallocate: 'false',
  'remote.log.copy.disable': 'false',
  'remote.log.delete.on.disable': 'false',
  'remote.storage.enable': 'false',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.index.bytes': '10485760',
  'segment.jitter.ms': '0',
  'segment.ms': '604800000',
  'unclean.leader.election.enable': 'false',
}

export interface TopicSettings {
  readonly config: Readonly<Record<string, string>>
  readonly compacted: boolean
  /** cleanup.policy contains `delete`: records may be cut at the start. */
  readonly deletes: boolean
  /** Of one record as a batch of its own, bytes. */
  readonly messageBytesMax: number
  /** A timestamp may be this far from the broker's clock, ms. */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  /** message.timestamp.type is LogAppendTime. */
  readonly stampsOnAppend: boolean
}

export function topicSettings(name: string, config: Readonly<Record<string, string>>): TopicSettings {
  for (const key of Object.keys(config)) {
    if (!Object.hasOwn(defaults, key)) throw badTopic(name, `there is no setting ${key}`)
  }
  const inForce = { ...defaults, ...config }
  const number = (key: string): number => {
    const value = Number(inForce[key])
    if (!Number.isFinite(value)) throw badTopic(name, `${key} is not a number: ${inForce[key]}`)
    return value
  }
  const policies = (inForce['cleanup.policy'] ?? '').split(',').map((policy) => policy.trim())
  const unknown = policies.find((policy) => policy !== 'delete' && policy !== 'compact')
  if (unknown !== undefined) throw badTopic(name, `cleanup.policy takes delete and compact, not ${unknown}`)
  const stampedBy = inForce['message.timestamp.type']
  if (stampedBy !== 'CreateTime' && stampedBy !== 'LogAppendTime') throw badTopic(name, `message.timestamp.type is not ${stampedBy}`)
  return {
    config: inForce,
    compacted: policies.includes('compact'),
    deletes: policies.includes('delete'),
    messageBytesMax: number('max.message.bytes'),
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    stampsOnAppend: stampedBy === 'LogAppendTime',
  }
}

/** Throws what a cluster of `brokers` brokers would refuse. */
export function checkTopicSpec(spec: TopicSpec, brokers: number): void {
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(spec.name) || spec.name === '.' || spec.name === '..') {
    throw badTopic(spec.name, 'a name has 1 to 249 letters, digits, dots, underscores or hyphens')
  }
  if (!Number.isSafeInteger(spec.partitions) || spec.partitions < 1)
    throw badTopic(spec.name, `${spec.partitions} is not a number of partitions`)
  const replicas = spec.replicationFactor
  if (replicas !== -1 && !(Number.isSafeInteger(replicas) && replicas >= 1))
    throw badTopic(spec.name, `${replicas} is not a replication factor`)
  if (replicas > brokers) throw badTopic(spec.name, `replication factor ${replicas} is larger than the number of brokers, ${brokers}`)
}
