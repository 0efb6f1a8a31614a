/** How far a version has come beside the live one: positions of both groups and the ends of the log, gathered at one moment. */
import { internalNames } from '../../dataflow/plan.ts'
import { partitionId } from '../ports/log.ts'
import type { Log } from '../ports/log.ts'
import type { VersionFacts } from './shared-state.ts'

export interface PartitionProgress {
  readonly id: string
  readonly logStart: number
  readonly end: number
  /** Null: the version has committed nothing there yet. */
  readonly position: number | null
  /** Where the live version stands; null: it does not read the partition, or has committed nothing. */
  readonly live: number | null
}

export interface Progress {
  readonly at: number
  readonly partitions: readonly PartitionProgress[]
  /** Offsets of the inputs that the version has passed. */
  readonly done: number
  /** To where the live version stands; what it does not read counts to the end. */
  readonly remaining: number
  /** From where the live version stands to the end. */
  readonly liveLag: number
  readonly members: number
}

export async function progressOf(
  log: Log,
  application: string,
  facts: VersionFacts,
  live: number | undefined,
  at: number,
): Promise<Progress> {
  const described = await log.admin.describeTopics(facts.inputs)
  const all = [...described.values()].flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  )
  const { group } = internalNames(application, facts.version)
  const [own, lives, ranges, { members }] = await Promise.all([
    log.admin.committed(group, all),
    live === undefined ? new Map() : log.admin.committed(internalNames(application, live).group, all),
    log.admin.ranges(all),
    log.admin.describeGroup(group),
  ])
  const partitions = all.map(({ topic, partition }): PartitionProgress => {
    const id = partitionId(topic, partition)
    const { logStart, end } = ranges.get(id) ?? { logStart: 0, end: 0 }
    return { id, logStart, end, position: own.get(id)?.position ?? null, live: lives.get(id)?.position ?? null }
  })
  return { at, partitions, members, ...sumsOf(partitions) }
}

export function sumsOf(partitions: readonly PartitionProgress[]): Pick<Progress, 'done' | 'remaining' | 'liveLag'> {
  let done = 0
  let remaining = 0
  let liveLag = 0
  for (const { logStart, end, position, live } of partitions) {
    const at = Math.max(logStart, position ?? logStart)
    const goal = live ?? end
    done += Math.max(0, at - logStart)
    remaining += Math.max(0, goal - at)
    liveLag += Math.max(0, end - goal)
  }
  return { done, remaining, liveLag }
}

export interface Speed {
  /** Records per second; null: not known yet. */
  readonly rate: number | null
  readonly etaSeconds: number | null
}

/** Between two moments. */
export function speedBetween(before: Progress, after: Progress): Speed {
  const seconds = (after.at - before.at) / 1_000
  if (seconds <= 0) return { rate: null, etaSeconds: null }
  const rate = Math.max(0, (after.done - before.done) / seconds)
  return { rate, etaSeconds: after.remaining === 0 ? 0 : rate > 0 ? after.remaining / rate : null }
}
