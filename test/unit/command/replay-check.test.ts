/** `millrace replay check` names the step that a replay would compute otherwise, and no other. */
import { describe, expect, it } from '@jest/globals'
import { json, minutes, text, topic, topology, type, valueState } from 'millrace'
import type { Topology } from 'millrace'
import { checkRun } from '../../../libs/command/replay-check/check-run.ts'
import type { CheckRun } from '../../../libs/command/replay-check/check-run.ts'
import { sameText } from '../../../libs/command/replay-check/replay-check.ts'
import { firstDifferences, orderDifference } from '../../../libs/command/replay-check/compare-traces.ts'
import type { OrderDifference, StepDifference } from '../../../libs/command/replay-check/compare-traces.ts'
import { onAnotherDay } from '../../../libs/command/replay-check/shifted-date.ts'
import { planOf } from '../../../libs/dataflow/topology.ts'
import { resolveSettings } from '../../../libs/runtime/settings/configuration.ts'
import { seededRandom } from '../../support/ledger-orders.ts'

interface Sale {
  readonly shop: string
  readonly amount: number
}
interface Total {
  readonly amount: number
  readonly sales: number
}
const sales = topic('sales', { key: text, value: json(type<Sale>()) })
const totals = topic('totals', { key: text, value: json(type<Total>()) })
const notes = topic('notes', { key: text, value: json(type<unknown>()) })

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 5, 1)
const PARTITIONS = 3
const RECORDS = 120
const TEST_MS = 30_000

function givenSales(): CheckRun['input'] {
  const random = seededRandom(1)
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: 'sales',
    partition,
    left: 0,
    records: Array.from({ length: RECORDS / PARTITIONS }, (_unused, offset) => ({
      offset,
      timestamp: NOW - DAY_MS + offset * 60_000 + partition,
      key: Buffer.from(`customer-${partition}-${Math.floor(random() * 5)}`),
      value: Buffer.from(JSON.stringify({ shop: `shop-${Math.floor(random() * 4)}`, amount: Math.floor(random() * 100) })),
      headers: [],
    })),
  }))
  const counts = new Map(['sales', 'totals', 'notes'].map((name) => [name, PARTITIONS]))
  return { partitions, counts }
}

/** Bought in all shops: two stages, a table, a window. */
const clean: Topology = topology('clean', { version: 1 }, (flow) => {
  const all = flow.stream(sales).filter((sale) => sale.amount > 3)
  all.to(notes)
  const byShop = all.keyBy('by-shop', ({ shop }) => shop)
  byShop
    .aggregate('total', {
      initial: (): Total => ({ amount: 0, sales: 0 }),
      add: (sum, { amount }) => ({ amount: sum.amount + amount, sales: sum.sales + 1 }),
    })
    .to(totals)
})

const runOf = (what: Topology): Pick<CheckRun, 'plan' | 'input' | 'settings' | 'signal'> => ({
  plan: planOf(what),
  input: givenSales(),
  settings: resolveSettings({ readSecret: () => '' }),
  signal: new AbortController().signal,
})

async function twice(what: Topology): Promise<readonly StepDifference[]> {
  const first = await checkRun({ ...runOf(what), now: NOW, arrival: 'together' })
  const second = await onAnotherDay(DAY_MS, async () => await checkRun({ ...runOf(what), now: NOW + DAY_MS, arrival: 'together' }))
  expect([...first.tasks.values()].reduce((sum, task) => sum + task.events.length, 0)).toBeGreaterThan(RECORDS)
  return firstDifferences(first, second)
}

async function inTurns(what: Topology): Promise<OrderDifference | undefined> {
  const first = await checkRun({ ...runOf(what), now: NOW, arrival: 'together' })
  return orderDifference(first, await checkRun({ ...runOf(what), now: NOW, arrival: 'in-turns' }), () => false)
}

const mapped = (fn: (sale: Sale) => object): Topology =>
  topology('mapped', { version: 1 }, (flow) => {
    const kept = flow.stream(sales).filter((sale) => sale.amount > 3)
    kept.map((sale) => ({ ...sale, seen: true })).to(notes)
    kept.map(fn).to(notes)
  })

const stepsOf = (differences: readonly StepDifference[]): string[] => [...new Set(differences.map(({ step, what }) => `${step}: ${what}`))]

