/**
 * When nothing may be reset: while versions are being switched (engine.md 6.2.7, hole S10), since a switch compares positions of both and neither
 * may move meanwhile; and when a batch has ended.
 */
import { Fault } from '../../faults/fault.ts'
import { sharedTopic } from '../switch/shared-state.ts'
import { readShared } from '../switch/shared-topic.ts'
import type { ApplicationContext, ApplicationView } from './application-view.ts'

/** Fault MR5067 by what the log says now. A task that resets itself waits instead (switch/next-of.ts). */
export async function checkNoSwitch({ log, clock, wiring, settings, signal }: ApplicationContext): Promise<void> {
  const { name, version } = wiring.plan
  const topic = sharedTopic(name)
  if (!(await log.admin.describeTopics([topic])).has(topic)) return
  const { open } = await readShared({ log, clock, application: name, stallMs: settings.restoreStallMs, signal })
  if (open?.from === version || open?.to === version)
    throw inSwitch(wiring.names.group, `switch ${open.s} from v${open.from} to v${open.to} is open`)
}

export function checkStatus(group: string, { commitRecords }: Pick<ApplicationView, 'commitRecords'>): void {
  const switched = [...commitRecords].filter(([, record]) => record.status === 'halted' || record.status === 'retired')
  if (switched.length === 0) return
  const list = switched.map(([task, { status }]) => `${task} is ${status}`).join(', ')
  throw inSwitch(group, list)
}

/** A task that has ended does not begin again (engine.md 6.3). Fault MR5038. */
export function checkNotEnded(group: string, { commitRecords }: Pick<ApplicationView, 'commitRecords'>): void {
  const ended = [...commitRecords].flatMap(([task, { status }]) => (status === 'ended' ? [task] : []))
  if (ended.length > 0) throw endedBatch(group, `${ended.join(', ')} ended`)
}

export const endedBatch = (group: string, why: string): Fault =>
  new Fault(
    'MR5038',
    'stop-task',
    `${group} is a batch, and ${why}: what has ended does not begin again, so nothing was changed. Give the topology a new version to compute everything again; or delete the moved offsets (kafka-consumer-groups --delete-offsets) to leave the results as they are`,
  )

const inSwitch = (group: string, why: string): Fault =>
  new Fault(
    'MR5067',
    'stop-task',
    `${group} takes part in a switch of versions (${why}): a reset now would take the ground away from the other version, so nothing was changed. End the switch first, or reset the version that is live`,
  )
