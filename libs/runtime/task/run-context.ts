/** What one stretch of a task's work needs from around it, and what it leaves behind when it fails. */
import type { Bounds } from '../batch/bounds.ts'
import type { CommitRecord } from './commit-record.ts'
import type { EffectCall } from '../../dataflow/plan.ts'
import type { CommitProbe } from './commit.ts'
import type { Poison } from './decode.ts'
import type { Clock } from '../ports/clock.ts'
import type { EffectRunner } from '../effects/effect-runner.ts'
import type { GroupIdentity } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'
import type { VersionSwitch } from '../switch/version-switch.ts'
import type { TaskCounters } from './task-counters.ts'
import type { TaskWiring } from '../worker/wiring.ts'

/** 'topic:partition' → position. */
export type Positions = Readonly<Record<string, number>>

export interface RunContext {
  readonly application: string
  readonly task: TaskWiring
  readonly settings: Settings
  readonly clock: Clock
  readonly probe: CommitProbe
  readonly switching: VersionSwitch
  readonly effects: EffectRunner
  readonly listsEffects: boolean
  /** Looks for user code that changes values in place (test kit). */
  readonly freezeValues: boolean
  /** Where the inputs end; undefined: a stream. */
  readonly bounds: Bounds | undefined
  readonly deadLetters: { readonly topic: string; readonly partitions: number }
  /** Up to here records are committed one by one. */
  readonly careful: Positions | undefined
  /** A commit is due, or waited for, when outputs and changed state reach this size. */
  commitBytesMax(): number
  /** Largest record that a topic takes, bytes. */
  recordBytesMax(topic: string): number
  identity(): GroupIdentity
  readonly poison: Poison
  /** Something changed that the task's loop should look at. */
  wake(): void
  onCommitted(milliseconds: number): void
}

/** A layer that was sent and of which nobody knows yet whether it happened. */
export interface UnsettledLayer {
  readonly record: Pick<CommitRecord, 'n' | 'acquisition' | 'positions'>
  readonly counts: Readonly<TaskCounters>
  /** Calls to the world that are made if it happened. */
  readonly effects: readonly EffectCall[]
}
