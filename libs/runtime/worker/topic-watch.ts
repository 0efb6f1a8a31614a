/**
 * Looks at the topics again while a worker runs: partitions that were added to an input, and topics that were deleted, would otherwise be
 * seen at the next start only. Deciding part: `changedTopics`.
 */
import { Fault } from '../../faults/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { LogAdmin, TopicDescription } from '../ports/log.ts'
import type { Note } from '../note.ts'
import { internalTopics } from './internal-topics.ts'
import type { Wiring } from './wiring.ts'

const internalNamesOf = (wiring: Wiring): string[] => internalTopics(wiring, -1).map(({ name }) => name)

/** What a worker cannot go on with; undefined: all is as it was wired. Pure. */
export function changedTopics(wiring: Wiring, found: ReadonlyMap<string, Pick<TopicDescription, 'partitions'>>): Fault | undefined {
  const gone = internalNamesOf(wiring).filter((name) => !found.has(name))
  if (gone.length > 0) return internalGone(wiring, gone)
  for (const topic of wiring.externalInputs) {
    const wired = wiring.partitions.get(topic) ?? 0
    const partitions = found.get(topic)?.partitions
    if (partitions === undefined) return inputGone(wiring, topic)
    if (partitions !== wired) return inputGrew(wiring, topic, wired, partitions)
  }
  return undefined
}

/** A fault that the log has told of a topic, in the words of the application where the topic is its own. */
export function explained(wiring: Wiring | undefined, fault: Error): Error {
  if (!(fault instanceof Fault) || fault.code !== 'MR3005' || wiring === undefined) return fault
  const { topic } = fault.place
  return topic !== undefined && internalNamesOf(wiring).includes(topic) ? internalGone(wiring, [topic], fault) : fault
}

const titleOf = ({ plan }: Wiring): string => `${plan.name} v${plan.version}`

const internalGone = (wiring: Wiring, names: readonly string[], cause?: Fault): Fault =>
  new Fault(
    'MR5043',
    'stop',
    `internal topics of ${titleOf(wiring)} were deleted while it runs: ${names.join(', ')}. What they held is lost, and an empty one would hide that, so the worker stopped and nothing was created. Restore them, or use a new version of the application to reprocess`,
    { place: { topic: names[0] }, cause },
  )

const inputGone = (wiring: Wiring, topic: string): Fault =>
  new Fault(
    'MR5008',
    'stop',
    `the topic ${topic} of ${titleOf(wiring)} does not exist any more; it was deleted while the worker ran. Make it again with its records, or give the topology a new version`,
    { place: { topic } },
  )

const inputGrew = (wiring: Wiring, topic: string, wired: number, found: number): Fault =>
  new Fault(
    'MR5005',
    'stop',
    `the input ${topic} of ${titleOf(wiring)} has ${found} partitions, and had ${wired} when the state was built. Keys have moved to other partitions than their state, so the worker stopped. Give the topology a new version, which builds its state anew`,
    { place: { topic } },
  )

export interface TopicWatchContext {
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly wiring: Wiring
  /** 0: never. */
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly note: Note
  /** Called after each look that found nothing. */
  onQuiet(): void
  onChanged(fault: Fault): void
}

/** A change is believed when it is there a second time: a broker that has just started may not know all topics. */
const SECOND_LOOK_MS = 3_000

/** Ends with the signal, or with the first change. */
export async function watchTopics(context: TopicWatchContext): Promise<void> {
  const { clock, intervalMs, signal } = context
  if (intervalMs === 0) return
  for (;;) {
    await clock.sleep(intervalMs, signal)
    if (signal.aborted) return
    let changed = await look(context)
    if (changed !== undefined) {
      await clock.sleep(SECOND_LOOK_MS, signal)
      if (signal.aborted) return
      changed = await look(context)
    }
    if (signal.aborted) return
    if (changed !== undefined) return context.onChanged(changed)
    context.onQuiet()
  }
}

async function look({ admin, wiring, note }: TopicWatchContext): Promise<Fault | undefined> {
  try {
    return changedTopics(wiring, await admin.describeTopics([...wiring.externalInputs, ...internalNamesOf(wiring)]))
  } catch (error) {
    // A broker that is away says nothing about topics.
    note('debug', `topics could not be looked at: ${error instanceof Error ? error.message : String(error)}`, {})
    return undefined
  }
}
