import { describe, expect, it } from '@jest/globals'
import { hopping, json, milliseconds, minutes, seconds, text, topic, topology, tumbling, type, windowed } from 'millrace'
import type { Flow, KeyedStream, Window, WindowOptions, Windowed } from 'millrace'
import { PlainRun } from '../../support/plain-run.ts'

const events = topic('events', { key: text, value: json(type<number>()) })
const sums = topic('sums', { key: text, value: json(type<Windowed<number>>()) })
const late = topic('late', { key: text, value: json(type<number>()) })
const table = topic('table', { key: windowed(text), value: json(type<number>()) })
const changes = topic('changes', { key: windowed(text), value: json(type<unknown>()) })

const run = (build: (stream: KeyedStream<string, number>, flow: Flow) => void, partitions = 1): PlainRun =>
  new PlainRun(
    topology('app', { version: 1 }, (flow) => build(flow.stream(events), flow)),
    { partitions },
  )
const add = { initial: () => 0, add: (total: number, value: number) => total + value }

const summing = (options: WindowOptions<'final'> = {}): PlainRun =>
  run((stream) => {
    const sum = stream.window('sum', tumbling(milliseconds(10)), options).aggregate(add)
    sum.to(sums)
    sum.side.late.to(late)
  })
const send = (city: PlainRun, key: string, timestamp: number, value = 1): unknown => city.send('events', { key, timestamp, value })

const result = (key: string, start: number, value: number): unknown => ({
  key,
  timestamp: start + 9,
  value: { window: { start, end: start + 10 }, value },
})
const results = (city: PlainRun): unknown[] => city.read('sums').map(({ key, timestamp, value }) => ({ key, timestamp, value }))

