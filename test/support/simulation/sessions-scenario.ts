/**
 * One stage with event-time timers: a chain of hashes for each user that ends, and leaves a tombstone, when the user is quiet for a while.
 * What is written, and in which order, follows from each partition alone.
 */
import { json, seconds, text, topic, topology, type, valueState } from 'millrace'
import type { Dice } from './dice.ts'
import { drawEventTime, EVENT_TIME_START, GARBAGE, parsed } from './scenario.ts'
import type { Draft, Facts, Outcome, Received, Scenario } from './scenario.ts'
import { nextLink } from './windows-scenario.ts'
import type { Link } from './windows-scenario.ts'

interface Visit {
  readonly at: number
  readonly id: number
}

interface Told {
  readonly what: 'visit' | 'quiet'
  readonly n: number
  readonly hash: string
}

const visits = topic('visits', { key: text, value: json(type<Visit>()) })
const told = topic('told', { key: text, value: json(type<Told>()) })

const OUT_OF_ORDER_S = 5
const QUIET_MS = 40_000
const USERS = 6

const sessions = topology('sessions', { version: 1 }, (flow) => {
  flow
    .stream(visits, { eventTime: (visit) => visit.at, outOfOrderness: seconds(OUT_OF_ORDER_S) })
    .process('session', {
      state: { last: valueState<Link>() },
      timers: { quiet: 'event-time' },
      emits: type<Told>(),
      onRecord: (visit, { state, timers, watermark, emit }) => {
        const next = nextLink(state.last.get(), visit.id)
        state.last.set(next)
        timers.quiet.at(Math.max(visit.at, watermark) + QUIET_MS)
        emit({ what: 'visit', ...next })
      },
      onTimer: {
        quiet: (_, { state, emit }) => {
          emit({ what: 'quiet', ...(state.last.get() ?? { n: 0, hash: 'nothing' }) })
          state.last.clear()
        },
      },
    })
    .to(told)
})

export const sessionsScenario: Scenario = {
  name: 'sessions',
  topology: sessions,
  input: visits.topic,
  draft: drawVisit,
  closing: (partitions, history) => {
    const last = Math.max(EVENT_TIME_START, ...history.flat().map(({ value }) => parsed<Visit>(value)?.at ?? 0))
    return Array.from({ length: partitions }, (_, partition) =>
      draftOf(partition, `end-${partition}`, { at: last + 600_000, id: 1_000_001 }),
    )
  },
  expected: (history) => {
    const all: Record<string, string[]> = {}
    let refused = 0
    for (const partition of history) refused += tell(partition, all)
    return { told: all, refused }
  },
  found: ({ output, deadLetters }: Outcome): Facts => {
    const all: Record<string, string[]> = {}
    for (const { key, value } of output(told.topic)) {
      const { what, n, hash } = value as Told // Written by the topology.
      ;(all[key] ??= []).push(`${what} ${n} ${hash}`)
    }
    return { told: all, refused: deadLetters }
  },
}

const draftOf = (partition: number, key: string, visit: Visit): Draft => ({ partition, key, value: JSON.stringify(visit) })

function drawVisit(dice: Dice, n: number, partitions: number): Draft {
  const user = dice.below(USERS)
  const draft = draftOf(user % partitions, `user-${user}`, { at: drawEventTime(dice, n), id: n })
  return dice.chance(0.02) ? { ...draft, value: GARBAGE } : draft
}

/** Adds what is told of one partition; answers how many records are refused. */
function tell(partition: readonly Received[], all: Record<string, string[]>): number {
  const last = new Map<string, Link>()
  const due = new Map<string, number>()
  let watermark = -Infinity
  let refused = 0
  const say = (key: string, what: string, { n, hash }: Link): void => {
    ;(all[key] ??= []).push(`${what} ${n} ${hash}`)
  }
  for (const { key, value } of partition) {
    const visit = parsed<Visit>(value)
    if (visit === undefined) {
      refused += 1
      continue
    }
    const next = nextLink(last.get(key), visit.id)
    last.set(key, next)
    due.set(key, Math.max(visit.at, watermark) + QUIET_MS)
    say(key, 'visit', next)
    watermark = Math.max(watermark, visit.at - OUT_OF_ORDER_S * 1000)
    for (const [quiet, at] of due) {
      if (at > watermark) continue
      const link = last.get(quiet)
      due.delete(quiet)
      last.delete(quiet)
      if (link !== undefined) say(quiet, 'quiet', link)
    }
  }
  return refused
}
