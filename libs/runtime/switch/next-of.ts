/** How a task goes on that is acquired now, by what the shared topic says at this moment. */
import { Fault } from '../../faults/fault.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { continuation } from './task-switch.ts'
import type { Continuation } from './task-switch.ts'
import type { VersionSwitch } from './version-switch.ts'

export interface NextContext {
  readonly task: { readonly name: string }
  readonly switching: VersionSwitch
  readonly signal: AbortSignal
}

/** The live version cannot be reset while a switch is open: the shadow would stand where it never comes again (hole S10). Tried again. */
export function refuseResetInSwitch({ task, switching }: NextContext): void {
  const { open } = switching.shared
  if (open === undefined || (open.from !== switching.version && open.to !== switching.version)) return
  throw new Fault(
    'MR5084',
    'acquire-again',
    `${task.name}: somebody moved the group's offsets back, and the switch ${open.s} from v${open.from} to v${open.to} is open: the reset waits until it is decided`,
    { place: { task: task.name } },
  )
}

/** Fault MR5080 where its commit record and the shared topic contradict each other. */
export async function nextOf(
  { task, switching, signal }: NextContext,
  record: CommitRecord | undefined,
): Promise<Exclude<Continuation, { kind: 'contradiction' }>> {
  const next = continuation(record, switching.version, await switching.upToDate(signal))
  if (next.kind !== 'contradiction') return next
  throw new Fault(
    'MR5080',
    'stop-task',
    `${task.name}: ${next.why}: ${switching.topic} was changed by hand or deleted, and going on could double or lose results. Nothing was changed. Restore the topic, or start a new version that reprocesses the inputs`,
    { place: { task: task.name, topic: switching.topic } },
  )
}
