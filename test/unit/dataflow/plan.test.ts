import { describe, expect, it } from '@jest/globals'
import { hours, json, minutes, none, seconds, text, topic, topology, tumbling, type, listState, mapState, valueState } from 'millrace'
import type { Flow, KeyedStream } from 'millrace'
import type { StorePlan, SubTopologyPlan } from '../../../libs/dataflow/plan.ts'
import { planOf } from '../../../libs/dataflow/topology.ts'

interface Order {
  readonly city: string
  readonly total: number
}
const format = json(type<Order>())
const orders = topic('orders', { key: text, value: format })
const returns = topic('returns', { key: text, value: format })
const clicks = topic('clicks', { key: none, value: format })
const results = topic('results', { key: text, value: json(type<unknown>()) })

const partsOf = (build: (flow: Flow) => void): readonly SubTopologyPlan[] => planOf(topology('app', { version: 1 }, build)).subTopologies
const only = (build: (flow: Flow) => void): SubTopologyPlan => {
  const [part, ...others] = partsOf(build)
  if (part === undefined || others.length > 0) throw new Error(`${others.length + 1} sub-topologies`)
  return part
}
const inputsOf = ({ inputs }: SubTopologyPlan): string[] =>
  inputs.map((input) => (input.kind === 'external' ? input.topic : `${input.from} → ${input.step}`))

describe('the plan of a topology', () => {
  it('cuts at keyBy, and lists a sub-topology behind all that feed it', () => {
    const parts = partsOf((flow) =>
      flow
        .merge(flow.stream(orders), flow.stream(returns))
        .keyBy('city', (order) => order.city)
        .count('per-city')
        .changes()
        .keyBy('all', () => 'all')
        .count('all-changes'),
    )
    expect(parts.map((part) => [part.name, inputsOf(part)])).toEqual([
      ['orders', ['orders', 'returns']],
      ['city', ['orders → city']],
      ['all', ['city → all']],
    ])
    expect(parts.map((part) => part.stores.map((store) => store.step))).toEqual([[], ['per-city'], ['all-changes']])
  })

  it('names a sub-topology after the alphabetically first of its inputs, so that the order of writing does not matter', () => {
    expect(only((flow) => flow.merge(flow.stream(returns), flow.stream(orders)).count('c')).name).toBe('orders')
  })

  it('keeps what is written independently apart, and what hangs together in one', () => {
    const apart = partsOf((flow) => {
      flow.stream(orders).count('a')
      flow.stream(returns).count('b')
    })
    expect(apart.map((part) => part.name)).toEqual(['orders', 'returns'])
    const together = only((flow) => {
      const stream = flow.stream(orders)
      stream.count('a')
      stream.filter(() => true).count('b')
    })
    expect(together.stores.map((store) => store.step)).toEqual(['a', 'b'])
  })

  it('reads one repartition topic in one sub-topology, however many steps read it', () => {
    const parts = partsOf((flow) => {
      const byCity = flow.stream(orders).keyBy('city', (order) => order.city)
      byCity.count('a')
      byCity.count('b')
    })
    expect(parts.map((part) => part.name)).toEqual(['orders', 'city'])
  })

  it('puts the names of apply() in front, and makes a dotted name of them for topics', () => {
    const twice = (input: KeyedStream<string, Order>): void => {
      input.keyBy('by-total', (order) => order.total).count('totals')
    }
    const parts = partsOf((flow) => {
      flow.stream(orders).apply('a', twice)
      flow.stream(returns).apply('outer', (stream) => stream.apply('b', twice))
    })
    expect(parts.map((part) => part.name)).toEqual(['orders', 'a.by-total', 'returns', 'outer.b.by-total'])
    expect(parts.flatMap((part) => part.stores.map((store) => store.step))).toEqual(['a/totals', 'outer/b/totals'])
  })

  it.each<readonly [string, boolean, (flow: Flow) => void]>([
    ['two inputs meet in a step with state', true, (flow) => void flow.merge(flow.stream(orders), flow.stream(returns)).count('c')],
    [
      'two inputs meet before a keyBy only',
      false,
      (flow) =>
        void flow
          .merge(flow.stream(orders), flow.stream(returns))
          .keyBy('k', (o) => o.city)
          .count('c'),
    ],
    ['two inputs are written to one sink', false, (flow) => flow.merge(flow.stream(orders), flow.stream(returns)).to(results)],
    ['one input is read twice', false, (flow) => void flow.merge(flow.stream(orders), flow.stream(orders)).count('c')],
    [
      'a repartitioned and a direct input meet',
      true,
      (flow) =>
        void flow
          .merge(
            flow.stream(clicks).keyBy('city', (click) => click.city),
            flow.stream(orders),
          )
          .count('c'),
    ],
  ])('asks for equal partition counts exactly where %s: %s', (_, coPartitioned, build) => {
    expect(partsOf(build).some((part) => part.coPartitioned)).toBe(coPartitioned)
  })

  it('carries the options of a source', () => {
    const [input] = only((flow) =>
      flow
        .stream(orders, {
          outOfOrderness: seconds(5),
          startAt: '2026-03-01T00:00:00Z',
          onRefused: 'skip',
          aheadOfClock: hours(2),
          keyBytesMax: 16,
          headersMax: 3,
        })
        .to(results),
    ).inputs
    expect(input).toMatchObject({
      kind: 'external',
      topic: 'orders',
      outOfOrdernessMs: 5_000,
      startAt: Date.UTC(2026, 2, 1),
      onRefused: 'skip',
      aheadOfClockMsMax: 7_200_000,
      keyBytesMax: 16,
      headersMax: 3,
    })
    expect(only((flow) => flow.stream(orders).to(results)).inputs[0]).toMatchObject({
      outOfOrdernessMs: 0,
      startAt: undefined,
      onRefused: 'dead-letter',
      aheadOfClockMsMax: 86_400_000,
      keyBytesMax: 65_536,
      headersMax: 1_000,
    })
  })

  it('lists each output once, tables as such, with the partitions that the user fixed', () => {
    const table = topic('table', { key: text, value: json(type<number>()) })
    const parts = partsOf((flow) => {
      const stream = flow.stream(orders)
      stream.filter((order) => order.total > 10).to(results)
      stream.filter((order) => order.total < 1).to(results)
      stream
        .keyBy('city', (order) => order.city, { partitions: 12 })
        .count('c')
        .to(table)
    })
    expect(parts[0]?.outputs.map((output) => (output.kind === 'sink' ? output.topic : output.step))).toEqual(['results', 'city'])
    expect(parts[1]?.inputs[0]).toMatchObject({ partitions: 12 })
    expect(parts[1]?.outputs).toMatchObject([{ kind: 'sink', topic: 'table', table: true }])
  })

  it('knows the cells of every store, which a release must not change in silence', () => {
    const cells = only((flow) => {
      flow.table(orders)
      flow
        .stream(orders)
        .window('minute', tumbling(minutes(1)))
        .count()
        .to(results)
      flow.stream(orders).process('mine', {
        state: { one: valueState<number>(), many: mapState<string, number>(), row: listState<number>() },
        timers: { quiet: 'event-time' },
        onRecord: () => undefined,
        onTimer: { quiet: () => undefined },
      })
      flow.stream(orders).process('nothing', { onRecord: () => undefined })
    }).stores
    expect(cells).toEqual([
      { step: 'orders', cells: { rows: 'value' }, versions: { rows: 1 } },
      { step: 'minute', cells: { open: 'timed' }, versions: { open: 1 } },
      {
        step: 'mine',
        cells: { one: 'value', many: 'map', row: 'map', 'length:row': 'value', 'timer:quiet': 'timed', 'time:quiet': 'value' },
        versions: { one: 1, many: 1, row: 1 },
      },
    ] satisfies StorePlan[])
  })
})

