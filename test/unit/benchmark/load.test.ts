import { describe, expect, it } from '@jest/globals'
import { amountOf, dueAt, dueUntil, LoadRecords, loadTotals, probeName, probeNumber } from '../../benchmark/kappa/load-plan.ts'
import { LoadReader } from '../../benchmark/kappa/load-reader.ts'
import type { Payment } from '../../benchmark/kappa/payments.ts'

const plan = { keys: 3, partitions: 2 }
const total = (sum: number, count: number): Buffer => Buffer.from(JSON.stringify({ sum, count }))
const sumOf = (...indexes: number[]): number => indexes.reduce((sum, index) => sum + amountOf(index), 0)

describe('a load', () => {
  it('says of each record when it is due, and how many are due at a time', () => {
    const phase = { first: 100, perSecond: 500, at: 10_000 }
    expect(dueAt(phase, 101)).toBe(10_002)
    expect(dueUntil(phase, 9_000)).toBe(100)
    expect(dueUntil(phase, 10_002)).toBe(101)
  })

  it('has records whose totals are those of the oracle', () => {
    const records = new LoadRecords(plan)
    const found = new Map<string, number>()
    for (let index = 0; index < 10; index += 1) {
      const { key, value } = records.record(index, 1_000.7)
      // Written by the plan.
      const { amount } = JSON.parse(value.toString()) as Payment
      found.set(key.toString(), (found.get(key.toString()) ?? 0) + amount)
    }
    const { sums, counts } = loadTotals(plan, 10)
    expect([...found]).toEqual([0, 1, 2].map((number) => [probeName(number), sums[number]]))
    expect([...counts]).toEqual([4, 3, 3])
    expect(probeNumber(probeName(2))).toBe(2)
    expect(probeNumber('account-00000002')).toBeUndefined()
  })
})

describe('the reader of a load', () => {
  const phase = { first: 0, perSecond: 1_000, at: 0 }

  it('counts each record once, from when it was due to the first total that counts it, merged results included', () => {
    const reader = new LoadReader(plan)
    reader.begin(phase, 0)
    reader.take(probeName(0), total(sumOf(0), 1), 50)
    // Records 3 and 6 of the same key, in one result.
    reader.take(probeName(0), total(sumOf(0, 3, 6), 3), 106)
    reader.take(probeName(1), total(sumOf(1), 1), 11)
    expect(reader.shown).toBe(4)
    expect(reader.latencies()).toEqual({ records: 4, p50: 50, p99: 103, p999: 103, max: 103 })
  })

  it('leaves records before the measured ones out, and keys of others', () => {
    const reader = new LoadReader(plan)
    reader.begin(phase, 2)
    reader.take(probeName(0), total(sumOf(0), 1), 999)
    expect(reader.take('account-00000001', total(1, 1), 999)).toBe(false)
    expect(reader.latencies().records).toBe(0)
  })

  it.each([
    ['nothing', []],
    ['a record counted twice', [[0, sumOf(0, 3, 3), 3]]],
    ['a wrong sum', [[0, sumOf(0, 3) + 1, 2]]],
  ] as const)('sees %s', (_, results) => {
    const reader = new LoadReader(plan)
    for (const [number, sum, count] of results) reader.take(probeName(number), total(sum, count), 1)
    reader.take(probeName(1), total(sumOf(1), 1), 1)
    reader.take(probeName(2), total(sumOf(2), 1), 1)
    expect(reader.differences(4)).toHaveLength(1)
  })

  it('is content with exactly what was appended', () => {
    const reader = new LoadReader(plan)
    for (const [number, indexes] of [
      [0, [0, 3]],
      [1, [1]],
      [2, [2]],
    ] as const)
      reader.take(probeName(number), total(sumOf(...indexes), indexes.length), 1)
    expect(reader.differences(4)).toEqual([])
  })
})
