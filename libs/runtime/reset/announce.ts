/**
 * Announces a new epoch to all tasks of an application (engine.md 6.1). The order is what makes it safe:
 *
 *   1  the control topic's producer is taken over     no other announcement can be under way, or end later
 *   2  the producer of every task is taken over       what they had open is aborted; they notice at their next request and acquire again
 *   3  offsets and commit records are read            only now: they are facts
 *   4  one transaction: the announcement, and the offsets of every external partition with its marker
 *
 * Killed before 4 nothing happened but the fences, which cost the tasks a new acquisition; after 4 it is done. A task that acquired between 2
 * and 4, and went on in its old epoch for a while, reads the announcement later and follows it: whatever the group's offsets say then.
 */
import { Fault } from '../../faults/fault.ts'
import { stopFault } from '../acquire/compare-positions.ts'
import { announcedMarker, announcementRecord, fenceRecord } from './announcement.ts'
import type { Announcement, AnnounceStep } from './announcement.ts'
import { readApplication } from './application-view.ts'
import type { ApplicationContext, ApplicationPartition, ApplicationView } from './application-view.ts'
import { judgeMove } from './moves.ts'
import { checkNoSwitch, checkNotEnded, checkStatus } from './may-reset.ts'
import { encodeMarker } from '../task/commit-record.ts'
import type { GroupIdentity, PositionToCommit, TransactionalProducer } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'

export interface AnnounceContext extends ApplicationContext {
  readonly settings: Settings
  identity(): GroupIdentity
  onNote(level: 'info' | 'warn', message: string, facts: Readonly<Record<string, unknown>>): void
  /** Called after each step; a test throws there, or ends the process. */
  onStep(step: AnnounceStep): void
}

/** Where the epoch starts; undefined: there is nothing to announce. Throws a Fault when it must not be. */
export type ChooseStart = (view: ApplicationView) => ReadonlyMap<string, number> | undefined

/** Fenced tasks at a time. */
const FENCES_AT_ONCE = 8

/**
 * With one stage a task may begin an epoch of its own, since a tool has moved its offsets, between the look at the facts and the announcement: the
 * number after the newest. An announcement with that number would never be followed there, so it leaves it out.
 */
const nextEpoch = ({ epoch, manyStages }: ApplicationView): number => epoch + (manyStages ? 1 : 2)

/** Undefined: there was nothing to announce (any more). */
export async function announce(context: AnnounceContext, choose: ChooseStart): Promise<Announcement | undefined> {
  const { log, clock, wiring, settings } = context
  const producer = await log.openProducer(wiring.names.control, { transactionTimeoutMs: settings.transactionTimeoutMs })
  try {
    context.onStep('announce:control-taken')
    await fenceTasks(context)
    context.onStep('announce:tasks-fenced')
    const view = await readApplication(context)
    const announcement = await chosen(context, producer, view, choose)
    context.onStep('announce:facts-read')
    if (announcement === undefined) return undefined
    await producer.send([{ topic: wiring.names.control, partition: 0, records: [announcementRecord(announcement, clock.now())] }])
    await producer.sendPositions(context.identity(), offsetsOf(view.partitions, announcement))
    context.onStep('announce:sent')
    await producer.commit()
    context.onStep('announce:done')
    context.onNote(
      'warn',
      `${wiring.names.group}: epoch ${announcement.epoch} is announced: all state begins anew at the given positions`,
      {
        epoch: announcement.epoch,
        positions: announcement.positions,
      },
    )
    return announcement
  } finally {
    await producer.close().catch((error: unknown) => context.onNote('warn', `closing failed: ${String(error)}`, {}))
  }
}

/** A refusal is to be believed only of the one who still holds the control topic: what others have read may be half of an announcement. */
async function chosen(
  context: AnnounceContext,
  producer: TransactionalProducer,
  view: ApplicationView,
  choose: ChooseStart,
): Promise<Announcement | undefined> {
  const { wiring, clock } = context
  const { control, group } = wiring.names
  try {
    await checkNoSwitch(context)
    const { stateId } = view.control.manifest ?? {}
    if (stateId === undefined) throw neverRan(group)
    checkStatus(group, view)
    checkNotEnded(group, view)
    const positions = choose(view)
    return positions === undefined ? undefined : { stateId, epoch: nextEpoch(view), positions: Object.fromEntries(positions) }
  } catch (refusal) {
    await producer.send([{ topic: control, partition: 0, records: [fenceRecord(clock.now())] }])
    await producer.commit()
    throw refusal
  }
}

async function fenceTasks({ log, wiring, settings }: AnnounceContext): Promise<void> {
  for (let from = 0; from < wiring.tasks.length; from += FENCES_AT_ONCE) {
    await Promise.all(
      wiring.tasks.slice(from, from + FENCES_AT_ONCE).map(async ({ transactionalId }) => {
        const fence = await log.openProducer(transactionalId, { transactionTimeoutMs: settings.transactionTimeoutMs })
        await fence.close()
      }),
    )
  }
}

function offsetsOf(partitions: readonly ApplicationPartition[], announcement: Announcement): PositionToCommit[] {
  const metadata = encodeMarker(announcedMarker(announcement))
  return partitions.flatMap(({ id, topic, partition }) => {
    const position = announcement.positions[id]
    return position === undefined ? [] : [{ topic, partition, position, metadata }]
  })
}

/** Where a tool has left the offsets. Undefined: nobody has moved them back (any more). Faults MR5022, MR5026 and MR5027. */
export const whereMoved =
  (group: string, onGap: Settings['onGap']): ChooseStart =>
  (view) => {
    const verdict = judgeMove(view.partitions)
    if (verdict.kind === 'none') return undefined
    if (verdict.kind === 'partial') throw stopFault(group, { reason: 'partial', ids: verdict.moved, left: verdict.left })
    checkWithinLog(group, view, verdict.positions, onGap)
    return verdict.positions
  }

/** A start that the log cannot give is refused as a whole, before anything is changed. With `accept-gap` each task tells and counts its own gap. */
export function checkWithinLog(
  group: string,
  { partitions }: Pick<ApplicationView, 'partitions'>,
  positions: ReadonlyMap<string, number>,
  onGap: Settings['onGap'],
): void {
  const concerned = partitions.flatMap((one) => {
    const position = positions.get(one.id)
    return position === undefined ? [] : [{ ...one, position }]
  })
  const recreated = concerned.filter((one) => one.identity === 'different' || one.position > one.logEnd)
  if (recreated.length > 0) throw stopFault(group, { reason: 'recreated', ids: recreated.map(({ id }) => id) })
  const below = concerned.filter((one) => one.position < one.logStart)
  if (below.length > 0 && onGap === 'fail') throw stopFault(group, { reason: 'gap', ids: below.map(({ id }) => id) })
}

export const neverRan = (group: string): Fault =>
  new Fault(
    'MR5068',
    'stop',
    `${group} has never run, so there is nothing to reset: set startAt to begin elsewhere than at the earliest record`,
  )
