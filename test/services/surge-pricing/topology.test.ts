import { describe, expect, it, jest } from '@jest/globals'
import { driver } from 'millrace/testing'
import type { CrashPoint, Driver } from 'millrace/testing'
import { cityLife } from '../../../services/surge-pricing/city.ts'
import type { CityRecord } from '../../../services/surge-pricing/city.ts'
import { expectedPrices } from '../../../services/surge-pricing/oracle.ts'
import type { Expectation } from '../../../services/surge-pricing/oracle.ts'
import { driverLocations, rideRequests, surgePrices } from '../../../services/surge-pricing/topics.ts'
import topology from '../../../services/surge-pricing/topology.ts'
import { comparePrices } from '../../../services/surge-pricing/verify.ts'
import { lines } from '../lines.ts'
import type { Line } from '../lines.ts'

// Thousands of records through the whole engine, on machines that do other things too.
jest.setTimeout(60_000)

const MINUTE = 60_000

function send(city: Driver, record: CityRecord): void {
  const { key, timestamp } = record
  if (record.kind === 'request') city.topic(rideRequests).send({ key: record.key, value: record.value, timestamp })
  else if (record.kind === 'driver') city.topic(driverLocations).send({ key: record.key, value: record.value, timestamp })
  else {
    const topic = record.topic === rideRequests.topic ? city.topic(rideRequests) : city.topic(driverLocations)
    topic.sendBytes({ key: key === null ? null : Buffer.from(key), value: Buffer.from(record.value), timestamp })
  }
}

interface Run {
  readonly lines: readonly Line[]
  readonly expected: Expectation
  readonly late: number
  readonly refused: number
  readonly crashes: number
}

async function runCity(seed: number, partitions: number, crashes: readonly CrashPoint[] = []): Promise<Run> {
  const city = await driver(topology, { partitions })
  const life = [...cityLife({ seed, minutes: 8, drivers: 40, requestsPerMinute: 60, late: 0.1, garbage: 0.01 })]
  const part = Math.ceil(life.length / (crashes.length + 1))
  for (let start = 0; start < life.length; start += part) {
    for (const record of life.slice(start, start + part)) send(city, record)
    const crash = crashes[start / part]
    if (crash !== undefined) await city.crash(crash)
  }
  const prices = await lines(city, surgePrices)
  const expected = expectedPrices([...(await lines(city, rideRequests)), ...(await lines(city, driverLocations))], {
    'ride-requests': partitions,
    'driver-locations': partitions,
  })
  const run = { lines: prices, expected, late: await city.late(), refused: (await city.refused()).length, crashes: city.crashes }
  await city.close()
  return run
}

describe('surge pricing', () => {
  it('prices a cell by requests and distinct free drivers of a minute', async () => {
    const city = await driver(topology, { partitions: 1 })
    const here = { latitude: 52.5163, longitude: 13.3777 }
    const ride = (requestedAt: number) =>
      city.topic(rideRequests).send({ key: 'rider', value: { rider: 'rider', pickup: here, requestedAt } })
    const ping = (name: string, free: boolean, seenAt: number) =>
      city.topic(driverLocations).send({ key: name, value: { driver: name, at: here, free, seenAt } })
    for (const at of [1_000, 2_000, 59_999]) ride(at)
    ping('ann', true, 3_000)
    ping('ann', true, 13_000)
    ping('bob', false, 14_000)
    expect(await city.topic(surgePrices).read()).toEqual([])

    ride(95_000)
    ping('ann', true, 95_000)
    expect(await city.topic(surgePrices).read()).toEqual([
      {
        key: '5251:1337',
        timestamp: MINUTE - 1,
        value: { cell: '5251:1337', from: 0, to: MINUTE, demand: 3, drivers: 1, multiplier: 1.7 },
      },
    ])
    await city.close()
  })

  it('takes a report until its own partition is 35 s past the end of its minute, and not a millisecond longer', async () => {
    const demandAfter = async (ahead: number): Promise<unknown> => {
      const city = await driver(topology, { partitions: 1 })
      const ride = (requestedAt: number, latitude: number) =>
        city.topic(rideRequests).send({ key: 'r', value: { rider: 'r', pickup: { latitude, longitude: 0 }, requestedAt } })
      ride(1_000, 1)
      ride(MINUTE + ahead, 2)
      ride(59_999, 1)
      ride(2 * MINUTE, 2)
      city
        .topic(driverLocations)
        .send({ key: 'd', value: { driver: 'd', at: { latitude: 2, longitude: 0 }, free: true, seenAt: 2 * MINUTE } })
      const prices = await city.topic(surgePrices).read()
      const answer = { demand: prices.find(({ key }) => key === '100:0')?.value?.demand, late: await city.late() }
      await city.close()
      return answer
    }
    expect(await demandAfter(34_999)).toEqual({ demand: 2, late: 0 })
    expect(await demandAfter(35_000)).toEqual({ demand: 1, late: 1 })
  })

  it('says nothing of a minute as long as one partition is not past it', async () => {
    const city = await driver(topology, { partitions: 2 })
    const ride = (partition: number, requestedAt: number) =>
      city.topic(rideRequests).send({ key: 'r', value: { rider: 'r', pickup: { latitude: 1, longitude: 0 }, requestedAt }, partition })
    const ping = (partition: number, seenAt: number) =>
      city
        .topic(driverLocations)
        .send({ key: 'd', value: { driver: 'd', at: { latitude: 2, longitude: 0 }, free: true, seenAt }, partition })
    ride(0, 1_000)
    for (const partition of [0, 1]) ride(partition, 100_000)
    ping(0, 100_000)
    ping(1, 94_999)
    expect(await city.topic(surgePrices).read()).toEqual([])
    ping(1, 95_000)
    expect((await city.topic(surgePrices).read()).map(({ value }) => value?.from)).toEqual([0])
    await city.close()
  })

  it.each([
    { seed: 1, partitions: 1 },
    { seed: 2, partitions: 2 },
    { seed: 3, partitions: 4 },
    { seed: 4, partitions: 3 },
  ])('equals the independent recomputation of a city (seed $seed, $partitions partitions)', async ({ seed, partitions }) => {
    const { lines: prices, expected, late, refused } = await runCity(seed, partitions)
    expect(comparePrices(expected.prices, prices)).toEqual({ equal: true, compared: prices.length })
    expect(prices.length).toBeGreaterThan(50)
    expect({ late, refused }).toEqual({ late: expected.late, refused: expected.refused })
    expect(late).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })

  it.each([
    { crashes: ['before-end-of-transaction'] },
    { crashes: ['after-end-of-transaction'] },
    { crashes: ['after-store-write'] },
    { crashes: ['after-end-of-transaction', 'before-end-of-transaction', 'after-store-write', 'after-end-of-transaction'] },
  ] satisfies { crashes: CrashPoint[] }[])('has the same prices with crashes: $crashes', async ({ crashes }) => {
    const { lines: prices, expected, crashes: happened } = await runCity(3, 4, crashes)
    expect(happened).toBe(crashes.length)
    expect(comparePrices(expected.prices, prices)).toEqual({ equal: true, compared: prices.length })
    const undisturbed = await runCity(3, 4)
    const sorted = (all: readonly Line[]): string[] => all.map(({ key, value }) => `${key} ${value}`).sort()
    expect(sorted(prices)).toEqual(sorted(undisturbed.lines))
  })
})
