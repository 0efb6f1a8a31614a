/** Which internal topics an application needs, and with which settings. Pure. */
import type { TopicSpec } from '../ports/log.ts'
import type { Wiring } from './wiring.ts'

/** A restore must be done in half of it, else deleted keys could return (KIP-1259). */
const DELETE_RETENTION_MS_MIN = 60_000

const FOREVER = '9223372036854775807'

/** Small segments: compaction works on closed segments only, and a commit topic is read at every acquisition. */
const compacted = (segmentBytes: number): Record<string, string> => ({
  'cleanup.policy': 'compact',
  'segment.bytes': String(segmentBytes),
  'min.cleanable.dirty.ratio': '0.1',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.after.max.ms': FOREVER,
})

const kept = (extra: Record<string, string>): Record<string, string> => ({
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.after.max.ms': FOREVER,
  ...extra,
})

export type InternalTopicKind = 'control' | 'commits' | 'changelog' | 'repartition' | 'dead-letters'

export interface InternalTopic extends TopicSpec {
  readonly kind: InternalTopicKind
}

export function internalTopics(wiring: Wiring, replicationFactor: number): InternalTopic[] {
  const { names, plan } = wiring
  const topic = (kind: InternalTopicKind, name: string, partitions: number, config: Record<string, string>): InternalTopic => ({
    kind,
    name,
    partitions,
    replicationFactor,
    config,
  })
  const largest = Math.max(1, ...wiring.taskCounts.values())
  return [
    topic('control', names.control, 1, compacted(1_048_576)),
    // Records keep their original bytes and get headers: larger than the largest input record.
    topic('dead-letters', names.deadLetters, largest, kept({ 'max.message.bytes': '16777216' })),
    ...plan.subTopologies.flatMap((sub) => {
      const count = wiring.taskCounts.get(sub.name) ?? 1
      return [
        topic('commits', names.commits(sub.name), count, compacted(1_048_576)),
        ...sub.stores.map((store) => topic('changelog', names.changelog(store.step), count, compacted(67_108_864))),
        ...sub.inputs.flatMap((input) =>
          input.kind === 'repartition'
            ? [
                topic(
                  'repartition',
                  names.repartition(input.step),
                  wiring.partitions.get(names.repartition(input.step)) ?? count,
                  kept({ 'segment.bytes': '52428800' }),
                ),
              ]
            : [],
        ),
      ]
    }),
  ]
}

export interface TopicComplaint {
  readonly topic: string
  readonly setting: string
  readonly found: string
  readonly wanted: string
}

/** What must hold for a topic that exists (engine.md 3: "settings are checked at start"). */
export function complaintsAbout(topic: InternalTopic, partitions: number, config: Readonly<Record<string, string>>): TopicComplaint[] {
  const complaints: TopicComplaint[] = []
  const complain = (setting: string, found: string, wanted: string): void => {
    complaints.push({ topic: topic.name, setting, found, wanted })
  }
  if (partitions !== topic.partitions) complain('partitions', String(partitions), String(topic.partitions))
  const policy = config['cleanup.policy'] ?? ''
  if (topic.config['cleanup.policy'] === 'compact' && policy !== 'compact') complain('cleanup.policy', policy, 'compact')
  if (topic.config['cleanup.policy'] === 'delete') {
    if (policy !== 'delete') complain('cleanup.policy', policy, 'delete')
    if (config['retention.ms'] !== '-1') complain('retention.ms', config['retention.ms'] ?? '', '-1')
  }
  const tombstonesKeptMs = Number(config['delete.retention.ms'] ?? DELETE_RETENTION_MS_MIN)
  if (topic.kind === 'changelog' && tombstonesKeptMs < DELETE_RETENTION_MS_MIN)
    complain('delete.retention.ms', String(tombstonesKeptMs), `at least ${DELETE_RETENTION_MS_MIN}`)
  if (config['message.timestamp.type'] !== undefined && config['message.timestamp.type'] !== 'CreateTime')
    complain('message.timestamp.type', config['message.timestamp.type'], 'CreateTime')
  return complaints
}
