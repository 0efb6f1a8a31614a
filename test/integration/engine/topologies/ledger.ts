/**
 * Two stages, a result for each record: the running balance of each account, then the running count and sum of each region.
 * A record that is lost, counted twice or out of order shows in every result behind it.
 *
 *     orders ─ balance ─┬─ balances
 *                       ═ by region ─ region ─ regions      (not with ENGINE_TEST_STAGES=1)
 */
import { json, text, topic, topology, type, valueState } from 'millrace'
import type { Flow } from 'millrace'
import { z } from 'zod'

const name = process.env['ENGINE_TEST_NAME'] ?? 'ledger'
const version = Number(process.env['ENGINE_TEST_VERSION'] ?? 1)

export const Order = z.object({ region: z.string(), amount: z.number() })
export interface Balance {
  readonly region: string
  readonly amount: number
  readonly count: number
  readonly balance: number
}
export interface Region {
  readonly count: number
  readonly sum: number
}

export const orders = topic(`${name}-orders`, { key: text, value: json(Order) })
export const balances = topic(`${name}-balances`, { key: text, value: json(type<Balance>()) })
export const regions = topic(`${name}-regions`, { key: text, value: json(type<Region>()) })

/** The first stage. */
export const runningBalances = (flow: Flow) =>
  flow.stream(orders).process('balance', {
    state: { last: valueState<{ readonly count: number; readonly balance: number }>() },
    emits: type<Balance>(),
    onRecord: ({ region, amount }, { state, emit }) => {
      const last = state.last.get() ?? { count: 0, balance: 0 }
      const next = { count: last.count + 1, balance: last.balance + amount }
      state.last.set(next)
      emit({ region, amount, ...next })
    },
  })

export default topology(name, { version }, (flow) => {
  const running = runningBalances(flow)
  running.to(balances)
  if (process.env['ENGINE_TEST_STAGES'] === '1') return
  running
    .keyBy('by-region', (balance) => balance.region)
    .process('region', {
      state: { last: valueState<Region>() },
      emits: type<Region>(),
      onRecord: ({ amount }, { state, emit }) => {
        const last = state.last.get() ?? { count: 0, sum: 0 }
        const next = { count: last.count + 1, sum: last.sum + amount }
        state.last.set(next)
        emit(next)
      },
    })
    .to(regions)
})
