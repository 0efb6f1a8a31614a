/**
 * The status document of a worker: everything that a person or a program may ask, in one versioned JSON value.
 *
 * Owner: the worker builds it (`worker.status()`); probes, metrics, `millrace status` and the demo only read it. Rules:
 * every value survives JSON (no Infinity, no bigint, no Date: what is not known is null), times are epoch milliseconds,
 * durations and sizes carry their unit in the name, counters count since the worker started and never fall while it lives.
 * A change that breaks a reader raises `version`; new fields do not.
 */
import type { StepCounters } from '../../dataflow/plan.ts'

export const STATUS_VERSION = 1

export type VersionRole = 'waiting' | 'shadow' | 'live' | 'retired' | 'given-up'

/** Life of a worker. `failed`: it has stopped because of `fault`; the process is about to end. */
export type WorkerState = 'starting' | 'running' | 'rebalancing' | 'stopping' | 'stopped' | 'failed'

/** Life of a task (engine.md 3), and `stopped`: a person must decide, `fault` says what. */
export type TaskState =
  'assigned' | 'fencing' | 'restoring' | 'running' | 'suspended' | 'halted' | 'retired' | 'ended' | 'closed' | 'stopped'

export interface FaultStatus {
  /** `MR####`, or `internal` for an error of our own code or of the user's. */
  readonly code: string
  readonly message: string
  readonly at: number
}

/** One input partition of a task. */
export interface InputStatus {
  readonly topic: string
  readonly partition: number
  /** Next offset to process. */
  readonly position: number
  /** Position of the last commit; null before the first. */
  readonly committed: number | null
  /** Position after the last readable record (last stable offset); null until the broker told it. */
  readonly end: number | null
  /** end - committed, in offsets; 0 when read to the end, also when only transaction markers are left. */
  readonly lagRecords: number | null
  /** Age of the oldest record that is not yet committed, by its timestamp in the log; 0 when read to the end; null when not known. */
  readonly lagSeconds: number | null
  /** Null: no record seen yet. */
  readonly watermark: number | null
  readonly bufferedRecords: number
  readonly bufferedBytes: number
  /** Fetching is paused because the buffer is full. */
  readonly paused: boolean
  /** The task's watermark waits for this input. */
  readonly holdsBack: boolean
}

/** Restore of one changelog. */
export interface RestoreStatus {
  readonly step: string
  /** Next changelog offset to apply. */
  readonly position: number
  /** Offset of the own fence record, where the restore ends. */
  readonly end: number
  /** end - position. */
  readonly remaining: number
  /** Bytes read from the broker in this restore. */
  readonly bytesRead: number
  readonly startedAt: number
  /** Null until a rate is known. */
  readonly etaSeconds: number | null
}

export interface CommitStatus {
  readonly count: number
  readonly lastAt: number | null
  /** Duration of the last commit. */
  readonly lastMs: number | null
}

export interface StoreStatus {
  readonly sizeBytes: number
  readonly cacheHits: number
  readonly cacheMisses: number
  /** Reads on the event loop, of keys that nobody could foresee. */
  readonly syncReads: number
}

/** Calls of effect steps, since the worker started. */
export interface EffectStatus {
  readonly made: number
  readonly failed: number
  /** Not made, since the version is in shadow; listed in its effects topic. */
  readonly inShadow: number
  /** Not made again after a reset of offsets. */
  readonly repeated: number
  /** Committed, and not yet made. */
  readonly waiting: number
}

export interface TaskStatus {
  readonly effects: EffectStatus
  /** Offsets between its external inputs and where the live version stands; null: the version is not in shadow. */
  readonly replayRemaining: number | null
  /** `<sub-topology>.<partition>`. */
  readonly name: string
  readonly subTopology: string
  readonly partition: number
  readonly state: TaskState
  readonly since: number
  readonly epoch: number
  /** Commit counter of the state (not of this worker's life). */
  readonly n: number
  readonly inputs: readonly InputStatus[]
  /** Minimum over the inputs; null while one of them has none. */
  readonly watermark: number | null
  /** Wall clock minus watermark. */
  readonly watermarkDelaySeconds: number | null
  /** Empty when not restoring. */
  readonly restore: readonly RestoreStatus[]
  readonly commits: CommitStatus
  /** Transactions thrown away. */
  readonly aborts: number
  /** Times that another owner made this one powerless. */
  readonly fenced: number
  readonly processed: number
  readonly filtered: number
  readonly late: number
  readonly refused: number
  readonly deadLetters: number
  /** Repartition records of an epoch that is over, or not written by Millrace. */
  readonly dropped: number
  /** Records left out because the application was behind, as their source says. */
  readonly shed: number
  /** Records that nobody will process, left out with consent (onSkip, onGap). */
  readonly leftOut: number
  /** Times that the state was cleared and began anew in a new epoch. */
  readonly resets: number
  readonly steps: readonly StepCounters[]
  readonly stores: StoreStatus
  readonly fault?: FaultStatus | undefined
}

/** A copy of a task's state that this worker keeps up to date for another one. */
export interface StandbyStatus {
  readonly task: string
  /** `waiting`: there is nothing to follow yet, or a fault is waited out. */
  readonly state: 'waiting' | 'following' | 'closed'
  /** Committed changelog offsets that the copy lacks; null: not known. */
  readonly lagRecords: number | null
  readonly sizeBytes: number
  readonly fault?: FaultStatus | undefined
}

