/** The parts of chaos that decide: the schedule is a function of the seed, and the oracle sees each kind of fault in the outputs. */
import { describe, expect, it } from '@jest/globals'
import type { Line } from '../../../services/demo/console-consumer.ts'
import { differences, foundResults, recompute } from '../../support/proof/oracle.ts'
import { brokerFaults, networkFaults, planFaults, workerFaults } from '../../chaos/schedule.ts'
import type { Chained, Order, PerWindow } from '../../support/proof/topology.ts'

const HOUR_MS = 3_600_000
const line = (partition: number, key: string, value: object): Line => ({ partition, key, value: JSON.stringify(value) })

describe('the schedule of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(7, HOUR_MS)).toEqual(planFaults(7, HOUR_MS))
    expect(planFaults(7, HOUR_MS)).not.toEqual(planFaults(8, HOUR_MS))
  })

  it('has every kind of fault within an hour', () => {
    const kinds = new Set(
      Object.values(planFaults(1, HOUR_MS))
        .flat()
        .map(({ kind }) => kind),
    )
    expect([...kinds].toSorted()).toEqual([...brokerFaults, ...workerFaults, ...networkFaults].toSorted())
  })

  it('takes at most two of four workers down at a time: the lanes of workers have victims of their own', () => {
    const plan = planFaults(3, HOUR_MS)
    expect(new Set(plan['workers-a'].map(({ victim }) => victim))).toEqual(new Set([0, 1]))
    expect(new Set(plan['workers-b'].map(({ victim }) => victim))).toEqual(new Set([2, 3]))
  })
})

describe('the oracle', () => {
  const order = (id: number, at: number): Order => ({ id, region: 'north', at })
  const input = [line(0, 'a', order(1, 0)), line(0, 'a', order(2, 1_000)), line(0, 'b', order(3, 9_000)), line(0, 'b', order(4, 60_000))]
  const expected = recompute(input)
  const chained = (kind: Chained['kind'], shown: string): Chained => {
    const [, n = '', hash = ''] = shown.split(' ')
    return { kind, n: Number(n), hash, id: 0, region: '', at: 0 }
  }
  const chains = [...expected.chains].flatMap(([key, list]) =>
    list.map((shown) => line(0, key, chained(shown.startsWith('quiet') ? 'quiet' : 'order', shown))),
  )
  const regions = [1, 2, 3, 4].map((count) => line(0, 'north', { count, sum: (count * (count + 1)) / 2 }))
  const total: PerWindow = { start: 0, count: 3, sum: 6 }
  const windows = [line(0, 'north', total)]
  const check = (...found: readonly [readonly Line[], readonly Line[], readonly Line[]]): readonly string[] =>
    differences(foundResults(...found), expected)

  it('knows timers that fire, windows that close, and the state at the end', () => {
    expect(expected.chains.get('a')?.map((shown) => shown.split(' ').slice(0, 2).join(' '))).toEqual(['order 1', 'order 2', 'quiet 3'])
    // The record at 60,000 sets the timer of b again before the watermark moves.
    expect(expected.chains.get('b')).toHaveLength(2)
    expect(expected.windows).toEqual(['north 0 3 6'])
    expect(expected.lastRegions.get('north')).toEqual({ count: 4, sum: 10 })
  })

  it('finds nothing where outputs are right', () => {
    expect(check(chains, regions, windows)).toEqual([])
  })

  const [first, second, ...others] = chains
  it.each<[string, readonly Line[], readonly Line[], readonly Line[]]>([
    ['a lost link', chains.slice(1), regions, windows],
    ['a doubled link', [...chains, ...chains.slice(-1)], regions, windows],
    ['two links that changed places', [second, first, ...others].filter((one) => one !== undefined), regions, windows],
    ['a lost count', chains, regions.slice(0, -1), windows],
    ['a doubled count', chains, [...regions, ...regions.slice(-1)], windows],
    ['a lost window', chains, regions, []],
    ['a window that came twice', chains, regions, [...windows, ...windows]],
    ['a wrong sum', chains, regions, [line(0, 'north', { ...total, sum: 7 })]],
  ])('finds %s', (_what, ...found) => {
    expect(check(...found)).toHaveLength(1)
  })
})
