import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import { bytes, text, topic } from '../../../libs/millrace.ts'
import { driver } from '../../../libs/testing/driver.ts'
import { avroSchemaList } from '../../benchmark/kappa/avro-schemas.ts'
import { payments, type Payment } from '../../benchmark/kappa/payments.ts'
import { registryStandIn, type RegistryStandIn } from '../../benchmark/kappa/registry-stand-in.ts'
import { Tally, Totals, type Total } from '../../benchmark/kappa/totals.ts'
import { WindowTotals } from '../../benchmark/kappa/window-totals.ts'
import { sideTopic, workloadNamed, workloadNames } from '../../benchmark/kappa/workload.ts'

const size = { records: 2_000, keys: 150, partitions: 3 }
/** Windows need as many as one of them holds. */
const recordsFor = (name: string): number => (name.includes('tumbling') ? 10_200 : 300)
const bufferOf = (given: Uint8Array | null): Buffer => Buffer.from(given ?? [])
const nobody = (): void => undefined
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

describe('the payments of the benchmark', () => {
  it('are the same each time, lie where a Java producer would put their keys, and have about a hundred bytes', () => {
    const all = [...payments(size, nobody)]
    expect([...payments(size, nobody)]).toEqual(all)
    for (const { key, value, partition } of all) {
      expect(partition).toBe(partitionOf(toKeyBytes(key), size.partitions))
      expect(value.length).toBeGreaterThan(80)
      expect(value.length).toBeLessThan(110)
    }
  })

  it('tell the oracle exactly what is in the records', () => {
    const heard: number[] = []
    const read = [...payments(size, (_, { amount }) => heard.push(amount))].map(
      ({ value }) => (JSON.parse(value.toString()) as Payment).amount,
    )
    expect(heard).toEqual(read)
  })

  it('have each key equally often where that is asked for', () => {
    const counts = new Map<number, number>()
    for (const _ of payments({ ...size, records: 300, eachKey: 'always' }, (account) =>
      counts.set(account, (counts.get(account) ?? 0) + 1),
    ))
      nobody()
    expect(new Set(counts.values())).toEqual(new Set([2]))
    expect(counts.size).toBe(150)
  })

  it('have each key once before any other where that is asked for', () => {
    const heard: number[] = []
    for (const _ of payments({ ...size, records: 300, eachKey: 'first' }, (account) => heard.push(account))) nobody()
    expect(new Set(heard.slice(0, 150)).size).toBe(150)
    expect(new Set(heard.slice(150)).size).toBeLessThan(150)
  })
})

describe('the checks of the benchmark', () => {
  const keys = { count: 2, nameOf: (number: number) => `k-${number}` }

  it('accept the last total of each key and name each that is wrong, missing or a stranger', () => {
    const totals = new Totals(keys)
    totals.add(0, 5)
    totals.add(0, 6)
    const check = (results: readonly (readonly [string, unknown])[]): readonly string[] => {
      const one = totals.check()
      for (const [key, value] of results) one.take(key, json(value))
      return one.differences()
    }
    const right: Total = { sum: 11, count: 2 }
    expect(
      check([
        ['k-0', { sum: 5, count: 1 }],
        ['k-0', right],
      ]),
    ).toEqual([])
    expect(check([['k-0', { sum: 11, count: 3 }]])).toEqual(['k-0: expected sum 11 of 2, found 11 of 3'])
    expect(check([])).toEqual(['k-0: expected sum 11 of 2, found 0 of 0'])
    expect(check([['k-0', {}]])).toHaveLength(1)
    expect(
      check([
        ['k-0', right],
        ['k-1', { sum: 1, count: 1 }],
      ]),
    ).toHaveLength(1)
    expect(
      check([
        ['k-0', right],
        ['k-2', right],
        ['x', right],
      ]),
    ).toEqual(['k-2: never in the input', 'x: never in the input'])
  })

  it('see a result that is given twice or not at all', () => {
    const tally = new Tally(keys)
    tally.add(0, 5)
    const check = (times: number): readonly string[] => {
      const one = tally.check((value) => Number(value.toString()))
      for (let time = 0; time < times; time += 1) one.take('k-0', json(5))
      return one.differences()
    }
    expect(check(1)).toEqual([])
    expect(check(0)).toHaveLength(1)
    expect(check(2)).toHaveLength(1)
  })

  it('want each window that is over once, and none that is open', () => {
    const totals = new WindowTotals(1_000)
    const results: { key: string; value: Buffer }[] = []
    for (const _ of payments({ records: 2_500, keys: 1, partitions: 1 }, (account, payment, partition) =>
      totals.add(account, payment, partition),
    ))
      nobody()
    const begin = Date.UTC(2025, 0, 1)
    const sums = [0, 0, 0]
    for (const _ of payments({ records: 2_500, keys: 1, partitions: 1 }, (_account, { amount, at }) => {
      const window = Math.floor((at - begin) / 1_000)
      sums[window] = (sums[window] ?? 0) + amount
    }))
      nobody()
    for (const window of [0, 1])
      results.push({ key: 'account-00000000', value: json({ start: begin + window * 1_000, sum: sums[window], count: 1_000 }) })
    const differencesOf = (given: typeof results): readonly string[] => {
      const check = totals.check()
      for (const { key, value } of given) check.take(key, value)
      return check.differences()
    }
    expect(differencesOf(results)).toEqual([])
    expect(differencesOf(results.slice(1))).toHaveLength(1)
    expect(differencesOf([...results, ...results.slice(1)])).toHaveLength(1)
    expect(
      differencesOf([...results, { key: 'account-00000000', value: json({ start: begin + 2_000, sum: sums[2], count: 500 }) }]),
    ).toHaveLength(1)
    expect(differencesOf([...results, { key: 'nobody', value: json({ start: begin, sum: 1, count: 1 }) }])).toHaveLength(1)
  })
})

describe('every file in the folder of workloads', () => {
  let registry: RegistryStandIn
  beforeAll(async () => {
    registry = await registryStandIn(avroSchemaList)
    process.env['BENCH_REGISTRY'] = registry.url
  })
  afterAll(() => registry.stop())

  it.each(workloadNames())('%s: its topology gives exactly what its oracle says, and its peer exists', async (name) => {
    const workload = await workloadNamed(name)
    const plan = workload.plan({ records: recordsFor(name), keys: 20, partitions: 1 })
    const application = await driver(workload.topology({ application: 'bench', version: 1, input: 'in', output: 'out' }))
    const inputOf = (side: string | undefined) =>
      application.topic(topic(side === undefined ? 'in' : sideTopic('in', side), { key: text, value: bytes }))
    const inputs = new Map([undefined, ...(workload.sides ?? [])].map((side) => [side, inputOf(side)]))
    for (const { side, key, value, timestamp } of plan.records()) inputs.get(side)?.sendBytes({ key, value, timestamp })
    const check = plan.check()
    const results = await application.topic(topic('out', { key: text, value: bytes })).readRaw()
    for (const { key, value } of results) check.take(bufferOf(key).toString(), bufferOf(value))
    await application.close()
    expect(results.length).toBeGreaterThan(0)
    expect(check.differences()).toEqual([])
    if (workload.peer !== undefined)
      expect(existsSync(join(import.meta.dirname, `../../benchmark/streams-peer/${workload.peer}.java`))).toBe(true)
  })
})
