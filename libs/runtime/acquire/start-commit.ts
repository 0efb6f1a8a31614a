/** The first commit of an acquisition (engine.md 3, step 5), and the record of a task that never ran. */
import { COMMIT_KEY, encodeCommitRecord } from '../task/commit-record.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { commitTransaction } from '../task/commit.ts'
import type { CommitTurn } from '../task/commit.ts'
import type { AcquireContext, Acquired } from './acquire.ts'
import { ranRecord } from './control.ts'
import type { OutgoingRecord, PartitionId, PartitionRecords } from '../ports/log.ts'
import type { ChangelogFacts } from './restore.ts'

type StartContext = Pick<AcquireContext, 'task' | 'clock' | 'manifest' | 'controlTopic' | 'probe' | 'identity'>
type Started = Pick<Acquired, 'producer' | 'state' | 'ledger' | 'time'>

export const firstRecord = (context: StartContext, changelogs: readonly ChangelogFacts[], epoch: number): CommitRecord => ({
  stateId: context.manifest.stateId,
  epoch,
  n: 0,
  status: 'running',
  positions: {},
  watermarks: {},
  markersIn: {},
  markerOut: undefined,
  identity: {},
  firstNeeded: Object.fromEntries(changelogs.map(({ step, logStart }) => [step, logStart])),
  changelogEnds: {},
  acquisition: '',
  role: 'live',
  switchId: -1,
  cutsIn: {},
})

/** Writes what a task starts from, before a record is processed. */
export async function commitStart(
  context: StartContext,
  acquired: Started,
  positions: ReadonlyMap<PartitionId, number>,
  first: boolean,
  more: readonly PartitionRecords[] = [],
  turn?: CommitTurn,
): Promise<void> {
  const { task, clock } = context
  const { ledger, time } = acquired
  const { markerOut, cutsIn } = ledger.record
  const record = ledger.next({ positions, identity: new Map(), time, markerOut, changed: new Map(), cutsIn })
  const commit: OutgoingRecord = { key: COMMIT_KEY, value: encodeCommitRecord(record), timestamp: clock.now(), headers: [] }
  const batches: PartitionRecords[] = [{ topic: task.commitTopic, partition: task.partition, records: [commit] }, ...more]
  if (first) batches.push({ topic: context.controlTopic, partition: 0, records: [ranRecord(task.name, record.stateId, clock.now())] })
  await commitTransaction(
    acquired.producer,
    {
      task: task.name,
      turn,
      batches,
      identity: context.identity(),
      ledger,
      positions: task.inputs.map((input) => ({
        topic: input.topic,
        partition: input.partition,
        position: positions.get(input.id) ?? 0,
        metadata: ledger.marker(record),
      })),
    },
    async (sent) => {
      const mark = ledger.markAfter(record, sent, clock.now())
      await acquired.state.writeMark(mark)
      ledger.committed(record, mark)
    },
    context.probe,
  )
}
