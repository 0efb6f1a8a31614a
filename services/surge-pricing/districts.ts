/**
 * The map of the simulated city: districts with a centre, a size and an hour of their own: when do how many people want a
 * ride? And the way back from a cell to the district, for people who read prices.
 */
import type { Random } from './random.ts'
import type { Place } from './topics.ts'

export interface District {
  readonly name: string
  readonly centre: Place
  /** Degrees from the centre to the edge. */
  readonly reach: number
  /** Usual share of the city's requests (relative). */
  readonly weight: number
  /** Minutes of the hour in which demand is multiplied. */
  readonly rush: readonly { readonly from: number; readonly to: number; readonly times: number }[]
}

export const districts: readonly District[] = [
  { name: 'Old Town', centre: { latitude: 52.516, longitude: 13.398 }, reach: 0.014, weight: 5, rush: [{ from: 40, to: 60, times: 1.5 }] },
  {
    name: 'Station',
    centre: { latitude: 52.525, longitude: 13.369 },
    reach: 0.008,
    weight: 4,
    rush: [
      { from: 2, to: 10, times: 3 },
      { from: 32, to: 40, times: 3 },
    ],
  },
  {
    name: 'Stadium',
    centre: { latitude: 52.5145, longitude: 13.2395 },
    reach: 0.007,
    weight: 0.5,
    rush: [
      { from: 25, to: 32, times: 4 },
      { from: 32, to: 48, times: 18 },
    ],
  },
  {
    name: 'Airport',
    centre: { latitude: 52.364, longitude: 13.509 },
    reach: 0.01,
    weight: 3,
    rush: [
      { from: 15, to: 24, times: 2.5 },
      { from: 50, to: 58, times: 2 },
    ],
  },
  { name: 'University', centre: { latitude: 52.512, longitude: 13.326 }, reach: 0.011, weight: 2, rush: [{ from: 0, to: 8, times: 2 }] },
  { name: 'Harbour', centre: { latitude: 52.532, longitude: 13.343 }, reach: 0.012, weight: 1.5, rush: [{ from: 20, to: 26, times: 3 }] },
  { name: 'Markets', centre: { latitude: 52.489, longitude: 13.425 }, reach: 0.018, weight: 3, rush: [{ from: 10, to: 30, times: 1.6 }] },
  { name: 'Hills', centre: { latitude: 52.455, longitude: 13.29 }, reach: 0.03, weight: 2, rush: [] },
]

/** How much the district wants in this minute, compared with the others. */
export function demandOf(district: District, minute: number): number {
  const rush = district.rush.find(({ from, to }) => minute % 60 >= from && minute % 60 < to)
  return district.weight * (rush?.times ?? 1)
}

/** A district by weight of what it wants in this minute. */
export function anyDistrict(minute: number, random: Random): District {
  let rest = random.fraction() * demandOfCity(minute)
  for (const district of districts) {
    rest -= demandOf(district, minute)
    if (rest < 0) return district
  }
  return lastDistrict
}

export const demandOfCity = (minute: number): number => districts.reduce((sum, district) => sum + demandOf(district, minute), 0)

/** Without any rush. */
export const usualDemandOfCity = districts.reduce((sum, district) => sum + district.weight, 0)

/** Somewhere in the district, more often near its centre. To five decimals (about a metre), as a phone would send it. */
export function placeIn(district: District, random: Random): Place {
  const offset = (): number => (random.fraction() + random.fraction() - 1) * district.reach
  return place(district.centre.latitude + offset(), district.centre.longitude + offset())
}

export const place = (latitude: number, longitude: number): Place => ({ latitude: metres(latitude), longitude: metres(longitude) })
const metres = (degrees: number): number => Math.round(degrees * 1e5) / 1e5

/** The district that a cell lies in; undefined between districts. */
export function districtOf(cell: string): string | undefined {
  const [south = NaN, west = NaN] = cell.split(':').map(Number)
  const near = (corner: number, centre: number, reach: number): boolean => Math.abs((corner + 0.5) / 100 - centre) < reach + 0.005
  return districts.find(({ centre, reach }) => near(south, centre.latitude, reach) && near(west, centre.longitude, reach))?.name
}

const lastDistrict = districts[districts.length - 1] ?? missing()
function missing(): never {
  throw new Error('the city has no district')
}
