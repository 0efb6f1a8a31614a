/**
 * A simulated city as input: riders who ask for a car where and when something is on, drivers who follow them, and phones
 * that report late. Deterministic: the same options give the same records, so that a result can be recomputed.
 *
 * Disorder is the point. A report leaves its phone when it happens and arrives up to 5 s later: that is the
 * `outOfOrderness` of the topology. A few stragglers need up to 25 s, which the lateness of the windows still allows, and a
 * few phones were in a tunnel for half a minute or two: most of those are late whatever one does.
 */
import { anyDistrict, demandOfCity, place, placeIn, usualDemandOfCity } from './districts.ts'
import { garbageRecord } from './garbage.ts'
import { type Random, seededRandom } from './random.ts'
import { driverLocations, rideRequests } from './topics.ts'
import type { DriverLocation, Place, RideRequest } from './topics.ts'

export interface CityOptions {
  /** Default 1. */
  readonly seed?: number
  /** Epoch ms of the first event, default 2025-05-09T17:00:00Z, a Friday. A broker's retention counts from here, too. */
  readonly start?: number
  /** Length of the simulation, default 60. */
  readonly minutes?: number
  /** Drivers at work, default 450; each reports about every 10 s. */
  readonly drivers?: number
  /** Ride requests per minute of an hour without rush, default 400. */
  readonly requestsPerMinute?: number
  /** Share of reports that come half a minute to two and a half minutes late. Default 0.002. */
  readonly late?: number
  /** Unusable records, as a fraction of the usable ones. Default 0. */
  readonly garbage?: number
}

/** A record as it arrives: `timestamp` is the time of arrival, the time of the event is in the value. */
export type CityRecord =
  | { readonly kind: 'request'; readonly topic: string; readonly key: string; readonly value: RideRequest; readonly timestamp: number }
  | { readonly kind: 'driver'; readonly topic: string; readonly key: string; readonly value: DriverLocation; readonly timestamp: number }
  | { readonly kind: 'garbage'; readonly topic: string; readonly key: string | null; readonly value: string; readonly timestamp: number }

export const CITY_START = Date.UTC(2025, 4, 9, 17)

const ARRIVAL_MS_MAX = 5_000
const STRAGGLERS = { share: 0.003, fromMs: 6_000, toMs: 25_000 }
const TUNNELS = { fromMs: 25_000, toMs: 150_000 }
const PING_INTERVAL_MS = 10_000
const SECOND_MS = 1_000

/** About 195,000 records for an hour with the default options, in order of arrival. */
export function* cityLife(options: CityOptions = {}): Generator<CityRecord, void, undefined> {
  const { seed = 1, start = CITY_START, minutes = 60, drivers: driverCount = 450, requestsPerMinute = 400 } = options
  const random = seededRandom(seed)
  const drivers = Array.from({ length: driverCount }, (_, index) => newDriver(`driver-${index}`, start, random))
  const arrivals = new Arrivals(start, options, random)
  for (let second = 0; second < minutes * 60; second += 1) {
    const minute = Math.floor(second / 60)
    const now = start + second * SECOND_MS
    for (const driver of drivers) if (driver.nextReport < now + SECOND_MS) arrivals.add(report(driver, minute, random))
    const requests = ((requestsPerMinute / 60) * demandOfCity(minute)) / usualDemandOfCity
    for (let left = Math.floor(requests + random.fraction()); left > 0; left -= 1) arrivals.add(request(now, minute, random))
    yield* arrivals.until(now + SECOND_MS)
  }
  yield* arrivals.until(Infinity)
}

interface Driver {
  readonly name: string
  at: Place
  goal: Place
  busyUntil: number
  nextReport: number
}

function newDriver(name: string, start: number, random: Random): Driver {
  const at = placeIn(anyDistrict(0, random), random)
  return { name, at, goal: at, busyUntil: start, nextReport: Math.floor(start + random.between(0, PING_INTERVAL_MS)) }
}

/** The driver has moved, may have found a passenger or lost one, and says where the car is. */
function report(driver: Driver, minute: number, random: Random): CityRecord {
  const seenAt = driver.nextReport
  driver.nextReport = seenAt + Math.floor(random.between(0.9, 1.1) * PING_INTERVAL_MS)
  const free = driver.busyUntil <= seenAt
  const lot = random.fraction()
  const found = free && lot < 0.02
  if (found) driver.busyUntil = seenAt + Math.floor(random.between(3, 10) * 60_000)
  // Who has found a passenger goes where he wants to; of the others some look for a better place.
  if (found || (free && lot < 0.04)) driver.goal = placeIn(anyDistrict(minute, random), random)
  driver.at = towards(driver.goal, driver.at)
  return {
    kind: 'driver',
    topic: driverLocations.topic,
    key: driver.name,
    value: { driver: driver.name, at: driver.at, free, seenAt },
    timestamp: seenAt,
  }
}

/** A twentieth of the way: fast on long roads, slow in the last street. */
const towards = (goal: Place, at: Place): Place =>
  place(at.latitude + (goal.latitude - at.latitude) / 20, at.longitude + (goal.longitude - at.longitude) / 20)

function request(now: number, minute: number, random: Random): CityRecord {
  const rider = `rider-${random.below(50_000)}`
  const requestedAt = now + random.below(SECOND_MS)
  const value = { rider, pickup: placeIn(anyDistrict(minute, random), random), requestedAt }
  return { kind: 'request', topic: rideRequests.topic, key: rider, value, timestamp: requestedAt }
}

/** Puts what happened in the order in which it arrives; records wait in a bucket for each second. */
class Arrivals {
  private readonly buckets = new Map<number, CityRecord[]>()
  private readonly late: number
  private readonly garbage: number
  private readonly random: Random
  private next: number

  constructor(start: number, { late = 0.002, garbage = 0 }: CityOptions, random: Random) {
    this.next = Math.floor(start / SECOND_MS)
    this.late = late
    this.garbage = garbage
    this.random = random
  }

  /** The record happened at its timestamp; it arrives some time later. */
  add(record: CityRecord): void {
    const timestamp = record.timestamp + this.delay()
    this.put({ ...record, timestamp })
    if (this.random.chance(this.garbage)) this.put(garbageRecord(record, timestamp, this.random))
  }

  /** Everything that arrives before this time. */
  *until(end: number): Generator<CityRecord, void, undefined> {
    for (; this.next * SECOND_MS < end && this.buckets.size > 0; this.next += 1) {
      const bucket = this.buckets.get(this.next) ?? []
      this.buckets.delete(this.next)
      yield* bucket.sort((one, other) => one.timestamp - other.timestamp)
    }
  }

  private delay(): number {
    const lot = this.random.fraction()
    if (lot < STRAGGLERS.share) return Math.floor(this.random.between(STRAGGLERS.fromMs, STRAGGLERS.toMs))
    if (lot < STRAGGLERS.share + this.late) return Math.floor(this.random.between(TUNNELS.fromMs, TUNNELS.toMs))
    return Math.floor(this.random.fraction() * this.random.fraction() * ARRIVAL_MS_MAX)
  }

  private put(record: CityRecord): void {
    const second = Math.floor(record.timestamp / SECOND_MS)
    const bucket = this.buckets.get(second)
    if (bucket === undefined) this.buckets.set(second, [record])
    else bucket.push(record)
  }
}
