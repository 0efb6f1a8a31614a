/** The market of `millrace demo`: its topics, its topology, its purchases, and the same result by plain loops. Deterministic. */
import { milliseconds } from '../dataflow/duration.ts'
import { text } from '../dataflow/formats.ts'
import { json } from '../dataflow/json-format.ts'
import { type } from '../dataflow/schema.ts'
import { topic } from '../dataflow/topic.ts'
import { topology } from '../dataflow/topology.ts'
import { tumbling } from '../dataflow/windows.ts'

export interface Purchase {
  readonly stall: string
  readonly cents: number
  readonly at: number
}

export interface Takings {
  readonly stall: string
  readonly from: number
  readonly to: number
  readonly purchases: number
  readonly cents: number
}

export const purchases = topic('purchases', { key: text, value: json(type<Purchase>()) })
export const takings = topic('takings', { key: text, value: json(type<Takings>()) })

const DISORDER_MS = 2_000
const WINDOW_MS = 10_000

/** Two stages: purchases come keyed by customer and are counted by stall. */
export const market = topology('market', { version: 1 }, (flow) => {
  flow
    .stream(purchases, { eventTime: (purchase) => purchase.at, outOfOrderness: milliseconds(DISORDER_MS) })
    .keyBy('stall', (purchase) => purchase.stall)
    .window('ten-seconds', tumbling(milliseconds(WINDOW_MS)))
    .aggregate({
      initial: () => ({ purchases: 0, cents: 0 }),
      add: (total, purchase) => ({ purchases: total.purchases + 1, cents: total.cents + purchase.cents }),
      result: (total, { key, window }): Takings => ({ stall: key, from: window.start, to: window.end, ...total }),
    })
    .to(takings)
})

const STALLS = ['apples', 'bread', 'cheese', 'fish', 'flowers', 'honey', 'olives', 'tea']
export const MARKET_OPENS = Date.UTC(2026, 4, 9, 8)

/** Purchases in order of arrival: a customer's key, and the purchase, up to two seconds after it happened. */
export function* marketDay(count: number, minutes: number): Generator<{ readonly customer: string; readonly purchase: Purchase }> {
  let state = 20_260_509
  const next = (below: number): number => {
    // A linear congruential generator (Numerical Recipes): good enough for a market, the same on every machine.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let index = 0; index < count; index += 1) {
    const arrival = Math.floor((index / count) * minutes * 60_000)
    const stall = STALLS[Math.min(next(STALLS.length), next(STALLS.length))] ?? 'tea'
    yield {
      customer: `customer-${next(500)}`,
      purchase: { stall, cents: 50 + next(2_000), at: MARKET_OPENS + Math.max(0, arrival - next(DISORDER_MS)) },
    }
  }
}

/** What must come out, by plain loops over the purchases of each partition. */
export function expectedTakings(partitions: readonly (readonly Purchase[])[]): Map<string, Takings> {
  const found = new Map<string, Takings>()
  let watermark = Infinity
  for (const list of partitions) {
    let latest = -Infinity
    for (const { stall, cents, at } of list) {
      latest = Math.max(latest, at)
      const from = at - (at % WINDOW_MS)
      const id = `${stall} ${from}`
      const before = found.get(id) ?? { stall, from, to: from + WINDOW_MS, purchases: 0, cents: 0 }
      found.set(id, { ...before, purchases: before.purchases + 1, cents: before.cents + cents })
    }
    watermark = Math.min(watermark, latest - DISORDER_MS)
  }
  for (const [id, { to }] of found) if (to > watermark) found.delete(id)
  return found
}
