import { describe, expect, it } from '@jest/globals'
import { json, none, nullable, otherwise, text, topic, topology, type } from 'millrace'
import type { Flow, KeyedStream } from 'millrace'
import { z } from 'zod'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import { PlainRun } from '../../support/plain-run.ts'

interface Order {
  readonly city: string
  readonly total: number
}
const orders = topic('orders', { key: text, value: json(type<Order>()) })
const returns = topic('returns', { key: text, value: json(type<Order>()) })
const out = topic('out', { key: text, value: json(type<unknown>()) })
const rest = topic('rest', { key: text, value: json(type<unknown>()) })
const run = (build: (flow: Flow) => void, partitions = 1): PlainRun => new PlainRun(topology('app', { version: 1 }, build), { partitions })
const send = (city: PlainRun, key: string, total: number, name = 'Bern'): unknown =>
  city.send('orders', { key, value: { city: name, total } })

describe('stateless steps', () => {
  it('map, filter and flatMap change values and keep key, timestamp and headers', () => {
    const city = run((flow) =>
      flow
        .stream(orders)
        .filter((order, { key }) => order.total > 1 && key !== 'x')
        .map((order) => order.total)
        .flatMap((total, { timestamp }) => Array.from({ length: total }, (_, index) => `${index} at ${timestamp}`))
        .to(out),
    )
    city.send('orders', { key: 'a', value: { city: 'Bern', total: 2 }, timestamp: 9, headers: [['trace', Buffer.from('1')]] })
    send(city, 'a', 1)
    send(city, 'x', 5)
    expect(city.read('out').map(({ key, value, timestamp, headers }) => [key, value, timestamp, headers.length])).toEqual([
      ['a', '0 at 9', 9, 1],
      ['a', '1 at 9', 9, 1],
    ])
    expect(city.outcomes).toEqual({ processed: 1, filtered: 2, late: 0 })
  })

  it('branch gives each record to the first that accepts it; the rest is filtered or goes to otherwise', () => {
    const city = run((flow) => {
      const { big, even } = flow.stream(orders).branch({ big: (order) => order.total > 10, even: (order) => order.total % 2 === 0 })
      big.to(out)
      even.to(rest)
    })
    for (const total of [12, 4, 3]) send(city, 'a', total)
    expect(city.read('out').map((one) => (one.value as Order).total)).toEqual([12])
    expect(city.read('rest').map((one) => (one.value as Order).total)).toEqual([4])
    expect(city.outcomes).toEqual({ processed: 2, filtered: 1, late: 0 })
    const complete = run((flow) => {
      const branches = flow.stream(orders).branch({ others: otherwise, big: (order) => order.total > 10 })
      branches.big.to(out)
      branches.others.to(rest)
    })
    for (const total of [12, 4]) send(complete, 'a', total)
    expect(complete.read('out')).toHaveLength(1)
    expect(complete.read('rest')).toHaveLength(1)
  })

  it('a branch that nobody reads drops its records as filtered', () => {
    const city = run((flow) =>
      flow
        .stream(orders)
        .branch({ big: (order) => order.total > 10, small: otherwise })
        .big.to(out),
    )
    send(city, 'a', 1)
    expect(city.outcomes).toEqual({ processed: 0, filtered: 1, late: 0 })
  })

  it('merge gives the records of all its inputs; a stream may be read by many', () => {
    const city = run((flow) => {
      const stream = flow.stream(orders)
      const merged = flow.merge(stream, flow.stream(returns), stream)
      merged.map((order) => order.total).to(out)
      stream.map(() => 'seen').to(rest)
    })
    send(city, 'a', 1)
    city.send('returns', { key: 'b', value: { city: 'Thun', total: 2 } })
    expect(city.pairs('out')).toEqual([
      ['a', 1],
      ['a', 1],
      ['b', 2],
    ])
    expect(city.pairs('rest')).toEqual([['a', 'seen']])
  })

  it('stop the task when a function is async at run time, naming its place', () => {
    const city = run((flow) =>
      flow
        .stream(orders)
        // As a cast or plain JavaScript would.
        .map((() => Promise.resolve(1)) as unknown as () => number)
        .to(out),
    )
    expect(() => send(city, 'a', 1)).toThrow(/map\(\) at test\/unit\/dataflow\/stateless\.test\.ts:\d+ gave a promise/)
    const sieve = run((flow) =>
      flow
        .stream(orders)
        .filter((() => Promise.resolve(false)) as unknown as () => boolean)
        .to(out),
    )
    expect(() => send(sieve, 'a', 1)).toThrow(expect.objectContaining({ code: 'MR6004' }))
  })

  it('let errors of user code through', () => {
    const city = run((flow) =>
      flow
        .stream(orders)
        .map((): number => {
          throw new Error('no such city')
        })
        .to(out),
    )
    expect(() => send(city, 'a', 1)).toThrow('no such city')
  })
})

