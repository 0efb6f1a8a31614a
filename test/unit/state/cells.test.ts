import { describe, expect, it } from '@jest/globals'
import type { KeyBytes } from '../../../libs/dataflow/cells.ts'
import { TaskState } from '../../../libs/state/task-state.ts'
import { cached, commit, json, markAt, openedState } from '../../support/state-samples.ts'

const timed = (state: TaskState) => state.cells('totals').timed('windows', json<number>())
const map = (state: TaskState) => state.cells('totals').map('names', json<number>())
const high: KeyBytes = '\xff'

describe('a timed cell', () => {
  it('gives what is due by time, then by the bytes of the key, one time at a time', async () => {
    const { state } = await openedState()
    const cell = timed(state)
    for (const [time, key] of [
      [20, 'b'],
      [-5, 'z'],
      [20, 'a'],
      [10, high],
      [10, 'a'],
      [20, ''],
    ] as const)
      cell.set(time, key, time)
    await commit(state, 1)
    cell.set(20, 'aa', 21)
    cell.set(10, 'a', 11)
    const taken: unknown[] = []
    for (let due = cell.take(20); due.length > 0; due = cell.take(20))
      taken.push(due.map(({ time, key, value }) => `${time} ${key} ${value}`))
    expect(taken).toEqual([['-5 z -5'], ['10 a 11', `10 ${high} 10`], ['20  20', '20 a 20', '20 aa 21', '20 b 20']])
    expect(cell.earliest()).toBe(Infinity)
  })

  it('takes nothing that is not due', async () => {
    const { state } = await openedState()
    timed(state).set(10, 'a', 1)
    expect(timed(state).take(9)).toEqual([])
    expect(timed(state).take(10)).toHaveLength(1)
    expect(timed(state).take(Infinity)).toEqual([])
  })

  it('what was taken is gone from the store when the commit was applied, and back when it failed', async () => {
    const { state, store } = await openedState()
    timed(state).set(10, 'a', 1)
    timed(state).set(20, 'b', 2)
    await commit(state, 1)
    expect(timed(state).take(15)).toHaveLength(1)
    state.freeze()
    expect(timed(state).take(25)).toEqual([{ time: 20, key: 'b', value: 2 }])
    state.discard()
    expect(timed(state).take(25)).toEqual([{ time: 10, key: 'a', value: 1 }])
    await commit(state, 2)
    const again = TaskState.open(store, ['totals'], cached)
    expect(timed(again).earliest()).toBe(20)
    expect(timed(again).take(25)).toEqual([{ time: 20, key: 'b', value: 2 }])
  })

  it('fires an entry that was set again after it was taken', async () => {
    const { state } = await openedState()
    for (let round = 0; round < 3; round += 1) {
      timed(state).set(10, 'a', round)
      expect(timed(state).take(10)).toEqual([{ time: 10, key: 'a', value: round }])
      if (round === 1) await commit(state, 1)
    }
  })

  it('an entry that was moved to another time fires at that time only', async () => {
    const { state } = await openedState()
    timed(state).set(10, 'a', 1)
    await commit(state, 1)
    timed(state).delete(10, 'a')
    timed(state).set(30, 'a', 2)
    expect(timed(state).take(20)).toEqual([])
    expect(timed(state).take(30)).toEqual([{ time: 30, key: 'a', value: 2 }])
  })

  it('reads the store in pages, not once for each of 10,000 times, and not at all when nothing is due', async () => {
    const { state, store } = await openedState()
    for (let time = 0; time < 10_000; time += 1) timed(state).set(time, 'k', time)
    await commit(state, 1)
    let scans = 0
    const scan = store.scan.bind(store)
    store.scan = (range) => {
      scans += 1
      return scan(range)
    }
    for (let index = 0; index < 1_000; index += 1) timed(state).take(-1)
    expect(scans).toBeLessThanOrEqual(1)
    let taken = 0
    while (timed(state).take(Infinity).length > 0) taken += 1
    expect(taken).toBe(10_000)
    expect(scans).toBeLessThan(30)
  })

  it('refuses a time that is not a whole number', async () => {
    const { state } = await openedState()
    expect(() => timed(state).set(1.5, 'a', 1)).toThrow(RangeError)
    expect(() => timed(state).set(Infinity, 'a', 1)).toThrow(RangeError)
  })
})

describe('a map cell', () => {
  it('gives the entries of a key in the order of their names, those of no other key', async () => {
    const { state } = await openedState()
    const cell = map(state)
    for (const [key, name] of [
      ['k', 'b'],
      ['k', 'd'],
      ['k', ''],
      ['kb', 'x'],
      ['', 'kb'],
      ['k', high],
    ] as const)
      cell.set(key, name, 1)
    await commit(state, 1)
    cell.set('k', 'c', 2)
    cell.delete('k', 'b')
    const frozen = state.freeze()
    cell.set('k', 'a', 3)
    cell.set('k', 'd', 3)
    cell.delete('k', 'c')
    const expected = [
      ['', 1],
      ['a', 3],
      ['d', 3],
      [high, 1],
    ]
    expect(cell.entries('k')).toEqual(expected)
    await state.apply(frozen, markAt(2))
    expect(cell.entries('k')).toEqual(expected)
    expect(cell.entries('kb')).toEqual([['x', 1]])
    expect(cell.entries('none')).toEqual([])
  })

  it('gives the object that was set, also in entries', async () => {
    const { state } = await openedState()
    const cell = state.cells('totals').map('objects', json<{ n: number }>())
    const one = { n: 1 }
    cell.set('k', 'a', one)
    expect(cell.entries('k')[0]?.[1]).toBe(one)
    await commit(state, 1)
    expect(cell.entries('k')[0]?.[1]).toBe(one)
    expect(cell.get('k', 'a')).toBe(one)
  })
})

describe('a value cell', () => {
  it('setting undefined deletes', async () => {
    const { state } = await openedState()
    const cell = state.cells('totals').value<number | undefined>('maybe', json<number | undefined>())
    cell.set('a', 1)
    await commit(state, 1)
    cell.set('a', undefined)
    expect(cell.get('a')).toBeUndefined()
    await commit(state, 2)
    expect(cell.get('a')).toBeUndefined()
  })

  it('null, false, zero and the empty text are values', async () => {
    const { state, store } = await openedState()
    const cell = state.cells('totals').value<unknown>('any', json<unknown>())
    const values = [null, false, 0, '']
    for (const [index, value] of values.entries()) cell.set(`k${index}`, value)
    await commit(state, 1)
    const again = TaskState.open(store, ['totals'], cached).cells('totals').value<unknown>('any', json<unknown>())
    for (const [index, value] of values.entries()) expect([cell.get(`k${index}`), again.get(`k${index}`)]).toEqual([value, value])
  })
})
