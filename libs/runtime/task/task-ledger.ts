/**
 * What a task's next commit builds on: identity of the state, counters, positions, and how far each changelog is applied.
 * One ledger lives from an acquisition to the next; only a commit that happened changes it.
 */
import { Fault } from '../../faults/fault.ts'
import type { LocalMark } from '../../state/task-state.ts'
import { TailLost } from './commit-record.ts'
import type { CommitRecord, Fingerprint, LostTail } from './commit-record.ts'
import { encodeMarker } from './commit-record.ts'
import type { PartitionId } from '../ports/log.ts'
import { partitionId } from '../ports/log.ts'
import type { SentOffsets } from './commit.ts'
import type { SavedCuts } from '../switch/cuts.ts'
import type { TaskTime } from './task-time.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface LedgerStart {
  readonly record: CommitRecord
  readonly changelogs: Readonly<Record<string, number>>
  /** Nonce of this acquisition. */
  readonly acquisition: string
}

export class TaskLedger {
  readonly task: TaskWiring
  #record: CommitRecord
  #changelogs: Readonly<Record<string, number>>
  readonly #acquisition: string

  constructor(task: TaskWiring, start: LedgerStart) {
    this.task = task
    this.#record = start.record
    this.#changelogs = start.changelogs
    this.#acquisition = start.acquisition
  }

  /** The newest commit that happened. */
  get record(): CommitRecord {
    return this.#record
  }

  /** The commit record of the transaction to come. */
  next(change: {
    readonly positions: ReadonlyMap<PartitionId, number>
    readonly identity: ReadonlyMap<PartitionId, Fingerprint>
    readonly time: TaskTime
    readonly markerOut: number | undefined
    /** Step → number of its changelog records in the transaction. */
    readonly changed: ReadonlyMap<string, number>
    readonly cutsIn: SavedCuts
    /** The switch that it halts for with this transaction. */
    readonly halt?: number | undefined
    /** Nothing can come after it: the end of a batch. */
    readonly ended?: boolean
  }): CommitRecord {
    const last = this.#record
    const changelogEnds = Object.fromEntries(
      Object.entries(this.#changelogs).map(([step, position]) => [step, position + (change.changed.get(step) ?? 0)]),
    )
    return {
      ...last,
      n: last.n + 1,
      positions: { ...last.positions, ...Object.fromEntries(change.positions) },
      identity: { ...last.identity, ...Object.fromEntries(change.identity) },
      ...change.time.saved(),
      markerOut: change.markerOut,
      cutsIn: change.cutsIn,
      ...(change.halt === undefined ? {} : { status: 'halted' as const, switchId: change.halt }),
      ...(change.ended === true ? { status: 'ended' as const } : {}),
      changelogEnds,
      acquisition: this.#acquisition,
    }
  }

  /** Metadata of every offset in the transaction of that record. */
  marker(record: CommitRecord): string {
    return encodeMarker(record)
  }

  /** Offsets below those that were given before: the changelog has lost its newest records while the task runs. Throws `TailLost`. */
  checkSent(sent: SentOffsets): void {
    for (const [step, topic] of this.task.changelogs) {
      const end = sent.get(partitionId(topic, this.task.partition))?.first
      const written = this.#changelogs[step]
      if (end !== undefined && written !== undefined && end < written) throw tailLost(this.task.name, { topic, end, written })
    }
  }

  /** The local mark after the transaction of `record`; `sent` says where its changelog entries stand. */
  markAfter(record: CommitRecord, sent: SentOffsets, now: number): LocalMark {
    const changelogs: Record<string, number> = { ...this.#changelogs }
    for (const [step, topic] of this.task.changelogs) {
      const last = sent.get(partitionId(topic, this.task.partition))?.last
      if (last !== undefined) changelogs[step] = last + 1
    }
    return markOf(record, changelogs, [...this.task.changelogs.keys()], now)
  }

  /** The transaction of `record` happened and stands in the local store. */
  committed(record: CommitRecord, mark: LocalMark): void {
    this.#record = record
    this.#changelogs = mark.changelogs
  }
}

export const markOf = (
  record: CommitRecord,
  changelogs: Readonly<Record<string, number>>,
  steps: readonly string[],
  now: number,
): LocalMark => ({
  stateId: record.stateId,
  epoch: record.epoch,
  n: record.n,
  complete: true,
  completeAt: now,
  positions: record.positions,
  changelogs,
  changelogEpochs: Object.fromEntries(steps.map((step) => [step, record.epoch])),
})

/** Not the end yet: the next acquisition writes it down, so that it is known also when the changelog has grown again. */
const tailLost = (task: string, tail: LostTail): Fault =>
  new Fault(
    'MR5051',
    'acquire-again',
    `${tail.topic}: the broker gave the offset ${tail.end} to a change of state of ${task}, which has written the changelog up to ${tail.written} before: it was truncated or made again while the task runs. Nothing of the transaction is committed; the task looks into it and stops`,
    { place: { task, topic: tail.topic }, cause: new TailLost(tail) },
  )