describe('sinks', () => {
  it('choose the partition as Java does, and by the origin where there is no key', () => {
    const keyless = topic('keyless', { key: none, value: json(type<unknown>()) })
    const input = topic('input', { key: none, value: json(type<Order>()) })
    const city = run((flow) => {
      flow.stream(orders).to(out)
      flow.stream(input).to(keyless)
    }, 5)
    for (const key of ['foobar', 'a', 'b', 'c']) send(city, key, 1)
    for (const { key, partition } of city.read('out')) expect(partition).toBe(partitionOf(String(key), 5))
    city.send('input', { key: 'ignored', value: { city: 'Bern', total: 1 }, partition: 3 })
    expect(city.read('keyless').map(({ key, partition }) => [key, partition])).toEqual([[null, 3]])
  })

  it('write the key in the format of their topic', () => {
    const tuples = topic('tuples', { key: json(type<readonly [string, number]>()), value: json(type<Order>()) })
    const city = run((flow) =>
      flow
        .stream(orders)
        .keyBy('pair', (order) => [order.city, order.total])
        .to(tuples),
    )
    send(city, 'a', 7)
    expect(city.pairs('tuples')).toEqual([[['Bern', 7], { city: 'Bern', total: 7 }]])
  })

  it('check what they write by the schema, and say which topic', () => {
    const strict = topic('strict', { key: text, value: json(z.object({ total: z.number().max(5) })) })
    const city = run((flow) =>
      flow
        .stream(orders)
        .map(({ total }) => ({ total }))
        .to(strict),
    )
    send(city, 'a', 5)
    send(city, 'a', 6)
    expect(city.pairs('strict')).toEqual([['a', { total: 5 }]])
    expect(city.refused).toEqual([
      { reason: 'schema', message: expect.stringMatching(/^a result for strict is refused: total: /) as unknown },
    ])
  })

  it('refuse null and undefined where the format has no null', () => {
    const nothing = (value: null | undefined): PlainRun =>
      run((flow) =>
        flow
          .stream(orders)
          // As a cast or plain JavaScript would.
          .map(() => value as unknown as number)
          .to(out),
      )
    for (const value of [null, undefined]) {
      const city = nothing(value)
      send(city, 'a', 1)
      expect(city.refused).toEqual([{ reason: 'null-value', message: expect.stringMatching(`^a result for out is ${value}`) as unknown }])
    }
  })

  it('write null as a tombstone where it has', () => {
    const rows = topic('rows', { key: text, value: nullable(json(type<Order>())) })
    const copies = topic('copies', { key: text, value: nullable(json(type<Order>())) })
    const city = run((flow) => flow.stream(rows).to(copies))
    city.send('rows', { key: 'a', value: { city: 'Bern', total: 1 } })
    city.send('rows', { key: 'a' })
    expect(city.pairs('copies')).toEqual([
      ['a', { city: 'Bern', total: 1 }],
      ['a', null],
    ])
  })
})

describe('keyBy', () => {
  it('moves each record to the partition of its new key, with timestamp, headers and any data', () => {
    const city = run(
      (flow) =>
        flow
          .stream(orders)
          .map((order) => ({ ...order, at: new Date(5) }))
          .keyBy('city', (order) => order.city)
          .map((order, { key, timestamp, headers, position }) => [key, order.at.getTime(), timestamp, headers.size, position.topic])
          .to(out),
      4,
    )
    city.send('orders', { key: 'a', value: { city: 'Zürich', total: 2 }, timestamp: 9, headers: [['trace', Buffer.from('1')]] })
    expect(city.read('out')).toMatchObject([
      {
        key: 'Zürich',
        value: ['Zürich', 5, 9, 1, 'app.v1.city.repartition'],
        partition: partitionOf(Buffer.from('Zürich').toString('latin1'), 4),
      },
    ])
  })

  it('takes numbers, booleans and tuples as keys, equal by value', () => {
    const counts = topic('counts', { key: json(type<unknown>()), value: json(type<number>()) })
    const city = run((flow) =>
      flow
        .stream(orders)
        .keyBy('odd', (order) => [order.city, order.total % 2 === 1, order.total])
        .count('c')
        .to(counts),
    )
    for (const total of [1, 2, 1]) send(city, 'a', total)
    expect(city.pairs('counts')).toEqual([
      [['Bern', true, 1], 2],
      [['Bern', false, 2], 1],
    ])
  })

  it('fails on what is no key, as user code does', () => {
    const city = run(
      (flow) =>
        void flow
          .stream(orders)
          .keyBy('n', (order) => order.total / 0 - order.total / 0)
          .count('c'),
    )
    expect(() => send(city, 'a', 1)).toThrow(/NaN is no key/)
  })

  it('refuses what it did not write', () => {
    const city = run(
      (flow) =>
        void flow
          .stream(orders)
          .keyBy('n', (order) => order.city)
          .count('c'),
    )
    const reader = city.tasks[1]?.program
    const read = (key: Buffer | null, value: Buffer | null): unknown =>
      reader?.read(0, 0, { offset: 0, timestamp: 0, key, value, headers: [] })
    expect(() => read(Buffer.from('a'), Buffer.from('{'))).toThrow(expect.objectContaining({ reason: 'value' }))
    expect(() => read(Buffer.from([0xff]), Buffer.from('1'))).toThrow(expect.objectContaining({ reason: 'key' }))
    expect(() => read(null, null)).toThrow(expect.objectContaining({ reason: 'null-value' }))
  })
})

describe('apply', () => {
  it('runs an operator of your own, twice without a collision', () => {
    const tagged =
      (tag: string) =>
      <K>(input: KeyedStream<K, Order>): KeyedStream<K, string> =>
        input.process('tag', { emits: type<string>(), onRecord: (order, { emit }) => emit(`${tag} ${order.city}`) })
    const city = run((flow) => {
      flow.stream(orders).apply('one', tagged('1')).to(out)
      flow.stream(orders).apply('two', tagged('2')).to(out)
    })
    send(city, 'a', 1)
    expect(city.pairs('out')).toEqual([
      ['a', '1 Bern'],
      ['a', '2 Bern'],
    ])
  })
})
