/**
 * An independent recomputation of the prices from the inputs as they stand in the log: plain loops over all records at once,
 * written from the rules and not from the engine. It shares only the contract (topics.ts) and the grid (cells.ts) with the
 * topology, so that a fault in one does not hide in the other.
 *
 * The rules of time:
 * - The watermark of an input partition is the largest event time in it so far, minus 5 s.
 * - A record is late for its minute iff the watermark of its partition just before it >= end of the minute + 30 s.
 * - A minute is final iff the smallest watermark over *all* partitions of both inputs >= its end + 30 s.
 */
import { cellOf } from './cells.ts'
import { DriverLocation, RideRequest } from './topics.ts'
import type { SurgePrice } from './topics.ts'

/** One record of an input topic. Records of one partition must come in the order of their offsets; partitions may be mixed. */
export interface InputRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
}

export interface Expectation {
  /** For each cell its final prices in order of time. */
  readonly prices: ReadonlyMap<string, readonly SurgePrice[]>
  /** Where each input record ended; together they are all records. */
  readonly used: number
  readonly filtered: number
  readonly late: number
  readonly refused: number
}

const MINUTE_MS = 60_000
const OUT_OF_ORDERNESS_MS = 5_000
const LATENESS_MS = 30_000

interface Tally {
  demand: number
  readonly drivers: Set<string>
}

/** `partitions`: how many each input topic has; one that holds no record keeps every minute open. */
export function expectedPrices(
  records: Iterable<InputRecord>,
  partitions: { readonly 'ride-requests': number; readonly 'driver-locations': number },
): Expectation {
  const watermarks = new Map<string, number>()
  for (const [topic, count] of Object.entries(partitions)) {
    for (let partition = 0; partition < count; partition += 1) watermarks.set(`${topic}:${partition}`, -Infinity)
  }
  const tallies = new Map<string, Map<number, Tally>>()
  const counts = { used: 0, filtered: 0, late: 0, refused: 0 }
  for (const record of records) {
    const event = readEvent(record)
    if (event === undefined) {
      counts.refused += 1
      continue
    }
    const origin = `${record.topic}:${record.partition}`
    const stamp = watermarks.get(origin)
    if (stamp === undefined) throw new Error(`${origin} is not among the partitions that were announced`)
    watermarks.set(origin, Math.max(stamp, event.time - OUT_OF_ORDERNESS_MS))
    counts[count(event, stamp, tallies)] += 1
  }
  return { ...counts, prices: priceAll(tallies, Math.min(...watermarks.values())) }
}

interface Event {
  readonly time: number
  readonly cell: string
  /** A free driver, a request (null), or a driver who is busy (undefined). */
  readonly driver: string | null | undefined
}

/** Undefined: the record cannot be used. */
function readEvent({ topic, key, value }: InputRecord): Event | undefined {
  if (key === null || value === null) return undefined
  let content: unknown
  try {
    content = JSON.parse(value)
  } catch {
    return undefined
  }
  if (topic === 'ride-requests') {
    const ride = RideRequest.safeParse(content).data
    return ride && { time: ride.requestedAt, cell: cellOf(ride.pickup), driver: null }
  }
  const ping = DriverLocation.safeParse(content).data
  return ping && { time: ping.seenAt, cell: cellOf(ping.at), driver: ping.free ? ping.driver : undefined }
}

function count({ time, cell, driver }: Event, stamp: number, tallies: Map<string, Map<number, Tally>>): 'used' | 'filtered' | 'late' {
  if (driver === undefined) return 'filtered'
  const start = time - (time % MINUTE_MS)
  if (stamp >= start + MINUTE_MS + LATENESS_MS) return 'late'
  const ofCell = tallies.get(cell) ?? new Map<number, Tally>()
  tallies.set(cell, ofCell)
  const tally = ofCell.get(start) ?? { demand: 0, drivers: new Set() }
  ofCell.set(start, tally)
  if (driver === null) tally.demand += 1
  else tally.drivers.add(driver)
  return 'used'
}

function priceAll(tallies: ReadonlyMap<string, ReadonlyMap<number, Tally>>, watermark: number): Map<string, SurgePrice[]> {
  const prices = new Map<string, SurgePrice[]>()
  for (const [cell, ofCell] of tallies) {
    const final = [...ofCell].filter(([start]) => start + MINUTE_MS + LATENESS_MS <= watermark).sort(([one], [other]) => one - other)
    if (final.length > 0) prices.set(cell, priceCell(cell, final))
  }
  return prices
}

/** Walks minute by minute, also over those without a signal: their demand is 0 and they are not told. */
function priceCell(cell: string, minutes: readonly (readonly [start: number, tally: Tally])[]): SurgePrice[] {
  const prices: SurgePrice[] = []
  let multiplier = 1
  let next: number | undefined
  for (const [start, { demand, drivers }] of minutes) {
    for (; next !== undefined && next < start && multiplier > 1; next += MINUTE_MS) multiplier = smooth(1, multiplier)
    const supply = Math.min(drivers.size, 1_000)
    const wanted = 1 + 0.5 * (demand / (supply === 0 ? 1 : supply) - 1)
    multiplier = smooth(wanted < 1 ? 1 : wanted > 3 ? 3 : wanted, multiplier)
    prices.push({ cell, from: start, to: start + MINUTE_MS, demand, drivers: supply, multiplier })
    next = start + MINUTE_MS
  }
  return prices
}

const smooth = (wanted: number, previous: number): number => Math.round((0.7 * wanted + 0.3 * previous) * 100) / 100
