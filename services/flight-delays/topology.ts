/**
 * Flight delays: how late do flights leave each airport day by day, and which airports are the worst so far?
 *
 *     flights ═ by origin ═ one-day windows ─┬─ airport-days
 *                                            └═ all ═ one-day windows ─ running ranking ─ delay-ranking
 *
 * The second window gathers the results of one day from all airports, so the ranking takes whole days in their order, and
 * does not depend on which worker was faster. (═ repartition topic)
 */
import { days, mapState, topology, tumbling } from 'millrace'
import type { Window } from 'millrace'
import { airportDays, DelayRanking, delayRanking, flights } from './topics.ts'
import type { AirportDay, Flight } from './topics.ts'

const LATE_MINUTES = 15

/** Below this many flights since the first day a mean says little. */
const RANKED_FLIGHTS_MIN = 30
const RANKING_LENGTH = 10

/** Delays of one airport on one day, minutes. */
interface Delays {
  readonly flights: number
  readonly sum: number
  readonly max: number
  readonly late: number
}

interface Totals {
  readonly flights: number
  readonly delaySum: number
}
/** By airport. */
type DayTotals = Readonly<Record<string, Totals>>

export default topology('flight-delays', { version: 1 }, (flow) => {
  const byAirport = flow
    .stream(flights, { eventTime: departureOf })
    .keyBy('origin', (flight) => flight.origin)
    .window('airport-day', tumbling(days(1)))
    .aggregate({ initial: (): Delays => ({ flights: 0, sum: 0, max: -Infinity, late: 0 }), add: addFlight, result: airportDay })

  byAirport.to(airportDays)

  byAirport
    .keyBy('all', () => 'all')
    .window('all-airports-day', tumbling(days(1)))
    .aggregate({
      initial: (): DayTotals => ({}),
      add: (day, { airport, flights, delaySum }) => ({ ...day, [airport]: { flights, delaySum } }),
    })
    .process('ranking', {
      state: { totals: mapState<string, Totals>() },
      emits: DelayRanking,
      onRecord: ({ window, value }, { state: { totals }, emit }) => {
        for (const [airport, { flights, delaySum }] of Object.entries(value)) {
          const before = totals.get(airport) ?? { flights: 0, delaySum: 0 }
          totals.set(airport, { flights: before.flights + flights, delaySum: before.delaySum + delaySum })
        }
        emit({ until: window.end, airports: worst(totals.entries()) })
      },
    })
    .to(delayRanking)
})

/** Departure as epoch milliseconds: `2001/01/31 06:05` is five past six UTC. */
function departureOf({ date }: Flight): number {
  const [year = NaN, month = NaN, day = NaN, hour = NaN, minute = NaN] = date.split(/\D/).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute)
}

function addFlight(delays: Delays, { delay }: Flight): Delays {
  return {
    flights: delays.flights + 1,
    sum: delays.sum + delay,
    max: Math.max(delays.max, delay),
    late: delays.late + (delay > LATE_MINUTES ? 1 : 0),
  }
}

function airportDay({ flights, sum, max, late }: Delays, of: { readonly key: string; readonly window: Window }): AirportDay {
  return {
    airport: of.key,
    from: of.window.start,
    to: of.window.end,
    flights,
    delayMean: sum / flights,
    delayMax: max,
    lateShare: late / flights,
    delaySum: sum,
  }
}

/** The longest mean delays first; of equal ones the earlier name. */
function worst(totals: Iterable<readonly [airport: string, totals: Totals]>): DelayRanking['airports'] {
  return [...totals]
    .filter(([, { flights }]) => flights >= RANKED_FLIGHTS_MIN)
    .map(([airport, { flights, delaySum }]) => ({ airport, flights, delayMean: delaySum / flights }))
    .sort((one, other) => other.delayMean - one.delayMean || (one.airport < other.airport ? -1 : 1))
    .slice(0, RANKING_LENGTH)
}
