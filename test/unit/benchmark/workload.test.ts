import { describe, expect, it } from '@jest/globals'
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import { Plan, type Payment, type Total } from '../../benchmark/kappa/workload.ts'

const workload = { records: 2_000, keys: 150, partitions: 3 }

describe('the input of the benchmark', () => {
  it('has an oracle that equals the sums of what is in the records', () => {
    const plan = new Plan(workload)
    const totals = new Map<string, Total>()
    for (const { key, value } of plan.records()) {
      const before = totals.get(key.toString()) ?? { sum: 0, count: 0 }
      // Written by the plan.
      const { amount } = JSON.parse(value.toString()) as Payment
      totals.set(key.toString(), { sum: before.sum + amount, count: before.count + 1 })
    }
    expect(plan.oracle()).toEqual(totals)
    expect([...totals.values()].reduce((sum, { count }) => sum + count, 0)).toBe(workload.records)
  })

  it('is the same each time', () => {
    expect([...new Plan(workload).records()]).toEqual([...new Plan(workload).records()])
  })

  it('lies where a Java producer would put its keys', () => {
    for (const { key, partition } of new Plan(workload).records()) expect(partition).toBe(partitionOf(toKeyBytes(key), workload.partitions))
  })

  it('has values of about a hundred bytes', () => {
    for (const { value } of new Plan(workload).records()) {
      expect(value.length).toBeGreaterThan(80)
      expect(value.length).toBeLessThan(110)
    }
  })
})