describe('the hold of a sub-topology: by how much its results may be behind its watermark', () => {
  const holdOf = (build: (stream: KeyedStream<string, Order>) => void): number | undefined =>
    partsOf((flow) => build(flow.stream(orders)))[0]?.holdMs
  const window = (lateness: number) => (stream: KeyedStream<string, unknown>, name: string) =>
    stream.window(name, tumbling(minutes(1)), { lateness: seconds(lateness) }).count()

  it('is the lateness of a window before a repartition topic', () => {
    expect(
      holdOf(
        (stream) =>
          void window(30)(stream, 'w')
            .keyBy('k', () => 'k')
            .count('c'),
      ),
    ).toBe(30_000)
  })

  it('adds up along a path, and is the largest of all paths', () => {
    expect(
      holdOf((stream) => {
        const first = window(30)(stream, 'a')
        window(10)(first, 'b')
          .keyBy('k', () => 'k')
          .count('c')
        window(35)(stream, 'd')
          .keyBy('l', () => 'k')
          .count('e')
      }),
    ).toBe(40_000)
  })

  it('is nothing where no repartition topic follows, or results are corrected at once', () => {
    expect(holdOf((stream) => window(30)(stream, 'w').to(results))).toBe(0)
    expect(
      holdOf((stream) => {
        const updates = stream.window('w', tumbling(minutes(1)), { lateness: seconds(30), emit: 'every-commit' }).count()
        updates
          .changes()
          .keyBy('k', () => 'k')
          .count('c')
      }),
    ).toBe(0)
  })
})