describe('tumbling windows', () => {
  it('are [start, end), aligned to the epoch, and give one result for each key when the watermark reaches the end (D2, D3)', () => {
    const city = summing()
    send(city, 'a', 10, 1)
    send(city, 'a', 19, 2)
    send(city, 'b', 19, 4)
    expect(results(city)).toEqual([])
    send(city, 'a', 20, 8)
    expect(results(city)).toEqual([result('a', 10, 3), result('b', 10, 4)])
    city.advance(30)
    expect(results(city)).toEqual([result('a', 20, 8)])
    city.advance(1_000)
    expect(results(city)).toEqual([])
  })

  it('emit at exactly end + lateness, and not a millisecond before (D1)', () => {
    const city = summing({ lateness: milliseconds(5) })
    send(city, 'a', 3)
    city.advance(14)
    expect(results(city)).toEqual([])
    city.advance(15)
    expect(results(city)).toEqual([result('a', 0, 1)])
  })

  it('take a record iff the watermark just before it is below end + lateness (D1): late ones go to side.late and are counted', () => {
    const city = summing({ lateness: milliseconds(5) })
    send(city, 'a', 14)
    expect(send(city, 'a', 9, 2)).toBe('processed')
    send(city, 'a', 15)
    expect(send(city, 'a', 9, 4)).toBe('late')
    city.advance(100)
    expect(results(city)).toEqual([result('a', 0, 2), result('a', 10, 2)])
    expect(city.read('late').map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual([
      { key: 'a', value: 4, timestamp: 9 },
    ])
    expect(city.counters('sum')).toEqual({ records: 4, results: 2, late: 1 })
    expect(city.outcomes).toEqual({ processed: 3, filtered: 0, late: 1 })
  })

  it('take the record that itself moves the watermark past its window', () => {
    const city = run((stream) =>
      stream
        .window('sum', tumbling(milliseconds(10)))
        .aggregate(add)
        .to(sums),
    )
    send(city, 'a', 9)
    send(city, 'b', 100)
    expect(results(city)).toEqual([result('a', 0, 1)])
  })

  it('count a record as processed when one window takes it and another is late for it', () => {
    const city = run((stream) => {
      stream
        .window('short', tumbling(milliseconds(10)))
        .aggregate(add)
        .to(sums)
      stream
        .window('patient', tumbling(milliseconds(10)), { lateness: seconds(1) })
        .aggregate(add)
        .to(sums)
    })
    send(city, 'a', 50)
    expect(send(city, 'a', 1)).toBe('processed')
    expect(city.counters('short').late).toBe(1)
    expect(city.counters('patient').late).toBe(0)
  })

  it('fire in order of time, then of key, however far the watermark jumps', () => {
    const city = summing({ lateness: milliseconds(500) })
    for (const key of ['c', 'a', 'b']) for (const time of [25, 5, 15]) send(city, key, time)
    city.advance(10_000)
    expect(results(city).map((one) => JSON.stringify(one).slice(8, 9))).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('give what `result` makes of key and window', () => {
    const city = run((stream) =>
      stream
        .window('sum', tumbling(milliseconds(10)))
        .aggregate({ ...add, result: (total, { key, window }) => ({ window, value: total * 10, key }) })
        .to(sums),
    )
    send(city, 'a', 5)
    city.advance(10)
    expect(city.read('sums').map((one) => one.value)).toEqual([{ window: { start: 0, end: 10 }, value: 10, key: 'a' }])
  })

  it('reduce without an initial value, and count', () => {
    const city = run((stream) => {
      stream
        .window('max', tumbling(milliseconds(10)))
        .reduce(Math.max)
        .to(sums)
      stream
        .window('count', tumbling(milliseconds(10)))
        .count((value, { window }) => ({ window, value: value * 100 }))
        .to(sums)
    })
    for (const value of [3, 7, 5]) send(city, 'a', 5, value)
    city.advance(10)
    expect(city.read('sums').map((one) => (one.value as Windowed<number>).value)).toEqual([7, 300])
  })

  it('keep nothing when all windows are closed (C12)', () => {
    const city = summing()
    for (let time = 0; time < 100; time += 1) send(city, `k${time % 7}`, time)
    city.advance(1_000)
    city.commit()
    expect(city.tasks[0]?.stores.size).toBe(0)
  })

  it('announce the state that a record will touch', () => {
    const asked: (readonly [number, string])[] = []
    const plan = topology('app', { version: 1 }, (flow) =>
      flow
        .stream(events)
        .window('w', hopping(milliseconds(20), { every: milliseconds(10) }))
        .count()
        .to(sums),
    )
    const city = new PlainRun(plan)
    const task = city.tasks[0]
    const cell = task?.stores.store('w').timed('open', { encode: () => Buffer.alloc(0), decode: () => 0 })
    if (task === undefined || cell === undefined) throw new Error('no task')
    cell.prefetch = (time, key) => void asked.push([time, key])
    task.program.prefetch(
      task.program.read(0, 0, { offset: 0, timestamp: 25, key: Buffer.from('a'), value: Buffer.from('1'), headers: [] }),
    )
    expect(asked).toEqual([
      [20, 'a'],
      [10, 'a'],
    ])
  })
})

describe('hopping windows', () => {
  const hop = hopping(milliseconds(20), { every: milliseconds(10) })

  it('hold a record in each window that covers it', () => {
    const city = run((stream) => stream.window('hop', hop).aggregate(add).to(sums))
    send(city, 'a', 5, 1)
    send(city, 'a', 15, 2)
    send(city, 'a', 25, 4)
    city.advance(100)
    expect(city.read('sums').map((one) => one.value)).toEqual([
      { window: { start: -10, end: 10 }, value: 1 },
      { window: { start: 0, end: 20 }, value: 3 },
      { window: { start: 10, end: 30 }, value: 6 },
      { window: { start: 20, end: 40 }, value: 4 },
    ])
  })

  it('take a record into the windows that are still open, and call it late only when none is', () => {
    const city = run((stream) => stream.window('hop', hop).aggregate(add).to(sums))
    send(city, 'a', 20)
    expect(send(city, 'a', 15, 10)).toBe('processed')
    expect(send(city, 'a', 9, 100)).toBe('late')
    city.advance(100)
    expect(city.read('sums').map((one) => one.value)).toEqual([
      { window: { start: 10, end: 30 }, value: 11 },
      { window: { start: 20, end: 40 }, value: 1 },
    ])
  })

  it('leave no gap when the size is no multiple of the step', () => {
    const city = run((stream) =>
      stream
        .window('hop', hopping(milliseconds(25), { every: milliseconds(10) }))
        .count()
        .to(sums),
    )
    send(city, 'a', 24)
    city.advance(100)
    expect(city.read('sums').map((one) => (one.value as Windowed<number>).window.start)).toEqual([0, 10, 20])
  })
})

describe('windows behind windows', () => {
  it('in one task: all finals of the first are on time at the second, although they come by its lateness later (hole T6)', () => {
    const city = run((stream) =>
      stream
        .window('first', tumbling(milliseconds(10)), { lateness: milliseconds(10) })
        .aggregate(add)
        .window('second', tumbling(milliseconds(10)))
        .aggregate({ initial: () => 0, add: (total, one) => total + one.value })
        .to(sums),
    )
    for (let time = 0; time < 100; time += 5) send(city, 'a', time)
    city.advance(1_000)
    expect(city.read('sums')).toHaveLength(10)
    expect(city.counters('second').late).toBe(0)
  })

  it('through a repartition topic: the same, since the marker is held back by the lateness', () => {
    const city = run(
      (stream) =>
        stream
          .window('first', tumbling(milliseconds(10)), { lateness: milliseconds(10) })
          .aggregate(add)
          .keyBy('all', () => 'all')
          .window('second', tumbling(milliseconds(10)))
          .aggregate({ initial: () => 0, add: (total, one) => total + one.value })
          .to(sums),
      3,
    )
    for (let time = 0; time < 100; time += 1) {
      send(city, `k${time % 5}`, time)
      if (time % 7 === 0) city.commit()
    }
    city.advance(1_000)
    city.commit()
    expect(city.read('sums').map((one) => (one.value as Windowed<number>).value)).toEqual(Array.from({ length: 10 }, () => 10))
    expect(city.counters('second').late).toBe(0)
  })

  it('judge a record by its stamp from the origin, not by the merged watermark (hole T1)', () => {
    const city = run((stream) => {
      const sum = stream
        .keyBy('same', () => 'same')
        .window('sum', tumbling(milliseconds(10)))
        .aggregate(add)
      sum.to(sums)
      sum.side.late.to(late)
    }, 1)
    // Late at its origin, whether or not a commit stands between.
    for (const between of [true, false]) {
      const base = between ? 0 : 1_000
      send(city, 'a', base + 1)
      send(city, 'a', base + 12)
      if (between) city.commit()
      send(city, 'a', base + 5, 100)
      city.advance(base + 100)
      city.commit()
      expect(city.pairs('late')).toEqual([['same', 100]])
    }
  })
})

describe('updating windows', () => {
  const updating = (emit: 'every-commit' | 'every-update', lateness = milliseconds(5)): PlainRun =>
    run((stream) => {
      const counts = stream.window('count', tumbling(milliseconds(10)), { emit, lateness }).count()
      counts.to(table)
      counts.changes().to(changes)
      counts.side.late.to(late)
    })
  const window = (start: number): Window => ({ start, end: start + 10 })

  it('with every-commit give each changed key and window once for each commit, with what it was before', () => {
    const city = updating('every-commit')
    send(city, 'a', 1)
    send(city, 'b', 2)
    send(city, 'a', 3)
    expect(city.pairs('table')).toEqual([
      [['a', window(0)], 2],
      [['b', window(0)], 1],
    ])
    send(city, 'a', 12)
    send(city, 'a', 4)
    expect(city.read('table').map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual([
      { key: ['a', window(10)], value: 1, timestamp: 12 },
      { key: ['a', window(0)], value: 3, timestamp: 4 },
    ])
    expect(city.pairs('changes')).toEqual([
      [['a', window(0)], { after: 2 }],
      [['b', window(0)], { after: 1 }],
      [['a', window(10)], { after: 1 }],
      [['a', window(0)], { before: 2, after: 3 }],
    ])
  })

  it('with every-update give each update', () => {
    const city = updating('every-update')
    for (const time of [1, 2, 3]) send(city, 'a', time)
    expect(city.pairs('table').map(([, value]) => value)).toEqual([1, 2, 3])
  })

  it('take late records as final ones do, keep no state behind them, and give no further result at the end', () => {
    const city = updating('every-commit')
    send(city, 'a', 1)
    send(city, 'a', 15)
    expect(send(city, 'a', 2)).toBe('late')
    city.commit()
    city.read('table')
    city.advance(1_000)
    expect(city.pairs('table')).toEqual([])
    expect(city.pairs('late')).toEqual([['a', 1]])
    expect(city.tasks[0]?.stores.size).toBe(0)
  })

  it('show the key of the stream to the steps behind a window and of the record to the steps beside it', () => {
    const city = run((stream) => {
      stream
        .window('count', tumbling(minutes(1)), { emit: 'every-update' })
        .count()
        .to(table)
      stream.map((value, { key }) => value + key.length).to(late)
    })
    send(city, 'abc', 1, 1)
    expect(city.pairs('late')).toEqual([['abc', 4]])
  })
})
