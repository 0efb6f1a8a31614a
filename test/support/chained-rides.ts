/** The topology of the simulation, and what plain loops make of the same input. */
import { createHash } from 'node:crypto'
import { json, minutes, seconds, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { Flow } from 'millrace'

export interface Ride {
  readonly page: string
  readonly at: number
  readonly id: number
}

interface Link {
  readonly n: number
  readonly hash: string
}

interface PerPage {
  readonly page: string
  readonly start: number
  readonly count: number
  readonly sum: number
}

export const rides = topic('rides', { key: text, value: json(type<Ride>()) })
export const chains = topic('chains', { key: text, value: json(type<Link & Ride>()) })
export const perPage = topic('per-page', { key: text, value: json(type<PerPage>()) })

const OUT_OF_ORDER_S = 5
const LATENESS_S = 10
const WINDOW_MS = 60_000
/** No state says whether a sum forgot what it had: links of a chain do. */
const link = (before: Link | undefined, id: number): Link => ({
  n: (before?.n ?? 0) + 1,
  hash: createHash('sha1')
    .update(`${before?.hash ?? ''}:${id}`)
    .digest('base64')
    .slice(0, 8),
})
const isKept = (ride: Ride): boolean => ride.id % 11 !== 0
export const BAD_PAGE = '/bad'
export const GARBAGE = 'no json'

const chainOf = (flow: Flow) =>
  flow
    .stream(rides, { eventTime: (ride) => ride.at, outOfOrderness: seconds(OUT_OF_ORDER_S) })
    .filter(isKept)
    .process('chain', {
      state: { last: valueState<Link>() },
      emits: type<Link & Ride>(),
      onRecord: (ride, { state, emit }) => {
        if (ride.page === BAD_PAGE) throw new Error('a bad page')
        const next = link(state.last.get(), ride.id)
        state.last.set(next)
        emit({ ...next, page: ride.page, at: ride.at, id: ride.id })
      },
    })

/** The first stage alone. */
export const onlyChains = topology('only-chains', { version: 1 }, (flow) => {
  chainOf(flow).to(chains)
})

export const chainedRides = topology('chained-rides', { version: 1 }, (flow) => {
  const links = chainOf(flow)
  links.to(chains)
  links
    .keyBy('page', (one) => one.page)
    .window('minute', tumbling(minutes(1)), { lateness: seconds(LATENESS_S) })
    .aggregate({
      initial: () => ({ count: 0, sum: 0 }),
      add: (total, one) => ({ count: total.count + 1, sum: total.sum + one.id }),
      result: (total, { key, window }) => ({ page: key, start: window.start, ...total }),
    })
    .to(perPage)
})

export interface Sent {
  readonly partition: number
  readonly key: string
  readonly ride: Ride | typeof GARBAGE
}

export interface Expected {
  /** User → hashes in order. */
  readonly chains: Readonly<Record<string, readonly string[]>>
  /** Finals as JSON, sorted. */
  readonly finals: readonly string[]
  readonly refused: number
  readonly filtered: number
  /** Records of the second stage, and those of them that were too late. */
  readonly links: number
  readonly late: number
}

/** `all`: in the order of each partition. The last records must be beyond every window. */
export function recompute(all: readonly Sent[]): Expected {
  const last = new Map<string, Link>()
  const found: Record<string, string[]> = {}
  const windows = new Map<string, PerPage>()
  const watermarks = new Map<number, number>()
  const count = { refused: 0, filtered: 0, links: 0, late: 0 }
  for (const { partition, key, ride } of all) {
    if (ride === GARBAGE || (isKept(ride) && ride.page === BAD_PAGE)) {
      count.refused += 1
      continue
    }
    const stamp = watermarks.get(partition) ?? -Infinity
    watermarks.set(partition, Math.max(stamp, ride.at - OUT_OF_ORDER_S * 1000))
    if (!isKept(ride)) {
      count.filtered += 1
      continue
    }
    const next = link(last.get(key), ride.id)
    last.set(key, next)
    ;(found[key] ??= []).push(`${next.n} ${next.hash}`)
    count.links += 1
    const start = Math.floor(ride.at / WINDOW_MS) * WINDOW_MS
    if (stamp >= start + WINDOW_MS + LATENESS_S * 1000) {
      count.late += 1
      continue
    }
    const id = `${ride.page} ${start}`
    const total = windows.get(id) ?? { page: ride.page, start, count: 0, sum: 0 }
    windows.set(id, { ...total, count: total.count + 1, sum: total.sum + ride.id })
  }
  const end = Math.min(...watermarks.values()) - LATENESS_S * 1000
  const closed = [...windows.values()].filter(({ start }) => start + WINDOW_MS <= end)
  return { ...count, chains: found, finals: closed.map((one) => JSON.stringify(one)).toSorted() }
}
