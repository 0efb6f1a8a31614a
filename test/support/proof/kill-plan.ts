/** Which kills a run has, in which order, and what lies on the disk before each start. Pure. */
import { failPoints } from '../../../libs/faults/fail-points.ts'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'

export interface PlannedKill {
  readonly point: FailPoint
  /** How often the point is passed alive. */
  readonly count: number
  /** `empty`: a fresh disk, so that all is restored. `damaged`: a store that cannot be continued. */
  readonly disk: 'as it is' | 'empty' | 'damaged'
  /** Another worker joins when this one runs. */
  readonly guest: boolean
}

/** Not passed by a worker: `millrace reset` does. */
const workerPoints = (Object.keys(failPoints) as FailPoint[]).filter((point) => !point.startsWith('announce:'))

/**
 * What must come right before at the same worker: a transaction that is left open, which the start ends; a store that is one commit
 * behind, which the start restores. So they are one unit, and no other worker takes a part of it.
 */
const before: Readonly<Partial<Record<FailPoint, FailPoint>>> = {
  aborting: 'part-produced',
  'after-initialise': 'after-send',
  restoring: 'after-end-of-transaction',
}

/** Each point `perPoint` times, in another order in each round. */
export function planKills(perPoint: number, tasks: number, random: () => number): PlannedKill[][] {
  const units: PlannedKill[][] = []
  const leaders = new Set(Object.values(before))
  for (let round = 0; round < perPoint; round++) {
    const ofRound = workerPoints
      .filter((point) => !leaders.has(point))
      .map((point) => {
        const first = before[point]
        // With an empty disk every round, or with a store one commit behind, in turn.
        return [...(first === undefined ? [] : [killAt(first, tasks, random)]), killAt(point, tasks, random, round)]
      })
    units.push(...shuffled(ofRound, random))
  }
  return units
}

function killAt(point: FailPoint, tasks: number, random: () => number, round = 0): PlannedKill {
  const few = point === 'aborting' || point === 'after-initialise'
  const once = point === 'restoring' || point === 'wiping' || point === 'revoked'
  // Some commits of each task first, so that it can be seen that the worker goes on.
  const count = once ? 1 : few ? 1 + Math.floor((random() * tasks) / 2) : tasks + Math.floor(random() * tasks * 2)
  const disk = point === 'wiping' ? 'damaged' : point === 'restoring' && round % 2 === 0 ? 'empty' : 'as it is'
  return { point, count, disk, guest: point === 'revoked' }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item)
}
