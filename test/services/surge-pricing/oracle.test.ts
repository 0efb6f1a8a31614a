import { describe, expect, it } from '@jest/globals'
import { expectedPrices } from '../../../services/surge-pricing/oracle.ts'
import type { InputRecord } from '../../../services/surge-pricing/oracle.ts'
import { comparePrices } from '../../../services/surge-pricing/verify.ts'

const MINUTE = 60_000
const HERE = { latitude: 52.5163, longitude: 13.3777 }
const CELL = '5251:1337'
const ELSEWHERE = { latitude: 1, longitude: 1 }
const ONE_EACH = { 'ride-requests': 1, 'driver-locations': 1 }

const ride = (requestedAt: number, pickup = HERE, partition = 0): InputRecord => ({
  topic: 'ride-requests',
  partition,
  key: 'rider',
  value: JSON.stringify({ rider: 'rider', pickup, requestedAt }),
})
const ping = (driver: string, seenAt: number, free = true, at = HERE): InputRecord => ({
  topic: 'driver-locations',
  partition: 0,
  key: driver,
  value: JSON.stringify({ driver, at, free, seenAt }),
})
/** Brings the watermark of both inputs to a time, by records in another cell. */
const until = (time: number): InputRecord[] => [ride(time + 5_000, ELSEWHERE), ping('far', time + 5_000, true, ELSEWHERE)]
const pricesHere = (records: readonly InputRecord[], partitions = ONE_EACH): unknown => expectedPrices(records, partitions).prices.get(CELL)

describe('the recomputation of prices, by hand', () => {
  it('counts requests and distinct free drivers of a minute', () => {
    const records = [ride(1), ride(2), ride(MINUTE - 1), ping('a', 3), ping('a', 4), ping('b', 5, false), ...until(90_000)]
    expect(pricesHere(records)).toEqual([{ cell: CELL, from: 0, to: MINUTE, demand: 3, drivers: 1, multiplier: 1.7 }])
  })

  it('calls a minute final exactly when every partition has reached its end plus lateness', () => {
    expect(pricesHere([ride(1), ...until(90_000)])).toHaveLength(1)
    expect(pricesHere([ride(1), ...until(89_999)])).toBeUndefined()
    expect(pricesHere([ride(1), ...until(200_000)], { 'ride-requests': 2, 'driver-locations': 1 })).toBeUndefined()
  })

  it('calls a record late exactly when the watermark of its own partition had reached that point just before it', () => {
    const ahead = (time: number): InputRecord => ride(time + 5_000, ELSEWHERE)
    expect(expectedPrices([ahead(89_999), ride(59_999)], ONE_EACH)).toMatchObject({ used: 2, late: 0 })
    expect(expectedPrices([ahead(90_000), ride(59_999)], ONE_EACH)).toMatchObject({ used: 1, late: 1 })
    expect(expectedPrices([ahead(90_000), ride(60_000)], ONE_EACH)).toMatchObject({ used: 2, late: 0 })
    expect(expectedPrices([ahead(90_000), ride(59_999, HERE, 1)], { 'ride-requests': 2, 'driver-locations': 1 })).toMatchObject({ late: 0 })
  })

  it('lets a busy driver move the watermark, and garbage not', () => {
    const garbage: InputRecord[] = [
      { topic: 'ride-requests', partition: 0, key: 'rider', value: '{' },
      { topic: 'ride-requests', partition: 0, key: null, value: ride(95_000).value },
      { topic: 'ride-requests', partition: 0, key: 'rider', value: null },
      { ...ride(95_000), value: JSON.stringify({ rider: 'rider', pickup: { latitude: 91, longitude: 0 }, requestedAt: 95_000 }) },
    ]
    const busy = ping('busy', 95_000, false, ELSEWHERE)
    expect(expectedPrices([ride(1), ...garbage, busy], ONE_EACH)).toMatchObject({ refused: 4, filtered: 1, prices: new Map() })
    expect(pricesHere([ride(1), ride(95_000, ELSEWHERE), ...garbage, busy])).toHaveLength(1)
  })

  it('smooths with the price before, also over minutes without a signal', () => {
    const crowd = Array.from({ length: 5 }, () => ride(1))
    const records = [...crowd, ride(2 * MINUTE), ride(10 * MINUTE), ...until(12 * MINUTE)]
    // 0.7 * 3 + 0.3 * 1 = 2.4; a silent minute: 0.7 + 0.3 * 2.4 = 1.42; then 0.7 + 0.3 * 1.42 = 1.126; at the end back at 1
    expect(pricesHere(records)).toMatchObject([
      { multiplier: 2.4 },
      { from: 2 * MINUTE, multiplier: 1.13 },
      { from: 10 * MINUTE, multiplier: 1 },
    ])
  })
})

describe('the comparison of prices', () => {
  const price = (cell: string, from: number) => ({ cell, from, to: from + MINUTE, demand: 1, drivers: 1, multiplier: 1 })
  const line = (value: { readonly cell: string; readonly multiplier?: number }) => ({ key: value.cell, value: JSON.stringify(value) })
  const expected = new Map([
    ['a', [price('a', 0), price('a', MINUTE)]],
    ['b', [price('b', 0)]],
  ])
  const all = [line(price('a', 0)), line(price('b', 0)), line(price('a', MINUTE))]

  it('accepts all prices once, in any order between cells', () => {
    expect(comparePrices(expected, all)).toEqual({ equal: true, compared: 3 })
    expect(comparePrices(expected, [...all.slice(1, 2), ...all.slice(0, 1), ...all.slice(2)])).toEqual({ equal: true, compared: 3 })
  })

  it.each([
    { fault: 'a loss', lines: all.slice(0, 2), says: /cell a: 2 prices expected, 1 found/ },
    { fault: 'a duplicate', lines: [...all, line(price('b', 0))], says: /cell b, price 2: expected no further price/ },
    { fault: 'a swap within a cell', lines: all.toReversed(), says: /cell a, price 1: expected .*"from":0/ },
    { fault: 'another number', lines: [line({ ...price('a', 0), multiplier: 1.01 }), ...all.slice(1)], says: /found .*1\.01/ },
    { fault: 'a field too many', lines: [line({ ...price('a', 0), more: 1 } as never), ...all.slice(1)], says: /cell a, price 1/ },
    { fault: 'no JSON', lines: [{ key: 'a', value: '{' }, ...all.slice(1)], says: /cell a, price 1/ },
    {
      fault: 'another key',
      lines: [{ ...all[0], key: 'b', value: JSON.stringify(price('a', 0)) }, ...all.slice(1)],
      says: /cell b, price 1/,
    },
  ])('sees $fault', ({ lines, says }) => {
    expect(comparePrices(expected, lines)).toEqual({ equal: false, difference: expect.stringMatching(says) })
  })
})
