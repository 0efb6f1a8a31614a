import { describe, expect, it } from '@jest/globals'
import { json, listState, mapState, milliseconds, minutes, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { KeyedStream, Windowed } from 'millrace'
import { PlainRun } from '../../support/plain-run.ts'

const events = topic('events', { key: text, value: json(type<string>()) })
const out = topic('out', { key: text, value: json(type<unknown>()) })
const other = topic('other', { key: text, value: json(type<string>()) })

const run = (build: (stream: KeyedStream<string, string>) => void): PlainRun =>
  new PlainRun(topology('app', { version: 1 }, (flow) => build(flow.stream(events))))
const send = (city: PlainRun, key: string, value: string, timestamp = 0): unknown => city.send('events', { key, value, timestamp })
const read = (city: PlainRun): unknown[] => city.read('out').map(({ key, value, timestamp }) => [key, value, timestamp])

/** After so much silence of a key says that it is quiet. */
const silence = (): PlainRun =>
  run((stream) =>
    stream
      .process('silence', {
        timers: { quiet: 'event-time' },
        emits: type<string>(),
        onRecord: (value, { timers }) => (value === 'stop' ? timers.quiet.cancel() : timers.quiet.after(milliseconds(10))),
        onTimer: { quiet: (at, { key, emit }) => emit(`${key} quiet at ${at}`) },
      })
      .to(out),
  )

describe('process: state', () => {
  it('values, maps and lists belong to the key and survive a restart', () => {
    const city = run((stream) =>
      stream
        .process('keep', {
          state: { last: valueState<string>(), seen: mapState<string, number>(), all: listState<string>() },
          emits: type<unknown>(),
          onRecord: (value, { state: { last, seen, all }, emit }) => {
            const before = last.get()
            last.set(value)
            seen.set(value, (seen.get(value) ?? 0) + 1)
            all.push(value)
            emit({ before, seen: [...seen.entries()], all: [...all.values()], has: seen.has('b') })
          },
        })
        .to(out),
    )
    send(city, 'x', 'b')
    send(city, 'y', 'a')
    city.commit()
    send(city, 'x', 'lost')
    city.tasks[0]?.crash()
    send(city, 'x', 'a')
    expect(city.pairs('out').at(-1)).toEqual([
      'x',
      {
        before: 'b',
        seen: [
          ['a', 1],
          ['b', 1],
        ],
        all: ['b', 'a'],
        has: true,
      },
    ])
  })

  it('can be cleared, and then nothing of it is kept', () => {
    const city = run((stream) =>
      stream.process('keep', {
        state: { last: valueState<string>(), seen: mapState<number, string>(), all: listState<string>() },
        onRecord: (value, { state: { last, seen, all } }) => {
          if (value === 'clear') {
            last.clear()
            seen.delete(1)
            seen.clear()
            all.clear()
            return
          }
          last.set(value)
          for (const name of [10, 9, 1]) seen.set(name, value)
          all.push(value)
          all.push(value)
        },
      }),
    )
    send(city, 'x', 'a')
    expect(city.tasks[0]?.stores.size).toBe(7)
    send(city, 'x', 'clear')
    expect(city.tasks[0]?.stores.size).toBe(0)
  })

  it('entries of a map come in the order of their names', () => {
    const city = run((stream) =>
      stream
        .process('sorted', {
          state: { seen: mapState<number, string>() },
          emits: type<unknown>(),
          onRecord: (value, { state: { seen }, emit }) => {
            for (const name of [100, -1, 9, 0.5]) seen.set(name, value)
            emit([...seen.entries()].map(([name]) => name))
          },
        })
        .to(out),
    )
    send(city, 'x', 'a')
    expect(city.pairs('out')).toEqual([['x', [-1, 0.5, 9, 100]]])
  })
})

describe('process: results', () => {
  it('have key, timestamp, headers and stamp of the record; the context tells all of it', () => {
    const city = run((stream) =>
      stream
        .process('look', {
          emits: type<unknown>(),
          onRecord: (value, { key, timestamp, headers, position, watermark, emit }) =>
            emit({
              value,
              key,
              timestamp,
              header: String(headers.get('trace')),
              topic: position.topic,
              offset: Number(position.offset),
              watermark,
            }),
        })
        .to(out),
    )
    city.send('events', { key: 'x', value: 'a', timestamp: 7, headers: [['trace', Buffer.from('t1')]] })
    city.send('events', { key: 'x', value: 'b', timestamp: 9 })
    const [first, second] = city.read('out')
    expect(first).toMatchObject({
      key: 'x',
      timestamp: 7,
      value: { value: 'a', key: 'x', timestamp: 7, header: 't1', topic: 'events', offset: 0, watermark: null },
      headers: [['trace', Buffer.from('t1')]],
    })
    expect(second).toMatchObject({ value: { watermark: 7, header: 'undefined' }, headers: [] })
  })

  it('go to as many side outputs as are declared', () => {
    const city = run((stream) => {
      const split = stream.process('split', {
        emits: type<string>(),
        side: { rejected: type<string>(), unread: type<string>() },
        onRecord: (value, { emit, side }) => {
          if (value === 'bad') side.rejected(`${value}!`)
          else emit(value)
          side.unread(value)
        },
      })
      split.to(out)
      split.side.rejected.to(other)
    })
    send(city, 'x', 'good')
    send(city, 'x', 'bad')
    expect(city.pairs('out')).toEqual([['x', 'good']])
    expect(city.pairs('other')).toEqual([['x', 'bad!']])
  })

  it('stop the task when a handler is async at run time', () => {
    const city = run((stream) =>
      // As a cast or plain JavaScript would.
      stream.process('late', { onRecord: (() => Promise.reject(new Error('later'))) as never }),
    )
    expect(() => send(city, 'x', 'a')).toThrow(
      expect.objectContaining({
        code: 'MR6004',
        action: 'stop-task',
        message: expect.stringMatching(/onRecord of "late" gave a promise/) as unknown,
      }),
    )
  })
})

describe('process: event-time timers', () => {
  it('fire when the watermark reaches their time, not before, and once', () => {
    const city = silence()
    send(city, 'a', 'x', 5)
    city.advance(14)
    expect(read(city)).toEqual([])
    city.advance(15)
    expect(read(city)).toEqual([['a', 'a quiet at 15', 15]])
    city.advance(100)
    expect(read(city)).toEqual([])
  })

  it('are one for each key and name: setting replaces, later or earlier', () => {
    const city = run((stream) =>
      stream
        .process('silence', {
          timers: { quiet: 'event-time' },
          emits: type<string>(),
          onRecord: (value, { timers }) => timers.quiet.at(Number(value)),
          onTimer: { quiet: (at, { emit }) => emit(String(at)) },
        })
        .to(out),
    )
    for (const time of ['50', '70', '20', '60', '40']) send(city, 'a', time)
    city.advance(39)
    expect(read(city)).toEqual([])
    city.advance(100)
    expect(read(city)).toEqual([['a', '40', 40]])
  })

  it('can be cancelled, and leave nothing behind', () => {
    const city = silence()
    send(city, 'a', 'x', 5)
    send(city, 'a', 'x', 6)
    send(city, 'a', 'stop', 7)
    send(city, 'b', 'stop', 7)
    city.commit()
    expect(city.tasks[0]?.stores.size).toBe(0)
    city.advance(100)
    expect(read(city)).toEqual([])
  })

  it('put off by every record cost one write each, not three', () => {
    const city = silence()
    for (let time = 0; time < 9; time += 1) send(city, 'a', 'x', time)
    city.commit()
    // One entry by time, and the times of the key.
    expect(city.tasks[0]?.stores.size).toBe(2)
    city.advance(17)
    expect(read(city)).toEqual([])
    city.advance(18)
    expect(read(city)).toEqual([['a', 'a quiet at 18', 18]])
    expect(city.tasks[0]?.stores.size).toBe(0)
  })

  it('survive a restart and fire once', () => {
    const city = silence()
    send(city, 'a', 'x', 5)
    city.commit()
    city.tasks[0]?.crash()
    city.advance(15)
    expect(read(city)).toEqual([['a', 'a quiet at 15', 15]])
    city.tasks[0]?.crash()
    city.advance(100)
    expect(read(city)).toEqual([])
  })

  it('fire in order of time, then of key', () => {
    const city = silence()
    for (const [key, time] of [
      ['b', 7],
      ['c', 5],
      ['a', 7],
    ] as const)
      send(city, key, 'x', time)
    city.advance(100)
    expect(city.pairs('out').map(([key]) => key)).toEqual(['c', 'a', 'b'])
  })

  it('set to a time that has come fire when the record is done, with a timestamp that is not behind the watermark', () => {
    const city = run((stream) =>
      stream
        .process('now', {
          timers: { past: 'event-time' },
          emits: type<string>(),
          onRecord: (value, { timers, emit }) => {
            timers.past.at(3)
            emit(value)
          },
          onTimer: { past: (at, { emit, timestamp }) => emit(`set to ${at}, now ${timestamp}`) },
        })
        .to(out),
    )
    city.advance(50)
    send(city, 'a', 'x', 40)
    expect(read(city)).toEqual([
      ['a', 'x', 40],
      ['a', 'set to 3, now 50', 50],
    ])
  })

  it('may be set again by their own handler, as often as the watermark has passed', () => {
    const city = run((stream) =>
      stream
        .process('every', {
          timers: { tick: 'event-time' },
          emits: type<number>(),
          onRecord: (_, { timers }) => timers.tick.at(10),
          onTimer: {
            tick: (at, { timers, emit }) => {
              emit(at)
              timers.tick.after(milliseconds(10))
            },
          },
        })
        .to(out),
    )
    send(city, 'a', 'x')
    city.advance(35)
    expect(city.pairs('out').map(([, value]) => value)).toEqual([10, 20, 30])
  })

  it('that set themselves to a time that has come, without end, are stopped with their name', () => {
    const city = run((stream) =>
      stream.process('loop', {
        timers: { again: 'event-time' },
        onRecord: (_, { timers }) => timers.again.at(10),
        onTimer: { again: (at, { timers }) => timers.again.at(at) },
      }),
    )
    send(city, 'a', 'x')
    expect(() => city.advance(10)).toThrow(/timer again of "loop" sets itself again to a time that has come already/)
  })

  it('refuse what is no time', () => {
    const city = run((stream) =>
      stream.process('odd', {
        timers: { t: 'event-time' },
        onRecord: (_, { timers }) => timers.t.at(NaN),
        onTimer: { t: () => undefined },
      }),
    )
    expect(() => send(city, 'a', 'x')).toThrow(/timer t of "odd": NaN is no time/)
  })

  it('fire between the results of windows, in order of time, however far the watermark jumps', () => {
    const results = (jumps: readonly number[]): unknown[] => {
      const city = run((stream) =>
        stream
          .window('w', tumbling(milliseconds(10)), { lateness: milliseconds(3) })
          .count()
          .process('gaps', {
            timers: { gap: 'event-time' },
            emits: type<string>(),
            onRecord: ({ window }: Windowed<number>, { timers, emit }) => {
              emit(`window ${window.start}`)
              timers.gap.after(milliseconds(15))
            },
            onTimer: { gap: (at, { emit }) => emit(`gap at ${at}`) },
          })
          .to(out),
      )
      // All at once: later records would otherwise move time themselves.
      city.send('events', { key: 'a', value: 'x', timestamp: 0 })
      for (const jump of jumps) city.advance(jump)
      return read(city)
    }
    const oneJump = results([1_000])
    expect(oneJump).toEqual([
      ['a', 'window 0', 9],
      ['a', 'gap at 24', 24],
    ])
    expect(results([13, 20, 26, 27, 28, 900])).toEqual(oneJump)
  })
})

describe('process: processing-time timers', () => {
  it('fire by the wall clock, once, and tell when they want to be woken', () => {
    const city = run((stream) =>
      stream
        .process('wait', {
          timers: { alarm: 'processing-time' },
          emits: type<string>(),
          onRecord: (_, { timers }) => timers.alarm.after(minutes(1)),
          onTimer: {
            alarm: (at, { emit, timers, key }) => {
              emit('woken')
              if (key === 'again') timers.alarm.after(minutes(1))
              if (at < 0) throw new Error('never')
            },
          },
        })
        .to(out),
    )
    const start = city.now
    expect(city.tasks[0]?.program.nextTick()).toBe(Infinity)
    send(city, 'a', 'x')
    send(city, 'again', 'x')
    expect(city.tasks[0]?.program.nextTick()).toBe(start + 60_000)
    city.tick(start + 59_999)
    expect(read(city)).toEqual([])
    city.tick(start + 60_000)
    expect(read(city)).toEqual([
      ['a', 'woken', start + 60_000],
      ['again', 'woken', start + 60_000],
    ])
    expect(city.tasks[0]?.program.nextTick()).toBe(start + 120_000)
  })
})
