/**
 * Seals a layer: everything that one transaction will send, fixed at one moment. Markers are the last records of the transaction in
 * each repartition partition and carry the sealed layer's watermark (hole T12).
 */
import type { TaskProgram } from '../../dataflow/plan.ts'
import { userChangelogRecord } from '../../state/changelog.ts'
import type { FrozenLayer } from '../../state/task-state.ts'
import type { Acquired } from '../acquire/acquire.ts'
import { COMMIT_KEY, encodeCommitRecord } from './commit-record.ts'
import type { CommitRecord, Fingerprint } from './commit-record.ts'
import { fingerprintOf } from '../acquire/fingerprint.ts'
import type { CommitTurn } from './commit.ts'
import { byTime } from './record-failure.ts'
import type { InputQueue } from './input-queue.ts'
import type { Outbox } from './outbox.ts'
import type { Header, LogRecord, PartitionId, PartitionRecords, PositionToCommit } from '../ports/log.ts'
import type { RepartitionHeaders } from './repartition-record.ts'
import type { SavedCuts } from '../switch/cuts.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface SealRequest {
  readonly task: TaskWiring
  readonly program: TaskProgram
  readonly outbox: Outbox
  readonly acquired: Acquired
  readonly queues: readonly InputQueue[]
  readonly lastRead: ReadonlyMap<PartitionId, LogRecord>
  readonly headers: RepartitionHeaders
  /** Watermark to send to repartition outputs; undefined: none is due. */
  readonly markerOut: number | undefined
  cutsIn(): SavedCuts
  /** The switch that the task halts for with this transaction: then its markers are cut markers (engine.md 6.2). */
  readonly halt: number | undefined
  /** The last transaction of a batch. */
  readonly ended: boolean
  readonly now: number
}

export interface SealedLayer {
  readonly frozen: FrozenLayer
  readonly record: CommitRecord
  readonly batches: readonly PartitionRecords[]
  readonly positions: readonly PositionToCommit[]
  readonly turn: CommitTurn | undefined
}

/** Tables and updating windows emit what changed; then nothing more comes into the layer. Throws what user code throws there. */
function flush({ program, task }: SealRequest): void {
  byTime(task, 'a table or an updating window', () => program.flush())
}

export function sealLayer(request: SealRequest): SealedLayer {
  flush(request)
  const { task, outbox, acquired, queues, headers, halt, ended, now } = request
  const { ledger, state, time } = acquired
  const frozen = state.freeze()
  for (const [step, topic] of task.changelogs) {
    for (const change of frozen.changes.get(step) ?? [])
      outbox.add(topic, task.partition, userChangelogRecord(change, ledger.record.epoch, now))
  }
  if (request.halt !== undefined) addMarkers(request, headers.cut(task.name, request.markerOut ?? -Infinity, request.halt))
  else if (request.markerOut !== undefined) addMarkers(request, headers.marker(task.name, request.markerOut))
  const positions = new Map(queues.map((queue) => [queue.wiring.id, queue.position]))
  const identity = new Map<PartitionId, Fingerprint>()
  for (const [id, record] of request.lastRead) identity.set(id, fingerprintOf(record))
  const changed = new Map([...frozen.changes].map(([step, changes]) => [step, changes.length]))
  const markerOut = finiteOr(request.markerOut, ledger.record.markerOut)
  const record = ledger.next({ positions, identity, time, changed, markerOut, cutsIn: request.cutsIn(), halt, ended })
  outbox.add(task.commitTopic, task.partition, { key: COMMIT_KEY, value: encodeCommitRecord(record), timestamp: now, headers: [] })
  const metadata = ledger.marker(record)
  return {
    frozen,
    record,
    batches: outbox.batches(),
    positions: queues.map(({ wiring, position }) => ({ topic: wiring.topic, partition: wiring.partition, position, metadata })),
    turn: halt === undefined ? undefined : 'halt',
  }
}

// JSON has no -Infinity, and a task without a watermark has told none.
const finiteOr = (marker: number | undefined, before: number | undefined): number | undefined =>
  marker === undefined || marker === -Infinity ? before : marker

function addMarkers({ task, outbox, now }: SealRequest, headers: readonly Header[]): void {
  for (const output of task.outputs) {
    if (!output.repartition) continue
    const marker = { key: null, value: null, timestamp: now, headers }
    for (let partition = 0; partition < output.partitions; partition += 1) outbox.add(output.topic, partition, marker)
  }
}
