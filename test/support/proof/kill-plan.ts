/** Which kills a run has, in which order, and what lies on the disk before each start. Pure. */
import { failPoints } from '../../../libs/faults/fail-points.ts'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'
import { seededRandom } from '../ledger-orders.ts'

export interface PlannedKill {
  readonly point: FailPoint
  /** How often the point is passed alive. */
  readonly count: number
  /** `empty`: a fresh disk, so that all is restored. `damaged`: a store that cannot be continued. */
  readonly disk: 'as it is' | 'empty' | 'damaged'
  /** Another worker joins when this one runs. */
  readonly guest: boolean
}

/** Those with a prefix are passed by a reset or a switch, which this run does not have. */
const workerPoints = (Object.keys(failPoints) as FailPoint[]).filter((point) => !point.includes(':'))

/**
 * What must come right before at the same worker: a transaction that is left open, which the start ends; a store that is one commit
 * behind, which the start restores; a store at all. So they are one unit, and no other worker takes a part of it.
 */
const before: Readonly<Partial<Record<FailPoint, FailPoint>>> = {
  aborting: 'part-produced',
  'after-initialise': 'after-send',
  restoring: 'after-end-of-transaction',
  wiping: 'after-store-write',
}
const leaders = new Set(Object.values(before))

export interface KillPlan {
  /** Each point so often. */
  readonly rounds: number
  /** That each worker has for certain: a point that each passes once is reached by then. */
  readonly tasks: number
  /** The same seed deals the same units to all shares. */
  readonly seed: number
  /** Every `of`-th unit from this one on: what one of several runs does that together reach every point. Default: all. */
  readonly share?: { readonly index: number; readonly of: number }
}

/** Each point once a round, in another order in each. */
export function planKills({ rounds, tasks, seed, share = { index: 0, of: 1 } }: KillPlan): PlannedKill[][] {
  const random = seededRandom(seed)
  const units: (readonly [round: number, FailPoint])[] = []
  for (let round = 0; round < rounds; round++) {
    const points = workerPoints.filter((point) => !leaders.has(point))
    units.push(
      ...shuffled(points, random)
        .toSorted(wipingFirst)
        .map((point) => [round, point] as const),
    )
  }
  return units
    .filter((_, index) => index % share.of === share.index)
    .map(([round, point]) => {
      const first = before[point]
      return [...(first === undefined ? [] : [killAt(first, tasks, random)]), killAt(point, tasks, random, round)]
    })
}

/** So the first share has it where there is one round: with several workers a damaged store may wait long for its task to come back. */
const wipingFirst = (one: FailPoint, other: FailPoint): number => Number(other === 'wiping') - Number(one === 'wiping')

function killAt(point: FailPoint, tasks: number, random: () => number, round = 0): PlannedKill {
  const few = point === 'aborting' || point === 'after-initialise'
  const once = point === 'restoring' || point === 'wiping' || point === 'revoked'
  // Some commits of each task first, so that it can be seen that the worker goes on.
  const count = once ? 1 : few ? 1 + Math.floor((random() * tasks) / 2) : tasks + Math.floor(random() * tasks * 2)
  // With an empty disk every other round, or with a store one commit behind.
  const disk = point === 'wiping' ? 'damaged' : point === 'restoring' && round % 2 === 0 ? 'empty' : 'as it is'
  return { point, count, disk, guest: point === 'revoked' }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item)
}
