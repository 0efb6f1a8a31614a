/**
 * What chaos, the kill tests and `make verify` run: two stages, a result for each record, event-time timers in the first, final windows in the second. oracle.ts says
 * with plain loops what must come out.
 *
 *     orders ─ chain (links, quiet timer) ─┬─ chains
 *                                          ═ by region ─┬─ region (count, sum) ─ regions
 *                                                       └─ ten-seconds (final)  ─ windows
 *
 * A chain's link depends on all links before it: a record that is lost, doubled or out of order changes every later output of its key.
 */
import { createHash } from 'node:crypto'
import { json, seconds, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { Flow } from 'millrace'

export const name = process.env['ENGINE_TEST_NAME'] ?? 'chaos'

export interface Order {
  readonly id: number
  readonly region: string
  readonly at: number
}
export interface Link {
  readonly n: number
  readonly hash: string
}
export interface Chained extends Link {
  readonly kind: 'order' | 'quiet'
  readonly id: number
  readonly region: string
  readonly at: number
}
export interface Region {
  readonly count: number
  readonly sum: number
}
export interface PerWindow extends Region {
  readonly start: number
}

export const outOfOrderMs = 2_000
export const quietMs = 5_000
export const windowMs = 10_000
export const latenessMs = 3_000

/** `what`: the id of an order, or a word and time for a timer. */
export const linked = (before: Link | undefined, what: string): Link => ({
  n: (before?.n ?? 0) + 1,
  hash: createHash('sha1')
    .update(`${before?.hash ?? ''}:${what}`)
    .digest('base64')
    .slice(0, 10),
})
export const quietWord = (at: number): string => `quiet ${at}`

export const orders = topic(`${name}-orders`, { key: text, value: json(type<Order>()) })
export const chains = topic(`${name}-chains`, { key: text, value: json(type<Chained>()) })
export const regions = topic(`${name}-regions`, { key: text, value: json(type<Region>()) })
export const windows = topic(`${name}-windows`, { key: text, value: json(type<PerWindow>()) })

/** The first stage. */
export const linksOf = (flow: Flow) =>
  flow.stream(orders, { eventTime: (order) => order.at, outOfOrderness: seconds(outOfOrderMs / 1_000) }).process('chain', {
    state: { last: valueState<Link>() },
    timers: { quiet: 'event-time' },
    emits: type<Chained>(),
    onRecord: ({ id, region, at }, { state, timers, emit }) => {
      const next = linked(state.last.get(), String(id))
      state.last.set(next)
      timers.quiet.after(seconds(quietMs / 1_000))
      emit({ kind: 'order', id, region, at, ...next })
    },
    onTimer: {
      quiet: (at, { state, emit }) => {
        const next = linked(state.last.get(), quietWord(at))
        state.last.set(next)
        emit({ kind: 'quiet', id: -1, region: '', at, ...next })
      },
    },
  })

export default topology(name, { version: 1 }, (flow) => {
  const links = linksOf(flow)
  links.to(chains)
  const byRegion = links.filter((one) => one.kind === 'order').keyBy('by-region', (one) => one.region)
  byRegion
    .process('region', {
      state: { last: valueState<Region>() },
      emits: type<Region>(),
      onRecord: ({ id }, { state, emit }) => {
        const last = state.last.get() ?? { count: 0, sum: 0 }
        const next = { count: last.count + 1, sum: last.sum + id }
        state.last.set(next)
        emit(next)
      },
    })
    .to(regions)
  byRegion
    .window('ten-seconds', tumbling(seconds(windowMs / 1_000)), { lateness: seconds(latenessMs / 1_000) })
    .aggregate({
      initial: () => ({ count: 0, sum: 0 }),
      add: (total, { id }) => ({ count: total.count + 1, sum: total.sum + id }),
      result: (total, { window }) => ({ start: window.start, ...total }),
    })
    .to(windows)
})
