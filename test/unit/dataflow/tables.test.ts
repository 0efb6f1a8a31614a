import { describe, expect, it } from '@jest/globals'
import { json, milliseconds, nullable, text, topic, topology, tumbling, type } from 'millrace'
import type { Change, Flow, Windowed } from 'millrace'
import { PlainRun } from '../../support/plain-run.ts'

interface Stay {
  readonly city: string
  readonly nights: number
}
const stays = topic('stays', { key: text, value: json(type<Stay>()) })
const numbers = topic('numbers', { key: text, value: json(type<number>()) })
const lists = topic('lists', { key: text, value: json(type<readonly string[]>()) })
const changed = topic('changed', { key: text, value: json(type<Change<unknown>>()) })
const copies = topic('copies', { key: text, value: json(type<Stay>()) })

const run = (build: (flow: Flow) => void, partitions = 1): PlainRun => new PlainRun(topology('app', { version: 1 }, build), { partitions })
const stay = (city: PlainRun, key: string, value: Stay | undefined, timestamp = 0): unknown => city.send('stays', { key, value, timestamp })

describe('aggregates by key', () => {
  it('give one result for each changed key and commit: the last value, with the largest timestamp of its records', () => {
    const city = run((flow) => flow.stream(stays).count('stays-of').to(numbers))
    stay(city, 'a', { city: 'Bern', nights: 1 }, 5)
    stay(city, 'b', { city: 'Bern', nights: 1 }, 6)
    stay(city, 'a', { city: 'Bern', nights: 1 }, 4)
    expect(city.read('numbers').map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual([
      { key: 'a', value: 2, timestamp: 5 },
      { key: 'b', value: 1, timestamp: 6 },
    ])
    expect(city.read('numbers')).toEqual([])
    stay(city, 'a', { city: 'Bern', nights: 1 }, 1)
    expect(city.read('numbers').map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual([
      { key: 'a', value: 3, timestamp: 1 },
    ])
    expect(city.counters('stays-of')).toEqual({ records: 4, results: 3, late: 0 })
  })

  it('aggregate, reduce and latest keep their values over a restart', () => {
    const city = run((flow) => {
      const stream = flow.stream(stays)
      stream.aggregate('cities', { initial: (): string[] => [], add: (all, one, { key }) => [...all, `${key} ${one.city}`] }).to(lists)
      stream
        .map((one) => one.nights)
        .reduce('longest', Math.max)
        .to(numbers)
      stream.latest('last').to(copies)
    })
    stay(city, 'a', { city: 'Bern', nights: 3 })
    city.commit()
    stay(city, 'a', { city: 'lost', nights: 9 })
    city.tasks[0]?.crash()
    stay(city, 'a', { city: 'Thun', nights: 2 })
    expect(city.pairs('lists').at(-1)).toEqual(['a', ['a Bern', 'a Thun']])
    expect(city.pairs('numbers').at(-1)).toEqual(['a', 3])
    expect(city.pairs('copies').at(-1)).toEqual(['a', { city: 'Thun', nights: 2 }])
  })

  it('do not share an initial value that user code changes in place', () => {
    const city = run((flow) =>
      flow
        .stream(stays)
        .aggregate('cities', {
          initial: (): string[] => [],
          add: (all, one) => {
            all.push(one.city)
            return all
          },
        })
        .to(lists),
    )
    stay(city, 'a', { city: 'Bern', nights: 1 })
    stay(city, 'b', { city: 'Thun', nights: 1 })
    expect(city.pairs('lists')).toEqual([
      ['a', ['Bern']],
      ['b', ['Thun']],
    ])
  })
})

describe('a table of a topic', () => {
  it('takes a tombstone as the end of a row, and writes it as one', () => {
    const city = run((flow) => flow.table(stays).to(copies))
    stay(city, 'a', { city: 'Bern', nights: 1 })
    city.commit()
    stay(city, 'a', undefined)
    expect(city.pairs('copies')).toEqual([
      ['a', { city: 'Bern', nights: 1 }],
      ['a', null],
    ])
    expect(city.tasks[0]?.stores.size).toBe(0)
  })

  it('beside a stream of the same topic: the stream sees no tombstone', () => {
    const city = run((flow) => {
      flow.table(stays).to(copies)
      flow
        .stream(stays)
        .map((one) => one.nights)
        .to(numbers)
    })
    stay(city, 'a', { city: 'Bern', nights: 7 })
    stay(city, 'a', undefined)
    expect(city.pairs('numbers')).toEqual([['a', 7]])
    expect(city.refused).toEqual([])
  })

  it('filter deletes a row that is no longer kept, and says nothing of rows that never were', () => {
    const city = run((flow) =>
      flow
        .table(stays)
        .filter((one, key) => one.nights > 2 && key !== 'x')
        .to(copies),
    )
    stay(city, 'a', { city: 'Bern', nights: 3 })
    stay(city, 'b', { city: 'Bern', nights: 1 })
    stay(city, 'x', { city: 'Bern', nights: 9 })
    expect(city.pairs('copies')).toEqual([['a', { city: 'Bern', nights: 3 }]])
    stay(city, 'a', { city: 'Bern', nights: 2 })
    stay(city, 'b', { city: 'Bern', nights: 2 })
    expect(city.pairs('copies')).toEqual([['a', null]])
    stay(city, 'a', undefined)
    expect(city.pairs('copies')).toEqual([])
  })

  it('map sees value and key', () => {
    const city = run((flow) =>
      flow
        .table(stays)
        .map((one, key) => one.nights + key.length)
        .to(numbers),
    )
    stay(city, 'abc', { city: 'Bern', nights: 1 })
    expect(city.pairs('numbers')).toEqual([['abc', 4]])
  })

  it('changes() tells what a row was at the commit before and what it is now, also when user code changes rows in place', () => {
    const city = run((flow) =>
      flow
        .stream(stays)
        .aggregate('cities', {
          initial: (): string[] => [],
          add: (all, one) => {
            all.push(one.city)
            return all
          },
        })
        .map((all) => all.join())
        .changes()
        .to(changed),
    )
    stay(city, 'a', { city: 'Bern', nights: 1 })
    stay(city, 'a', { city: 'Thun', nights: 1 })
    expect(city.pairs('changed')).toEqual([['a', { after: 'Bern,Thun' }]])
    stay(city, 'a', { city: 'Biel', nights: 1 })
    stay(city, 'a', { city: 'Chur', nights: 1 })
    expect(city.pairs('changed')).toEqual([['a', { before: 'Bern,Thun', after: 'Bern,Thun,Biel,Chur' }]])
  })

  it('a window over its changes gives no second final for a window that is closed (D3)', () => {
    const results = topic('results', { key: text, value: json(type<Windowed<number>>()) })
    const city = run((flow) =>
      flow
        .table(stays)
        .changes()
        .window('w', tumbling(milliseconds(10)))
        .count()
        .to(results),
    )
    stay(city, 'a', { city: 'Bern', nights: 1 }, 5)
    city.commit()
    stay(city, 'b', { city: 'Bern', nights: 1 }, 6)
    city.advance(1_000)
    city.commit()
    city.advance(2_000)
    const windows = city.read('results').map(({ key, value }) => `${String(key)} ${JSON.stringify(value)}`)
    expect(new Set(windows).size).toBe(windows.length)
    expect(city.counters('w').late).toBe(1)
  })

  it('its format decides whether null is a value or a tombstone: a table of nullable values deletes', () => {
    const rows = topic('rows', { key: text, value: nullable(json(type<Stay>())) })
    const city = run((flow) =>
      flow
        .table(rows)
        .map(() => 1)
        .to(numbers),
    )
    city.send('rows', { key: 'a', value: { city: 'Bern', nights: 1 } })
    city.commit()
    city.send('rows', { key: 'a' })
    expect(city.pairs('numbers')).toEqual([
      ['a', 1],
      ['a', null],
    ])
  })
})

describe('groupBy', () => {
  const nightsByCity = (partitions: number): PlainRun =>
    run(
      (flow) =>
        flow
          .table(stays)
          .groupBy('city', (one) => one.city)
          .aggregate('nights', {
            initial: () => 0,
            add: (total, one) => total + one.nights,
            subtract: (total, one) => total - one.nights,
          })
          .to(numbers),
      partitions,
    )

  it.each([1, 3])('subtracts a row where it was and adds it where it is (%s partitions)', (partitions) => {
    const city = nightsByCity(partitions)
    stay(city, 'a', { city: 'Bern', nights: 3 })
    stay(city, 'b', { city: 'Bern', nights: 4 })
    stay(city, 'c', { city: 'Thun', nights: 1 })
    expect(new Map(city.pairs('numbers'))).toEqual(
      new Map([
        ['Bern', 7],
        ['Thun', 1],
      ]),
    )
    stay(city, 'a', { city: 'Thun', nights: 5 })
    stay(city, 'b', undefined)
    expect(new Map(city.pairs('numbers'))).toEqual(
      new Map([
        ['Bern', 0],
        ['Thun', 6],
      ]),
    )
  })

  it('sends one record for a row that stays in its group', () => {
    const city = nightsByCity(1)
    stay(city, 'a', { city: 'Bern', nights: 3 })
    city.commit()
    stay(city, 'a', { city: 'Bern', nights: 5 })
    expect(city.pairs('numbers').at(-1)).toEqual(['Bern', 5])
    expect(city.counters('city')).toEqual({ records: 2, results: 2, late: 0 })
  })

  it('counts rows', () => {
    const city = run((flow) =>
      flow
        .table(stays)
        .groupBy('city', (one) => one.city)
        .count('stays-in')
        .to(numbers),
    )
    stay(city, 'a', { city: 'Bern', nights: 3 })
    stay(city, 'b', { city: 'Bern', nights: 3 })
    city.commit()
    stay(city, 'a', undefined)
    expect(city.pairs('numbers').at(-1)).toEqual(['Bern', 1])
  })
})
