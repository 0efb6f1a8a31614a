import { readFileSync } from 'node:fs'
import { describe, expect, it, jest } from '@jest/globals'
import { driver } from 'millrace/testing'
import type { CrashPoint } from 'millrace/testing'
import { z } from 'zod'
import { findInputFile } from '../../../libs/command/input-file.ts'
import { expectedDelays } from '../../../services/flight-delays/oracle.ts'
import type { Expectation } from '../../../services/flight-delays/oracle.ts'
import { airportDays, delayRanking, Flight, flights } from '../../../services/flight-delays/topics.ts'
import topology from '../../../services/flight-delays/topology.ts'
import { compareAirportDays, compareRankings } from '../../../services/flight-delays/verify.ts'
import { lines } from '../lines.ts'
import type { Line } from '../lines.ts'

const file = findInputFile('vega-datasets/data/flights-20k.json', import.meta.dirname)
const all = z.array(Flight).parse(JSON.parse(readFileSync(file, 'utf8')))

// Thousands of records through the whole engine, on machines that do other things too.
jest.setTimeout(60_000)

interface Run {
  readonly days: readonly Line[]
  readonly rankings: readonly Line[]
  readonly expected: Expectation
}

async function run(some: readonly Flight[], partitions: number, crash?: CrashPoint): Promise<Run> {
  const app = await driver(topology, { partitions })
  for (const [index, value] of some.entries()) {
    app.topic(flights).send({ key: null, value, partition: index % partitions })
    if (index === some.length >> 1 && crash !== undefined) await app.crash(crash)
  }
  const days = await lines(app, airportDays)
  const rankings = await lines(app, delayRanking)
  const input = await lines(app, flights)
  await app.close()
  return { days, rankings, expected: expectedDelays(input, partitions) }
}

describe('flight delays', () => {
  it('equals the independent recomputation of three months of real flights', async () => {
    const { days, rankings, expected } = await run(all, 4)
    expect(all).toHaveLength(20_000)
    expect(compareAirportDays(expected, days)).toEqual({ equal: true, compared: days.length })
    expect(compareRankings(expected, rankings)).toEqual({ equal: true, compared: 89 })
    expect(expected.late).toBe(0)
  })

  it.each(['before-end-of-transaction', 'after-end-of-transaction', 'after-store-write'] satisfies CrashPoint[])(
    'has the same results with a crash %s',
    async (crash) => {
      const some = all.slice(0, 3_000)
      const { days, rankings, expected } = await run(some, 3, crash)
      expect(compareAirportDays(expected, days)).toEqual({ equal: true, compared: days.length })
      expect(compareRankings(expected, rankings)).toEqual({ equal: true, compared: rankings.length })
      expect(rankings.length).toBeGreaterThan(10)
    },
  )
})