/** Stores of tasks that went to other workers. */
export interface KeptStatus {
  readonly stores: number
  readonly bytes: number
  /** Removed because of age or size. */
  readonly removed: number
}

export interface WorkerIdentity {
  /** Chosen by the worker, stable while it lives. */
  readonly id: string
  /** Member id given by the group; empty before the first join. */
  readonly member: string
  readonly generation: number
  readonly state: WorkerState
  readonly startedAt: number
  readonly nodeVersion: string
  readonly millraceVersion: string
  /** Last time that the engine's loop made a turn; `/live` fails when it is too old. */
  readonly lastTurnAt: number
}

/** Sums over the tasks, lags as the largest. */
export interface TotalStatus {
  readonly tasks: number
  readonly running: number
  readonly restoring: number
  readonly stopped: number
  readonly lagRecords: number | null
  readonly lagSeconds: number | null
  readonly processed: number
  readonly filtered: number
  readonly late: number
  readonly refused: number
  readonly deadLetters: number
  readonly dropped: number
  readonly shed: number
  readonly leftOut: number
  readonly resets: number
  readonly commits: number
  readonly aborts: number
  readonly fenced: number
  readonly bufferedBytes: number
  readonly storeBytes: number
  /** Sum of what the restores still have to read. */
  readonly restoreRemaining: number
}

export interface EventLoopDelayStatus {
  readonly meanMs: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** The memory of a process against its budget, and what is done to keep within. */
export interface MemoryStatus {
  /** Setting memoryBytes, or less where a container's limit says so. */
  readonly budgetBytes: number
  readonly residentBytes: number
  /** How far the heaps may grow between full collections, percent of what lives in them. */
  readonly heapGrowthPercent: number
  /** Part of their memory for caches and commits that tasks may use: 1 unless memory is short. */
  readonly memoryShare: number
}

export interface WorkerStatus {
  readonly version: typeof STATUS_VERSION
  /** When the document was made. */
  readonly at: number
  readonly application: string
  readonly applicationVersion: number
  /** What the version does among the versions of the application; null: not known yet. */
  readonly role: VersionRole | null
  readonly worker: WorkerIdentity
  readonly tasks: readonly TaskStatus[]
  readonly totals: TotalStatus
  /** Absent in documents of older releases. */
  readonly standbys?: readonly StandbyStatus[]
  readonly kept?: KeptStatus
  readonly eventLoopDelay: EventLoopDelayStatus
  /** For how long the thread of the worker has been at work since it began, seconds. Absent in documents of older releases. */
  readonly busySeconds?: number
  /** Of the process; only where one looks after it (the command). */
  readonly memory?: MemoryStatus
  /** True while tasks restore: adding or removing workers now would restart that work elsewhere. */
  readonly doNotScale: boolean
  /** Why the worker stopped, when `worker.state` is `failed`. */
  readonly fault?: FaultStatus | undefined
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0)

/** Null as soon as one part is not known: a total that hides a part would read as "caught up". */
const known = (values: readonly (number | null)[], merge: (a: number, b: number) => number): number | null =>
  values.reduce<number | null>((total, value) => (total === null || value === null ? null : merge(total, value)), 0)

/** Lag of a task over its inputs; null while it has none open (stopped, restoring): such a task is behind by an unknown amount, not by 0. */
export function lagOf(task: TaskStatus, of: (input: InputStatus) => number | null, merge: (a: number, b: number) => number): number | null {
  return task.inputs.length === 0 ? null : known(task.inputs.map(of), merge)
}

/** The totals of the document, from its tasks. */
export function totalsOf(tasks: readonly TaskStatus[]): TotalStatus {
  const inputs = tasks.flatMap((task) => task.inputs)
  const inState = (state: TaskState): number => tasks.filter((task) => task.state === state).length
  return {
    tasks: tasks.length,
    running: inState('running'),
    restoring: inState('restoring'),
    stopped: inState('stopped'),
    lagRecords: known(
      tasks.map((task) =>
        lagOf(
          task,
          (input) => input.lagRecords,
          (a, b) => a + b,
        ),
      ),
      (a, b) => a + b,
    ),
    lagSeconds: known(
      tasks.map((task) => lagOf(task, (input) => input.lagSeconds, Math.max)),
      Math.max,
    ),
    processed: sum(tasks, (task) => task.processed),
    filtered: sum(tasks, (task) => task.filtered),
    late: sum(tasks, (task) => task.late),
    refused: sum(tasks, (task) => task.refused),
    deadLetters: sum(tasks, (task) => task.deadLetters),
    dropped: sum(tasks, (task) => task.dropped),
    shed: sum(tasks, (task) => task.shed),
    leftOut: sum(tasks, (task) => task.leftOut),
    resets: sum(tasks, (task) => task.resets),
    commits: sum(tasks, (task) => task.commits.count),
    aborts: sum(tasks, (task) => task.aborts),
    fenced: sum(tasks, (task) => task.fenced),
    bufferedBytes: sum(inputs, (input) => input.bufferedBytes),
    storeBytes: sum(tasks, (task) => task.stores.sizeBytes),
    restoreRemaining: sum(tasks, (task) => sum(task.restore, (restore) => restore.remaining)),
  }
}
