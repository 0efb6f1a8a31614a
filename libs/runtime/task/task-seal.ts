/**
 * Seals a layer: everything that one transaction will send, fixed at one moment. Markers are the last records of the transaction in
 * each repartition partition and carry the sealed layer's watermark (hole T12).
 */
import { userChangelogRecord } from '../../state/changelog.ts'
import type { FrozenLayer } from '../../state/task-state.ts'
import type { Acquired } from '../acquire/acquire.ts'
import { COMMIT_KEY, encodeCommitRecord } from './commit-record.ts'
import type { CommitRecord, Fingerprint } from './commit-record.ts'
import { fingerprintOf } from '../acquire/fingerprint.ts'
import type { InputQueue } from './input-queue.ts'
import type { Outbox } from './outbox.ts'
import type { LogRecord, PartitionId, PartitionRecords, PositionToCommit } from '../ports/log.ts'
import type { RepartitionHeaders } from './repartition-record.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface SealRequest {
  readonly task: TaskWiring
  readonly outbox: Outbox
  readonly acquired: Acquired
  readonly queues: readonly InputQueue[]
  readonly lastRead: ReadonlyMap<PartitionId, LogRecord>
  readonly headers: RepartitionHeaders
  /** Watermark to send to repartition outputs; undefined: none is due. */
  readonly markerOut: number | undefined
  readonly now: number
}

export interface SealedLayer {
  readonly frozen: FrozenLayer
  readonly record: CommitRecord
  readonly batches: readonly PartitionRecords[]
  readonly positions: readonly PositionToCommit[]
}

export function sealLayer(request: SealRequest): SealedLayer {
  const { task, outbox, acquired, queues, now } = request
  const { ledger, state, time } = acquired
  const frozen = state.freeze()
  for (const [step, topic] of task.changelogs) {
    for (const change of frozen.changes.get(step) ?? [])
      outbox.add(topic, task.partition, userChangelogRecord(change, ledger.record.epoch, now))
  }
  if (request.markerOut !== undefined) addMarkers(request, request.markerOut)
  const positions = new Map(queues.map((queue) => [queue.wiring.id, queue.position]))
  const identity = new Map<PartitionId, Fingerprint>()
  for (const [id, record] of request.lastRead) identity.set(id, fingerprintOf(record))
  const changed = new Map([...frozen.changes].map(([step, changes]) => [step, changes.length]))
  const record = ledger.next({ positions, identity, time, changed, markerOut: request.markerOut ?? ledger.record.markerOut })
  outbox.add(task.commitTopic, task.partition, { key: COMMIT_KEY, value: encodeCommitRecord(record), timestamp: now, headers: [] })
  const metadata = ledger.marker(record)
  return {
    frozen,
    record,
    batches: outbox.batches(),
    positions: queues.map(({ wiring, position }) => ({ topic: wiring.topic, partition: wiring.partition, position, metadata })),
  }
}

function addMarkers({ task, outbox, headers, now }: SealRequest, watermark: number): void {
  for (const output of task.outputs) {
    if (!output.repartition) continue
    const marker = { key: null, value: null, timestamp: now, headers: headers.marker(task.name, watermark) }
    for (let partition = 0; partition < output.partitions; partition += 1) outbox.add(output.topic, partition, marker)
  }
}