describe('millrace replay check', () => {
  it(
    'finds nothing in a topology whose results depend on its input only',
    async () => {
      expect(await twice(clean)).toEqual([])
      expect(await inTurns(clean)).toBeUndefined()
    },
    TEST_MS,
  )

  const bought = new Map<string, number>()
  let calls = 0
  const wrong: [string, Topology, string][] = [
    ['the wall clock', mapped((sale) => ({ ...sale, at: new Date().getDay() })), 'map(): another value'],
    ['random numbers', mapped((sale) => ({ ...sale, id: Math.random() })), 'map(): another value'],
    ['a counter of the module', mapped((sale) => ({ ...sale, n: calls++ })), 'map(): another value'],
    [
      'the order of a map of the module',
      mapped((sale) => {
        bought.set(sale.shop, (bought.get(sale.shop) ?? 0) + sale.amount)
        return [...bought]
      }),
      'map(): another value',
    ],
    [
      'a filter that throws a coin',
      topology('coin', { version: 1 }, (flow) => {
        const some = flow.stream(sales).filter(() => Math.random() < 0.5)
        some
          .keyBy('by-shop', ({ shop }) => shop)
          .count('sold')
          .to(notes)
      }),
      'filter(): only in one run',
    ],
    [
      'a step with state that looks at the clock, in the second stage',
      topology('late', { version: 1 }, (flow) => {
        flow
          .stream(sales)
          .keyBy('by-shop', ({ shop }) => shop)
          .process('stamp', {
            state: { first: valueState<number>() },
            emits: type<number>(),
            onRecord: (_sale, { state, emit }) => {
              if (state.first.get() === undefined) state.first.set(Date.now())
              emit(state.first.get() ?? 0)
            },
          })
          .to(notes)
      }),
      'stamp: another value',
    ],
    [
      'a timer of the wall clock',
      topology('ticking', { version: 1 }, (flow) => {
        flow
          .stream(sales)
          .process('tick', {
            timers: { soon: 'processing-time' },
            emits: type<number>(),
            onRecord: (_sale, { timers }) => timers.soon.after(minutes(1)),
            onTimer: { soon: (at, { emit }) => emit(at) },
          })
          .to(notes)
      }),
      'tick: another value',
    ],
    [
      'code that fails by chance',
      mapped((sale) => {
        if (Math.random() < 0.02) throw new Error('no luck')
        return sale
      }),
      'user code: fails in one run only',
    ],
  ]
  it.each(wrong)(
    'names the step that depends on %s',
    async (_, what, step) => {
      const differences = await twice(what)
      expect(stepsOf(differences)).toEqual([step])
      expect(differences[0]).not.toMatchObject({ one: differences[0]?.other })
    },
    TEST_MS,
  )

  it(
    'warns of a step that depends on the order of arrival across tasks, which the same order does not show',
    async () => {
      const firstBuyer = topology('first', { version: 1 }, (flow) => {
        flow
          .stream(sales)
          .map((sale) => ({ ...sale, big: sale.amount > 50 }))
          .keyBy('by-shop', ({ shop }) => shop)
          .process('running', {
            state: { sum: valueState<number>() },
            emits: type<number>(),
            onRecord: ({ amount }, { state, emit }) => {
              state.sum.set((state.sum.get() ?? 0) + amount)
              emit(state.sum.get() ?? 0)
            },
          })
          .to(notes)
      })
      expect(await twice(firstBuyer)).toEqual([])
      expect((await inTurns(firstBuyer))?.step).toBe('running')
    },
    TEST_MS,
  )

  it('takes values of one key for the same as the rules say, whichever of them they stand beside', () => {
    const of = (...values: object[]) => ({
      tasks: new Map([
        [
          'a.0',
          {
            stage: 0,
            name: 'a.0',
            failed: new Map<string, string>(),
            events: values.map((value) => ({
              step: { id: 1, title: 'map()', at: '', results: 'events' as const },
              key: 'k',
              value: JSON.stringify(value),
              timestamp: 0,
              cause: undefined,
            })),
          },
        ],
      ]),
    })
    const [one, other] = [of({ seq: 1, amount: 5 }, { seq: 2, amount: 7 }), of({ seq: 1, amount: 7 }, { seq: 2, amount: 5 })]
    expect(orderDifference(one, other, sameText({ tolerance: 0, ignored: ['seq'] }))).toBeUndefined()
    expect(orderDifference(one, other, sameText({ tolerance: 0, ignored: [] }))?.results).toBe(2)
    const [near, far] = [of({ sum: 10.0000001 }, { sum: 9.5 }), of({ sum: 9.9999999 }, { sum: 9.5 })]
    expect(orderDifference(near, far, sameText({ tolerance: 1e-6, ignored: [] }))).toBeUndefined()
    expect(orderDifference(near, far, sameText({ tolerance: 1e-9, ignored: [] }))?.results).toBe(1)
  })

  it(
    'takes what a task does again after a failure for the same, not for more',
    async () => {
      const failing = mapped((sale) => {
        if (sale.amount === 50) throw new Error('fifty')
        return sale
      })
      expect(await twice(failing)).toEqual([])
      expect(await inTurns(failing)).toBeUndefined()
    },
    TEST_MS,
  )
})
