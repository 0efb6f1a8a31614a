/**
 * Another version seen from outside: its tasks, by its manifest, and their newest commit records, followed while they change.
 *
 * A commit record is read as every reader sees it, committed; what it says is true until its task commits again. One that says
 * halted(s) stays until s is decided, whoever owns the task meanwhile (hole S1).
 */
import { internalNames } from '../../dataflow/plan.ts'
import { readControl } from '../acquire/control.ts'
import { rangeOr } from '../acquire/restore.ts'
import type { FetchedBatch, PartitionReader } from '../ports/log.ts'
import { partitionId } from '../ports/log.ts'
import { COMMIT_KEY, decodeCommitRecord } from '../task/commit-record.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { SharedContext } from './shared-topic.ts'

export interface VersionTask {
  /** `<sub-topology>.<partition>`. */
  readonly name: string
  readonly subTopology: string
  readonly partition: number
  readonly transactionalId: string
  readonly commitTopic: string
}

export interface VersionTasks {
  readonly version: number
  /** Everything internal begins with it and a dot. */
  readonly prefix: string
  readonly tasks: readonly VersionTask[]
}

/** None where the version has no manifest: it has never run, or was deleted. */
export async function tasksOfVersion(context: SharedContext, version: number): Promise<VersionTasks> {
  const names = internalNames(context.application, version)
  const { manifest } = await readControl(context, names.control)
  const tasks = (manifest?.subTopologies ?? []).flatMap((sub) =>
    Array.from({ length: sub.tasks }, (_, partition): VersionTask => ({
      name: names.task(sub.name, partition),
      subTopology: sub.name,
      partition,
      transactionalId: names.transactionalId(sub.name, partition),
      commitTopic: names.commits(sub.name),
    })),
  )
  return { version, prefix: names.prefix, tasks }
}

/** The external inputs among the positions of a commit record. */
export function externalPositions(record: Pick<CommitRecord, 'positions'>, prefix: string): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(record.positions).filter(([id]) => !id.startsWith(`${prefix}.`)))
}

/** How far before the end the newest commit record is looked for first. */
const TAIL = 32

interface Followed {
  readonly task: VersionTask
  readonly logStart: number
  /** What was there when it was looked for. */
  readonly end: number
  from: number
  next: number
  found: CommitRecord | undefined
  /** Log times. */
  readonly haltedAt: Map<number, number>
  runningSince: number | undefined
}

/** The newest commit records of the tasks of one version. */
export class CommitTail {
  readonly of: VersionTasks
  readonly #context: SharedContext
  readonly #followed = new Map<string, Followed>()
  #reader: PartitionReader | undefined
  #wake: () => void = () => undefined
  #fault: Error | undefined

  constructor(context: SharedContext, of: VersionTasks) {
    this.#context = context
    this.of = of
  }

  /** Resolves when the newest record of each task is known. */
  async start(): Promise<void> {
    const { admin } = this.#context.log
    const partitions = this.of.tasks.map(({ commitTopic, partition }) => ({ topic: commitTopic, partition }))
    const ranges = partitions.length === 0 ? new Map() : await admin.ranges(partitions)
    this.#reader = this.#context.log.openReader({
      onBatch: (batch) => this.#onBatch(batch),
      onOutOfRange: () => undefined,
      onFault: (_, fault) => {
        this.#fault = fault
        this.#wake()
      },
    })
    for (const task of this.of.tasks) {
      const { logStart, lastStable } = rangeOr(ranges.get(partitionId(task.commitTopic, task.partition)))
      const from = Math.max(logStart, lastStable - TAIL)
      this.#followed.set(partitionId(task.commitTopic, task.partition), {
        task,
        logStart,
        end: lastStable,
        from,
        next: from,
        found: undefined,
        haltedAt: new Map(),
        runningSince: undefined,
      })
      this.#reader.assign({ topic: task.commitTopic, partition: task.partition }, from)
    }
    await this.until(() => [...this.#followed.values()].every((one) => one.next >= one.end), this.#context.stallMs)
  }

  /** By task; absent: it has never committed. */
  get records(): ReadonlyMap<string, CommitRecord> {
    return new Map([...this.#followed.values()].flatMap(({ task, found }) => (found === undefined ? [] : [[task.name, found] as const])))
  }

  /** When the task halted for a switch, as its commit record's time in the log; undefined: not seen. */
  haltedAt(task: string, s: number): number | undefined {
    return this.#of(task)?.haltedAt.get(s)
  }

  /** Since when it runs, after it was halted or for the first time; undefined: not seen. */
  runningSince(task: string): number | undefined {
    return this.#of(task)?.runningSince
  }

  #of(task: string): Followed | undefined {
    return [...this.#followed.values()].find((one) => one.task.name === task)
  }

  /** Waits until it is so, or the time is over: false. */
  async until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    const { clock, signal } = this.#context
    const deadline = clock.monotonic() + withinMs
    while (!isSo()) {
      if (this.#fault !== undefined) throw this.#fault
      const left = deadline - clock.monotonic()
      if (left <= 0 || signal.aborted) return false
      const stop = new AbortController()
      const rung = new Promise<void>((resolve) => (this.#wake = resolve))
      await Promise.race([rung, clock.sleep(Math.min(left, 100), stop.signal)])
      stop.abort()
    }
    return true
  }

  async close(): Promise<void> {
    await this.#reader?.close()
  }

  #onBatch(batch: FetchedBatch): void {
    const one = this.#followed.get(partitionId(batch.topic, batch.partition))
    if (one === undefined || batch.fetchedFrom !== one.next) return
    for (const record of batch.records) {
      if (record.value !== null && record.key?.[0] === COMMIT_KEY[0]) noteRecord(one, decodeCommitRecord(record.value), record.timestamp)
    }
    one.next = batch.next
    if (one.found === undefined && one.next >= one.end && one.from > one.logStart) {
      // Only fence records so far: further back.
      one.from = Math.max(one.logStart, one.from - (one.end - one.from) * 15)
      one.next = one.from
      this.#reader?.assign({ topic: batch.topic, partition: batch.partition }, one.from)
    }
    this.#wake()
  }
}

function noteRecord(one: Followed, record: CommitRecord | undefined, at: number): void {
  if (record === undefined) return
  if (record.status === 'halted' && !one.haltedAt.has(record.switchId)) one.haltedAt.set(record.switchId, at)
  if (record.status === 'running' && one.found?.status !== 'running') one.runningSince = at
  one.found = record
}
