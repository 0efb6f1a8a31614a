import { describe, expect, it, jest } from '@jest/globals'
import { cellOf } from '../../../services/surge-pricing/cells.ts'
import { CITY_START, cityLife } from '../../../services/surge-pricing/city.ts'
import type { CityRecord } from '../../../services/surge-pricing/city.ts'
import { districtOf } from '../../../services/surge-pricing/districts.ts'
import { DriverLocation, RideRequest } from '../../../services/surge-pricing/topics.ts'

// Thousands of records through the whole engine, on machines that do other things too.
jest.setTimeout(60_000)

const SHORT = { minutes: 12, drivers: 100, requestsPerMinute: 100 }

const eventTime = (record: CityRecord): number | undefined => {
  if (record.kind === 'request') return record.value.requestedAt
  return record.kind === 'driver' ? record.value.seenAt : undefined
}

/** For each usable record how far it is behind the largest event time that arrived before it, ms. */
function disorder(records: Iterable<CityRecord>): number[] {
  let latest = -Infinity
  return [...records].flatMap((record) => {
    const time = eventTime(record)
    if (time === undefined) return []
    const behind = Math.max(0, latest - time)
    latest = Math.max(latest, time)
    return [behind]
  })
}

describe('the simulated city', () => {
  it('gives the same records for the same options, and others for another seed', () => {
    const once = [...cityLife({ ...SHORT, seed: 7, garbage: 0.01 })]
    expect([...cityLife({ ...SHORT, seed: 7, garbage: 0.01 })]).toEqual(once)
    expect([...cityLife({ ...SHORT, seed: 8, garbage: 0.01 })]).not.toEqual(once)
  })

  it('makes 150,000 to 250,000 records of an hour by default', () => {
    let count = 0
    for (const record of cityLife()) count += record.topic.length > 0 ? 1 : 0
    expect(count).toBeGreaterThan(150_000)
    expect(count).toBeLessThan(250_000)
  })

  it('gives records in order of arrival, none before it happened', () => {
    let arrived = CITY_START
    for (const record of cityLife(SHORT)) {
      expect(record.timestamp).toBeGreaterThanOrEqual(arrived)
      expect(record.timestamp).toBeGreaterThanOrEqual(eventTime(record) ?? 0)
      arrived = record.timestamp
    }
  })

  it('keeps all but half a per cent within the five seconds of disorder, and has both stragglers and hopelessly late ones', () => {
    const minutes = 30
    // What comes after the last event is late to nothing.
    const behind = disorder([...cityLife({ ...SHORT, minutes })].filter(({ timestamp }) => timestamp < CITY_START + minutes * 60_000))
    const share = (from: number, to: number): number => behind.filter((ms) => ms > from && ms <= to).length / behind.length
    expect(share(0, 5_000)).toBeGreaterThan(0.5)
    expect(share(5_000, Infinity)).toBeLessThan(0.0075)
    expect(share(5_000, 25_000)).toBeGreaterThan(0.001)
    expect(share(95_000, Infinity)).toBeGreaterThan(0.0005)
    expect(share(150_000, Infinity)).toBe(0)
  })

  it('sends only records that keep to the contract, keyed by person, if no garbage is asked for', () => {
    for (const record of cityLife(SHORT)) {
      if (record.kind === 'request') expect(RideRequest.parse(record.value).rider).toBe(record.key)
      else if (record.kind === 'driver') expect(DriverLocation.parse(record.value).driver).toBe(record.key)
      else throw new Error('garbage that nobody asked for')
    }
  })

  it('adds the asked share of garbage, of every kind', () => {
    const records = [...cityLife({ ...SHORT, garbage: 0.02 })]
    const garbage = records.filter((record) => record.kind === 'garbage')
    expect(garbage.length / records.length).toBeGreaterThan(0.015)
    expect(garbage.length / records.length).toBeLessThan(0.025)
    expect(garbage.some(({ key }) => key === null)).toBe(true)
    expect(garbage.some(({ value }) => !isJson(value))).toBe(true)
    expect(garbage.some(({ value }) => isJson(value))).toBe(true)
  })

  it('has its crowd at the stadium when the match is over', () => {
    const atStadium = (minute: number): number => {
      let count = 0
      for (const record of cityLife({ drivers: 1, requestsPerMinute: 200, minutes: 42 })) {
        if (record.kind !== 'request' || Math.floor((record.value.requestedAt - CITY_START) / 60_000) !== minute) continue
        count += districtOf(cellOf(record.value.pickup)) === 'Stadium' ? 1 : 0
      }
      return count
    }
    expect(atStadium(40)).toBeGreaterThan(5 * atStadium(10))
  })
})

function isJson(value: string): boolean {
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}
