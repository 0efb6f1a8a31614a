/**
 * An independent recomputation of statistics and ranking from the flights as they stand in the log: written from the rules,
 * not from the engine, and sharing only the contract with the topology.
 *
 * The rules of time: the watermark of an input partition is the largest departure in it so far. A flight is late for its day
 * iff that watermark, just before it, has reached the end of the day. A day is final when the watermarks of all partitions have.
 */
import { Flight } from './topics.ts'
import type { AirportDay, DelayRanking } from './topics.ts'

/** One record of `flights`. Records of one partition must come in the order of their offsets. */
export interface InputRecord {
  readonly partition: number
  readonly value: string | null
}

export interface Expectation {
  /** For each airport its final days in order of time. */
  readonly airportDays: ReadonlyMap<string, readonly AirportDay[]>
  /** One for each final day. */
  readonly rankings: readonly DelayRanking[]
  readonly used: number
  readonly late: number
  readonly refused: number
}

const DAY_MS = 86_400_000

export function expectedDelays(records: Iterable<InputRecord>, partitions: number): Expectation {
  const watermarks = Array.from({ length: partitions }, () => -Infinity)
  const delays = new Map<number, Map<string, number[]>>()
  const counts = { used: 0, late: 0, refused: 0 }
  for (const { partition, value } of records) {
    const flight = readFlight(value)
    const stamp = watermarks[partition]
    if (stamp === undefined) throw new Error(`partition ${partition} is not among the ${partitions} that were announced`)
    if (flight === undefined) {
      counts.refused += 1
      continue
    }
    const departure = Date.parse(`${flight.date.replaceAll('/', '-').replace(' ', 'T')}:00Z`)
    watermarks[partition] = Math.max(stamp, departure)
    const day = Math.floor(departure / DAY_MS) * DAY_MS
    if (stamp >= day + DAY_MS) {
      counts.late += 1
      continue
    }
    const ofDay = delays.get(day) ?? new Map<string, number[]>()
    delays.set(day, ofDay)
    ofDay.set(flight.origin, [...(ofDay.get(flight.origin) ?? []), flight.delay])
    counts.used += 1
  }
  const complete = Math.min(...watermarks)
  const final = [...delays].filter(([day]) => day + DAY_MS <= complete).sort(([one], [other]) => one - other)
  return { ...counts, ...summarise(final) }
}

function readFlight(value: string | null): Flight | undefined {
  try {
    return Flight.safeParse(JSON.parse(value ?? 'null')).data
  } catch {
    return undefined
  }
}

function summarise(
  days: readonly (readonly [day: number, delays: ReadonlyMap<string, readonly number[]>])[],
): Pick<Expectation, 'airportDays' | 'rankings'> {
  const airportDays = new Map<string, AirportDay[]>()
  const sofar = new Map<string, number[]>()
  const rankings: DelayRanking[] = []
  for (const [day, delays] of days) {
    for (const [airport, ofAirport] of delays) {
      airportDays.set(airport, [...(airportDays.get(airport) ?? []), statistics(airport, day, ofAirport)])
      sofar.set(airport, [...(sofar.get(airport) ?? []), ...ofAirport])
    }
    const ranked = [...sofar].flatMap(([airport, all]) =>
      all.length < 30 ? [] : [{ airport, flights: all.length, delayMean: sum(all) / all.length }],
    )
    ranked.sort((one, other) =>
      one.delayMean === other.delayMean ? one.airport.localeCompare(other.airport, 'en') : other.delayMean - one.delayMean,
    )
    rankings.push({ until: day + DAY_MS, airports: ranked.slice(0, 10) })
  }
  return { airportDays, rankings }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function statistics(airport: string, day: number, delays: readonly number[]): AirportDay {
  const late = delays.filter((delay) => delay > 15)
  return {
    airport,
    from: day,
    to: day + DAY_MS,
    flights: delays.length,
    delayMean: sum(delays) / delays.length,
    delayMax: Math.max(...delays),
    lateShare: late.length / delays.length,
    delaySum: sum(delays),
  }
}
