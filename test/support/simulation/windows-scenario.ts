/**
 * Two or three stages: a chain of hashes for each user, then windows with lateness for each page behind a repartition topic. With three
 * stages the users are repartitioned, too. Refused, filtered and late records are among them.
 */
import { createHash } from 'node:crypto'
import { json, minutes, seconds, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { KeyedStream } from 'millrace'
import type { Dice } from './dice.ts'
import { drawEventTime, EVENT_TIME_START, GARBAGE, parsed } from './scenario.ts'
import type { Draft, Facts, History, Outcome, Scenario } from './scenario.ts'

interface Ride {
  readonly user: string
  readonly page: string
  readonly at: number
  readonly id: number
}

export interface Link {
  readonly n: number
  readonly hash: string
}

interface PerPage {
  readonly page: string
  readonly start: number
  readonly count: number
  readonly sum: number
}

const rides = topic('rides', { key: text, value: json(type<Ride>()) })
const chains = topic('chains', { key: text, value: json(type<Link & Ride>()) })
const perPage = topic('per-page', { key: text, value: json(type<PerPage>()) })

const OUT_OF_ORDER_S = 5
const LATENESS_S = 10
const WINDOW_MS = 60_000
const USERS = 6
const PAGES = 3
const BAD_PAGE = '/bad'

/** No state says whether a sum forgot what it had: links of a chain do. */
export const nextLink = (before: Link | undefined, id: number): Link => ({
  n: (before?.n ?? 0) + 1,
  hash: createHash('sha1')
    .update(`${before?.hash ?? ''}:${id}`)
    .digest('base64')
    .slice(0, 8),
})
const isKept = (ride: Ride): boolean => ride.id % 11 !== 0

const windows = (stages: 2 | 3) =>
  topology('chained-rides', { version: 1 }, (flow) => {
    const kept: KeyedStream<string, Ride> = flow
      .stream(rides, { eventTime: (ride) => ride.at, outOfOrderness: seconds(OUT_OF_ORDER_S) })
      .filter(isKept)
    const links = (stages === 2 ? kept : kept.keyBy('user', (ride) => ride.user)).process('chain', {
      state: { last: valueState<Link>() },
      emits: type<Link & Ride>(),
      onRecord: (ride, { state, emit }) => {
        if (ride.page === BAD_PAGE) throw new Error('a bad page')
        const next = nextLink(state.last.get(), ride.id)
        state.last.set(next)
        emit({ ...next, ...ride })
      },
    })
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

export const windowsScenario = (stages: 2 | 3): Scenario => ({
  name: `windows in ${stages} stages`,
  topology: windows(stages),
  input: rides.topic,
  draft: drawRide,
  closing: (partitions, history) => {
    const last = Math.max(EVENT_TIME_START, ...history.flat().map(({ value }) => parsed<Ride>(value)?.at ?? 0))
    return Array.from({ length: partitions }, (_, partition) =>
      draftOf(partition, { user: `user-${partition}`, page: '/end', at: last + 600_000, id: 1_000_001 }),
    )
  },
  expected: (history) => recompute(history, stages),
  found: whatIsFound,
})

const draftOf = (partition: number, ride: Ride): Draft => ({ partition, key: ride.user, value: JSON.stringify(ride) })

function drawRide(dice: Dice, n: number, partitions: number): Draft {
  const number = dice.below(USERS)
  const user = `user-${number}`
  const page = dice.chance(0.03) ? BAD_PAGE : `/${dice.below(PAGES)}`
  const draft = draftOf(number % partitions, { user, page, at: drawEventTime(dice, n), id: n })
  return dice.chance(0.03) ? { ...draft, value: GARBAGE } : draft
}

function whatIsFound({ output, deadLetters, counts }: Outcome): Facts {
  const found: Record<string, string[]> = {}
  for (const { key, value } of output(chains.topic)) {
    const { n, hash } = value as Link // Written by the topology.
    ;(found[key] ??= []).push(`${n} ${hash}`)
  }
  const finals = output(perPage.topic).map(({ value }) => JSON.stringify(value))
  return { chains: found, finals: finals.toSorted(), refused: deadLetters, filtered: counts.filtered, late: counts.late }
}

class Recomputed {
  readonly last = new Map<string, Link>()
  readonly chains: Record<string, string[]> = {}
  readonly totals = new Map<string, PerPage>()
  refused = 0
  filtered = 0
  late = 0

  /** `stamp`: up to where the input was complete before the record. */
  take(ride: Ride, stamp: number): void {
    const next = nextLink(this.last.get(ride.user), ride.id)
    this.last.set(ride.user, next)
    ;(this.chains[ride.user] ??= []).push(`${next.n} ${next.hash}`)
    const start = Math.floor(ride.at / WINDOW_MS) * WINDOW_MS
    if (stamp >= start + WINDOW_MS + LATENESS_S * 1000) {
      this.late += 1
      return
    }
    const id = `${ride.page} ${start}`
    const total = this.totals.get(id) ?? { page: ride.page, start, count: 0, sum: 0 }
    this.totals.set(id, { ...total, count: total.count + 1, sum: total.sum + ride.id })
  }
}

function recompute(history: History, stages: 2 | 3): Facts {
  const result = new Recomputed()
  const watermarks = history.map((partition) => {
    let watermark = -Infinity
    for (const { value } of partition) {
      const ride = parsed<Ride>(value)
      const isBad = ride !== undefined && isKept(ride) && ride.page === BAD_PAGE
      if (ride === undefined || isBad) result.refused += 1
      // A record that the first stage refuses says nothing about time.
      if (ride === undefined || (isBad && stages === 2)) continue
      const stamp = watermark
      watermark = Math.max(watermark, ride.at - OUT_OF_ORDER_S * 1000)
      if (isBad) continue
      if (isKept(ride)) result.take(ride, stamp)
      else result.filtered += 1
    }
    return watermark
  })
  const end = Math.min(...watermarks) - LATENESS_S * 1000
  const closed = [...result.totals.values()].filter(({ start }) => start + WINDOW_MS <= end)
  const { chains: found, refused, filtered, late } = result
  return { chains: found, finals: closed.map((one) => JSON.stringify(one)).toSorted(), refused, filtered, late }
}
