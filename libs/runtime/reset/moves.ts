/**
 * What it means that somebody moved committed offsets: over the vector of one task, or of all external inputs of an application whose stages
 * reset together (engine.md 6.1). Pure.
 *
 * An offset was moved when it has lost our marker, also where a tool wrote the position that stood there before: because the partition is
 * empty or quiet (hole H6b).
 */
import type { Marker } from '../task/commit-record.ts'

export interface CommittedFacts {
  readonly position: number
  readonly marker: Marker | undefined
}

/** One partition, with where the state stands: S, or the announced start of an epoch that the task has not followed yet. */
export interface Standing {
  /** 'topic:partition' */
  readonly id: string
  readonly committed: CommittedFacts | undefined
  /** Undefined: the task has never run. */
  readonly stands: number | undefined
  /** What the state has read, in whatever epoch; further than `stands` where an announced epoch is not followed yet. */
  readonly read?: number | undefined
  readonly logStart: number
}

export const isMoved = ({ committed }: Pick<Standing, 'committed'>): boolean => committed !== undefined && committed.marker === undefined

export const isMovedBack = (one: Standing): boolean =>
  isMoved(one) && one.committed !== undefined && one.stands !== undefined && one.committed.position < Math.max(one.stands, one.read ?? 0)

export const isMovedForward = (one: Standing): boolean =>
  isMoved(one) && !isMovedBack(one) && one.committed !== undefined && one.stands !== undefined && one.committed.position > one.stands

/** What was read of it would be missing in a state that starts anew. */
export const hasDataToReplay = (one: Standing): boolean => one.stands !== undefined && one.stands > one.logStart

export type MoveVerdict =
  | { readonly kind: 'none' }
  /** The new epoch starts at these positions; a partition without one begins at its configured start. */
  | { readonly kind: 'rewind'; readonly positions: ReadonlyMap<string, number>; readonly moved: readonly string[] }
  /** State would lose what it has from `left`. */
  | { readonly kind: 'partial'; readonly moved: readonly string[]; readonly left: readonly string[] }

export function judgeMove(partitions: readonly Standing[]): MoveVerdict {
  const back = partitions.filter(isMovedBack)
  if (back.length === 0) return { kind: 'none' }
  const moved = back.map(({ id }) => id)
  const left = partitions.filter((one) => !isMoved(one) && hasDataToReplay(one))
  if (left.length > 0) return { kind: 'partial', moved, left: left.map(({ id }) => id) }
  const positions = new Map<string, number>()
  for (const one of partitions) {
    const start = isMoved(one) ? one.committed?.position : (one.stands ?? one.committed?.position)
    if (start !== undefined) positions.set(one.id, start)
  }
  return { kind: 'rewind', positions, moved }
}
