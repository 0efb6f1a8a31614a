/**
 * The rule that makes a price out of demand and supply. Pure arithmetic on one minute of one cell.
 *
 *     ratio   = demand / drivers                              (one driver where there is none)
 *     wanted  = 1 + 0.5 * (ratio - 1), within [1, 3]          (balance costs 1, five requests for each driver cost 3)
 *     price   = 0.7 * wanted + 0.3 * previous price           (exponential smoothing; the first previous price is 1)
 *
 * A price is rounded to hundredths, because that is what riders see; the rounded price is also the next previous one.
 * A minute without any signal has wanted = 1: the previous price moves towards 1 once for each such minute.
 */
const PRICE_MIN = 1
const PRICE_MAX = 3
const SENSITIVITY = 0.5
const WEIGHT_OF_NOW = 0.7
const WEIGHT_OF_PREVIOUS = 0.3
const HUNDREDTHS = 100

/** From the highest price, silence leads back to exactly 1.00 in fewer minutes than this; longer gaps need no more steps. */
const SILENT_MINUTES_MAX = 10

export const USUAL_PRICE = 1

/** What demand and supply of one minute alone would ask for. */
export function wantedPrice(demand: number, drivers: number): number {
  const ratio = demand / Math.max(drivers, 1)
  return Math.min(PRICE_MAX, Math.max(PRICE_MIN, 1 + SENSITIVITY * (ratio - 1)))
}

export function smoothedPrice(wanted: number, previous: number): number {
  return Math.round((WEIGHT_OF_NOW * wanted + WEIGHT_OF_PREVIOUS * previous) * HUNDREDTHS) / HUNDREDTHS
}

/** The previous price after minutes in which nobody asked and nobody was free. */
export function priceAfterSilence(previous: number, minutes: number): number {
  let price = previous
  for (let minute = 0; minute < Math.min(minutes, SILENT_MINUTES_MAX); minute += 1) price = smoothedPrice(USUAL_PRICE, price)
  return price
}
