/**
 * Surge pricing: how much dearer is a ride in each cell of the city, minute by minute?
 *
 *     ride-requests ──────┐
 *                         ├─ signals ─ by cell ═ one-minute windows ─ smoothing ─ surge-prices
 *     driver-locations ───┘                    (═ repartition topic)
 *
 * Both inputs are keyed by person, prices by cell: hence the repartition. Results are final, one for each cell and minute
 * with a signal; a signal that comes more than 30 s after its minute was complete is late and counted.
 */
import { minutes, seconds, topology, tumbling, valueState } from 'millrace'
import { cellOf } from './cells.ts'
import { priceAfterSilence, smoothedPrice, USUAL_PRICE, wantedPrice } from './pricing.ts'
import { driverLocations, rideRequests, SurgePrice, surgePrices } from './topics.ts'

type Signal =
  { readonly kind: 'request'; readonly cell: string } | { readonly kind: 'driver'; readonly cell: string; readonly driver: string }

/** One cell in one minute. `drivers` is sorted, so that the stored bytes do not depend on the order of arrival. */
interface CellMinute {
  readonly demand: number
  readonly drivers: readonly string[]
}

/** More free drivers than this in one square kilometre change no price; the bound keeps the state of a cell small. */
const DRIVERS_COUNTED_MAX = 1_000

const PRICE_PERIOD = minutes(1)

export default topology('surge-pricing', { version: 1 }, (flow) => {
  const requests = flow.stream(rideRequests, { eventTime: (ride) => ride.requestedAt, outOfOrderness: seconds(5) })
  const drivers = flow.stream(driverLocations, { eventTime: (ping) => ping.seenAt, outOfOrderness: seconds(5) })

  flow
    .merge(
      requests.map((ride) => ({ kind: 'request', cell: cellOf(ride.pickup) })),
      drivers.filter((ping) => ping.free).map((ping) => ({ kind: 'driver', cell: cellOf(ping.at), driver: ping.driver })),
    )
    .keyBy('cell', (signal) => signal.cell)
    .window('cell-minute', tumbling(PRICE_PERIOD), { lateness: seconds(30) })
    .aggregate({ initial: (): CellMinute => ({ demand: 0, drivers: [] }), add: addSignal })
    .process('smoothing', {
      state: { previous: valueState<{ readonly multiplier: number; readonly to: number }>() },
      emits: SurgePrice,
      onRecord: ({ window, value }, { key: cell, state, emit }) => {
        const last = state.previous.get() ?? { multiplier: USUAL_PRICE, to: window.start }
        const previous = priceAfterSilence(last.multiplier, (window.start - last.to) / PRICE_PERIOD)
        const multiplier = smoothedPrice(wantedPrice(value.demand, value.drivers.length), previous)
        state.previous.set({ multiplier, to: window.end })
        emit({ cell, from: window.start, to: window.end, demand: value.demand, drivers: value.drivers.length, multiplier })
      },
    })
    .to(surgePrices)
})

function addSignal(cell: CellMinute, signal: Signal): CellMinute {
  if (signal.kind === 'request') return { ...cell, demand: cell.demand + 1 }
  return { ...cell, drivers: withDriver(cell.drivers, signal.driver) }
}

/** The same list if the driver is in it (or it is full), else a new one, in order. */
function withDriver(drivers: readonly string[], driver: string): readonly string[] {
  if (drivers.length >= DRIVERS_COUNTED_MAX) return drivers
  const behind = drivers.findIndex((other) => other >= driver)
  if (behind === -1) return [...drivers, driver]
  return drivers[behind] === driver ? drivers : drivers.toSpliced(behind, 0, driver)
}
