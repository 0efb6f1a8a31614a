import { describe, expect, it } from '@jest/globals'
import { expectedDelays } from '../../../services/flight-delays/oracle.ts'
import type { InputRecord } from '../../../services/flight-delays/oracle.ts'
import { compareAirportDays, compareRankings } from '../../../services/flight-delays/verify.ts'

const DAY = 86_400_000
const FIRST = Date.UTC(2001, 0, 1)

const flight = (date: string, origin: string, delay: number, partition = 0): InputRecord => ({
  partition,
  value: JSON.stringify({ date, delay, distance: 100, origin, destination: 'SFO' }),
})

describe('the recomputation of delays, by hand', () => {
  it('tells flights, mean, maximum and share of late ones of each airport and day', () => {
    const { airportDays } = expectedDelays(
      [
        flight('2001/01/01 00:00', 'ABC', -5),
        flight('2001/01/01 12:00', 'ABC', 15),
        flight('2001/01/01 23:59', 'ABC', 16),
        flight('2001/01/01 23:59', 'XYZ', 7),
        flight('2001/01/02 00:00', 'ABC', 99),
      ],
      1,
    )
    expect(airportDays).toEqual(
      new Map([
        [
          'ABC',
          [{ airport: 'ABC', from: FIRST, to: FIRST + DAY, flights: 3, delayMean: 26 / 3, delayMax: 16, lateShare: 1 / 3, delaySum: 26 }],
        ],
        ['XYZ', [{ airport: 'XYZ', from: FIRST, to: FIRST + DAY, flights: 1, delayMean: 7, delayMax: 7, lateShare: 0, delaySum: 7 }]],
      ]),
    )
  })

  it('calls a day final when all partitions have reached its end, and a flight late when its own partition had', () => {
    const day = flight('2001/01/01 10:00', 'ABC', 1)
    expect(expectedDelays([day, flight('2001/01/02 00:00', 'ABC', 1)], 1).rankings).toHaveLength(1)
    expect(expectedDelays([day, flight('2001/01/01 23:59', 'ABC', 1)], 1).rankings).toHaveLength(0)
    expect(expectedDelays([day, flight('2001/01/02 00:00', 'ABC', 1)], 2).rankings).toHaveLength(0)
    expect(expectedDelays([flight('2001/01/02 00:00', 'ABC', 1), day], 1)).toMatchObject({ used: 1, late: 1 })
    expect(expectedDelays([flight('2001/01/02 00:00', 'ABC', 1, 1), day], 2)).toMatchObject({ used: 2, late: 0 })
  })

  it('ranks airports by their mean since the first day, those with thirty flights or more, equal ones by name', () => {
    const flightsOf = (date: string, origin: string, count: number, delay: number): InputRecord[] =>
      Array.from({ length: count }, () => flight(date, origin, delay))
    const { rankings } = expectedDelays(
      [
        ...flightsOf('2001/01/01 01:00', 'ABC', 20, 10),
        ...flightsOf('2001/01/01 01:00', 'LMN', 30, 5),
        ...flightsOf('2001/01/02 01:00', 'ABC', 20, 0),
        ...flightsOf('2001/01/02 01:00', 'XYZ', 29, 99),
        ...flightsOf('2001/01/02 01:00', 'DEF', 30, 5),
        flight('2001/01/03 00:00', 'ABC', 0),
      ],
      1,
    )
    const five = (airport: string, flights: number) => ({ airport, flights, delayMean: 5 })
    expect(rankings).toEqual([
      { until: FIRST + DAY, airports: [five('LMN', 30)] },
      { until: FIRST + 2 * DAY, airports: [five('ABC', 40), five('DEF', 30), five('LMN', 30)] },
    ])
  })

  it('refuses what is no flight', () => {
    const broken: InputRecord[] = [null, '{', '{"date":"yesterday","delay":1,"distance":1,"origin":"ABC","destination":"DEF"}'].map(
      (value) => ({ partition: 0, value }),
    )
    expect(expectedDelays(broken, 1)).toMatchObject({ used: 0, refused: 3 })
  })
})

describe('the comparison of delays', () => {
  const expectation = expectedDelays([flight('2001/01/01 00:00', 'ABC', -5), flight('2001/01/02 00:00', 'ABC', 99)], 1)
  const day = { key: 'ABC', value: JSON.stringify(expectation.airportDays.get('ABC')?.[0]) }
  const ranking = { key: 'all', value: JSON.stringify(expectation.rankings[0]) }

  it('accepts every result once', () => {
    expect(compareAirportDays(expectation, [day])).toEqual({ equal: true, compared: 1 })
    expect(compareRankings(expectation, [ranking])).toEqual({ equal: true, compared: 1 })
  })

  it('sees a loss, a duplicate, and another number', () => {
    expect(compareAirportDays(expectation, [])).toMatchObject({ equal: false })
    expect(compareAirportDays(expectation, [day, day])).toMatchObject({ equal: false })
    expect(compareRankings(expectation, [ranking, ranking])).toMatchObject({ equal: false })
    expect(compareAirportDays(expectation, [{ ...day, value: day.value.replace('-5', '-6') }])).toMatchObject({ equal: false })
  })
})
