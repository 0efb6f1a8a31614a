/** What is refused when a topology is built, with place and cure; most of it written as plain JavaScript would, behind a cast. */
import { describe, expect, it } from '@jest/globals'
import { Fault, int64, json, minutes, none, otherwise, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { Flow, KeyedStream } from 'millrace'
import { isTopology, planOf } from '../../../libs/dataflow/topology.ts'

interface Order {
  readonly city: string
  readonly total: number
}
const format = json(type<Order>())
const orders = topic('orders', { key: text, value: format })
const returns = topic('returns', { key: text, value: format })
const byNumber = topic('by-number', { key: int64, value: format })
const clicks = topic('clicks', { key: none, value: format })
const results = topic('results', { key: text, value: format })
const counts = topic('counts', { key: text, value: json(type<number>()) })

/** A flow as plain JavaScript sees it. */
interface Untyped {
  // What plain JavaScript may do with a stream is anything.
  readonly [word: string]: (...args: unknown[]) => Untyped
}

function faultOf(build: (flow: Flow) => unknown, name = 'app', version = 1): Fault {
  try {
    topology(name, { version }, build)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('it was built')
}
const untyped = (build: (flow: Untyped) => unknown): Fault => faultOf((flow) => build(flow as unknown as Untyped))

const keyedByNothing = (flow: Untyped): unknown => {
  const keyed = flow['stream']?.(orders)['keyBy']?.('', () => 'x')
  return keyed?.['to']?.(results)
}

describe('a topology is refused when it is built', () => {
  it('for two steps with one name, naming both places', () => {
    const fault = faultOf((flow) => {
      flow.stream(orders).count('all').to(counts)
      flow.stream(orders).count('all').to(counts)
    })
    expect(fault).toMatchObject({ code: 'MR1001', action: 'stop' })
    expect(fault.message).toMatch(
      /two steps are called "all" \(test\/unit\/dataflow\/topology-faults\.test\.ts:\d+ and test\/unit\/dataflow\/topology-faults\.test\.ts:\d+\): rename one/,
    )
    expect(fault.place.at).toMatch(/topology-faults\.test\.ts:\d+$/)
  })

  it('for names that would share a topic', () => {
    const fault = faultOf((flow) => {
      flow.stream(orders).count('a.b').to(counts)
      flow.stream(orders).apply('a', (stream) => stream.count('b').to(counts))
    })
    expect(fault.message).toMatch(/the steps "a.b" and "a\/b" would share one topic/)
  })

  it.each(['by city', 'a/b', '..', 'ä', 'x'.repeat(101)])('for a malformed name: %s', (name) => {
    const fault = faultOf((flow) => flow.stream(orders).count(name).to(counts))
    expect(fault).toMatchObject({ code: 'MR1002' })
    expect(fault.message).toMatch(/cannot be the name of a step: a name has 1 to 100 of the characters/)
  })

  it('for names that are too long with the levels of apply() in front', () => {
    const long = 'x'.repeat(100)
    const fault = faultOf((flow) => flow.stream(orders).apply(long, (a) => a.apply(long, (b) => b.count(long).to(counts))))
    expect(fault.message).toMatch(/is too long: its topic would have more than 249 characters/)
  })

  it.each([
    ['count', (flow: Untyped) => flow['stream']?.(orders)['count']?.()['to']?.(counts)],
    ['keyBy', (flow: Untyped) => keyedByNothing(flow)],
    ['process', (flow: Untyped) => flow['stream']?.(orders)['process']?.(undefined, { onRecord: () => undefined })],
  ])('for a step that owns something and has no name: %s', (word, build) => {
    const fault = untyped(build)
    expect(fault).toMatchObject({ code: 'MR1003' })
    expect(fault.message).toContain(`${word}() has no name`)
  })

  it('for a topic that it reads and writes', () => {
    const fault = faultOf((flow) =>
      flow
        .stream(orders)
        .filter(() => true)
        .to(orders),
    )
    expect(fault).toMatchObject({ code: 'MR1004' })
    expect(fault.message).toMatch(/orders is written here and read at .*: a cycle/)
  })

  it.each<readonly [string, (flow: Flow) => unknown, RegExp]>([
    ['a map', (flow) => flow.stream(orders).map(() => 1), /the result of map\(\) leads nowhere: end it with to\(topic\)/],
    ['a source', (flow) => flow.stream(orders), /the stream of orders leads nowhere/],
    ['a keyBy', (flow) => flow.stream(orders).keyBy('x', () => 'x'), /"x" leads nowhere/],
    [
      'a final window',
      (flow) =>
        flow
          .stream(orders)
          .window('w', tumbling(minutes(1)))
          .count(),
      /"w" leads nowhere/,
    ],
    [
      'a window that is never aggregated',
      (flow) => flow.stream(orders).window('w', tumbling(minutes(1))),
      /window\("w"\) is never aggregated/,
    ],
    ['a branch', (flow) => flow.stream(orders).branch({ a: () => true }), /branch\(\) leads nowhere/],
    ['changes', (flow) => flow.stream(orders).count('c').changes(), /changes\(\) leads nowhere/],
    [
      'a process that emits',
      (flow) => flow.stream(orders).process('p', { emits: type<number>(), onRecord: () => undefined }),
      /"p" leads nowhere/,
    ],
  ])('for a stream that leads nowhere: %s', (_, build, message) => {
    const fault = faultOf(build)
    expect(fault.message).toMatch(message)
    expect(fault.code).toBe('MR1005')
  })

  it('but tables, steps without results and side outputs may end', () => {
    const built = topology('app', { version: 1 }, (flow) => {
      flow.table(returns)
      flow.stream(orders).count('all')
      flow.stream(orders).process('seen', { state: { seen: valueState<boolean>() }, onRecord: (_, { state }) => state.seen.set(true) })
      flow
        .stream(orders)
        .window('w', tumbling(minutes(1)), { emit: 'every-commit' })
        .count()
      flow
        .stream(orders)
        .branch({ big: (order) => order.total > 100, rest: otherwise })
        .big.to(results)
    })
    expect(isTopology(built)).toBe(true)
  })

  it('for two branches that take the rest', () => {
    const fault = faultOf((flow) => {
      const { a, b } = flow.stream(orders).branch({ a: otherwise, b: otherwise })
      a.to(results)
      b.to(results)
    })
    expect(fault).toMatchObject({ code: 'MR1006' })
    expect(fault.message).toMatch(/"otherwise" to a and b/)
  })

  it('for a table of a topic without keys', () => {
    const fault = untyped((flow) => flow['table']?.(clicks))
    expect(fault).toMatchObject({ code: 'MR1007' })
    expect(fault.message).toMatch(/table\(\) of the topic clicks, whose keys have the format none/)
  })

  it('for one topic that is read in two ways', () => {
    const twin = topic('orders', { key: text, value: json(type<Order>()) })
    expect(faultOf((flow) => flow.merge(flow.stream(orders), flow.stream(twin)).to(results))).toMatchObject({ code: 'MR1008' })
    const late = faultOf((flow) => {
      flow.stream(orders).to(results)
      flow.stream(orders, { outOfOrderness: minutes(1) }).count('c')
    })
    expect(late.message).toMatch(/the topic orders is read here and at .*topology-faults\.test\.ts:\d+ with other formats or options/)
  })

  it('but not for one topic that is read twice in the same way', () => {
    const built = topology('app', { version: 1 }, (flow) => {
      flow.stream(orders).to(results)
      flow.stream(orders).count('c')
      flow.table(orders)
    })
    expect(planOf(built).subTopologies[0]?.inputs).toHaveLength(1)
  })

  it('for two stages with one name', () => {
    const fault = faultOf((flow) => {
      flow
        .stream(orders)
        .keyBy('returns', (order) => order.city)
        .count('a')
      flow.stream(returns).count('b')
    })
    expect(fault).toMatchObject({ code: 'MR1009' })
    expect(fault.message).toMatch(/two stages would be called "returns"/)
  })

  it('for partition counts that do not fit', () => {
    const fault = faultOf((flow) =>
      flow
        .merge(
          flow.stream(orders).keyBy('a', (order) => order.city, { partitions: 4 }),
          flow.stream(returns).keyBy('b', (order) => order.city, { partitions: 8 }),
        )
        .count('c'),
    )
    expect(fault).toMatchObject({ code: 'MR1010' })
    expect(fault.message).toMatch(/"a" has 4, "b" has 8/)
    expect(
      faultOf((flow) =>
        flow
          .stream(orders)
          .keyBy('a', (order) => order.city, { partitions: 0 })
          .count('c'),
      ),
    ).toMatchObject({ code: 'MR1010' })
  })

  it('for a repartition topic whose keys would need a registry', () => {
    const asking = { ...text, open: () => Promise.resolve() }
    const fault = faultOf((flow) =>
      flow
        .stream(orders)
        .keyBy('a', (order) => order.city, { key: asking })
        .count('c'),
    )
    expect(fault).toMatchObject({ code: 'MR1022' })
    expect(fault.message).toMatch(/the key format text of "a" asks a registry/)
  })

  it('for a step with state over keys in different formats', () => {
    const fault = untyped((flow) => flow['merge']?.(flow['stream']?.(orders), flow['stream']?.(byNumber))['count']?.('c'))
    expect(fault).toMatchObject({ code: 'MR1011' })
    expect(fault.message).toMatch(/count\(\) reads a merge of keys in different formats \(text and int64\)/)
  })

  it('for a step that needs a key and has none', () => {
    const fault = untyped((flow) => flow['stream']?.(clicks)['count']?.('c'))
    expect(fault).toMatchObject({ code: 'MR1012' })
    expect(fault.message).toMatch(/count\(\) needs a key, and this stream has none: put keyBy\(\) before it/)
    expect(untyped((flow) => flow['stream']?.(clicks)['to']?.(results)).code).toBe('MR1012')
  })

  it('for a stage that would wait for itself', () => {
    const fault = faultOf((flow) => {
      const stream = flow.stream(orders)
      flow
        .merge(
          stream,
          stream.keyBy('city', (order) => order.city),
        )
        .to(results)
    })
    expect(fault).toMatchObject({ code: 'MR1013' })
    expect(fault.message).toMatch(/what comes out of "city" \(.*\) meets again what went in/)
  })

  it('for two stages that would wait for each other', () => {
    const fault = faultOf((flow) => {
      const a = flow.stream(orders)
      const b = flow.stream(returns)
      flow
        .merge(
          a,
          b.keyBy('b-city', (order) => order.city),
        )
        .to(results)
      flow
        .merge(
          b,
          a.keyBy('a-city', (order) => order.city),
        )
        .to(results)
    })
    expect(fault.code).toBe('MR1013')
  })

  it('for a name or version that cannot be used', () => {
    expect(faultOf((flow) => flow.stream(orders).to(results), 'surge pricing')).toMatchObject({ code: 'MR1014' })
    expect(faultOf((flow) => flow.stream(orders).to(results), 'app', 0.5)).toMatchObject({ code: 'MR1014' })
  })

  it('for an async build function, an empty one, and steps added later', () => {
    expect(
      faultOf((flow) => {
        flow.stream(orders).to(results)
        return Promise.resolve()
      }),
    ).toMatchObject({ code: 'MR1016' })
    expect(faultOf(() => undefined)).toMatchObject({ code: 'MR1017' })
    let kept: KeyedStream<string, Order> | undefined
    topology('app', { version: 1 }, (flow) => {
      kept = flow.stream(orders)
      kept.to(results)
    })
    expect(() => kept?.to(results)).toThrow(expect.objectContaining({ code: 'MR1020' }))
  })

  it.each<readonly [string, (flow: Untyped) => unknown, RegExp]>([
    [
      'a map without function',
      (flow) => flow['stream']?.(orders)['map']?.()['to']?.(results),
      /map\(\) needs a function, and was given undefined/,
    ],
    ['a stream of a name', (flow) => flow['stream']?.('orders')['to']?.(results), /stream\(\) needs a topic made by topic\(/],
    ['a sink by name', (flow) => flow['stream']?.(orders)['to']?.('results'), /to\(\) needs a topic made by topic\(/],
    ['a merge of nothing', (flow) => flow['merge']?.()['to']?.(results), /merge\(\) takes one or more streams of this topology/],
    [
      'a timer without handler',
      (flow) => flow['stream']?.(orders)['process']?.('p', { timers: { quiet: 'event-time' }, onRecord: () => undefined }),
      /"p" declares the timer "quiet" and has no handler/,
    ],
    [
      'a start that is no time',
      (flow) => flow['stream']?.(orders, { startAt: 'soon' })['to']?.(results),
      /startAt of the topic orders cannot be used/,
    ],
  ])('for what the compiler would refuse: %s', (_, build, message) => {
    const fault = untyped(build)
    expect(fault.message).toMatch(message)
    expect(fault.message).toContain('[MR1021]')
  })

  it('for names of topics and state cells that Kafka does not take', () => {
    const odd = topic('an order', { key: text, value: format })
    expect(faultOf((flow) => flow.stream(odd).to(results)).message).toMatch(/"an order" is no name of a topic/)
    expect(
      faultOf((flow) => flow.stream(orders).process('p', { state: { 'a b': valueState<number>() }, onRecord: () => undefined })).message,
    ).toMatch(/"a b" in "p" cannot be the name of a state cell/)
  })

  it('with all faults in one error, each with its code and place', () => {
    const fault = faultOf((flow) => {
      flow.stream(orders).map(() => 1)
      flow.stream(returns).count('a b').to(counts)
      flow.stream(returns).to(returns)
    })
    expect(fault.message.split('\n')).toEqual([
      'the topology app has 3 faults:',
      expect.stringMatching(/^ {2}1\. test\/unit\/dataflow\/topology-faults\.test\.ts:\d+ \[MR1002\] /),
      expect.stringMatching(/^ {2}2\. test\/unit\/dataflow\/topology-faults\.test\.ts:\d+ \[MR1005\] /),
      expect.stringMatching(/^ {2}3\. test\/unit\/dataflow\/topology-faults\.test\.ts:\d+ \[MR1004\] /),
    ])
  })
})

describe('values that cannot be used', () => {
  it('are refused where they are made: durations and windows', () => {
    expect(() => minutes(NaN)).toThrow(expect.objectContaining({ code: 'MR1018' }))
    expect(() => minutes(-1)).toThrow(/minutes\(-1\) is no usable amount/)
    expect(() => tumbling(minutes(0))).toThrow(expect.objectContaining({ code: 'MR1019' }))
  })

  it('are refused where a plan is asked for: what is no topology', () => {
    expect(() => planOf({ name: 'app', version: 1, describe: () => '' })).toThrow(expect.objectContaining({ code: 'MR1015' }))
  })
})
