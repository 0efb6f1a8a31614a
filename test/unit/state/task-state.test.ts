import { describe, expect, it } from '@jest/globals'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { TaskState } from '../../../libs/state/task-state.ts'
import { cached, commit, json, markAt, noCache, openedState as opened, totals } from '../../support/state-samples.ts'
import type { Total } from '../../support/state-samples.ts'
import type { SlowStore } from '../../support/slow-store.ts'

describe('a task state', () => {
  it('gives the same object back after it was set, also from the frozen layer and after apply', async () => {
    const { state } = await opened()
    const total = { sum: 1 }
    totals(state).set('a', total)
    expect(totals(state).get('a')).toBe(total)
    const frozen = state.freeze()
    expect(totals(state).get('a')).toBe(total)
    await state.apply(frozen, markAt(1))
    expect(totals(state).get('a')).toBe(total)
  })

  it('shows nothing of a layer in the store before it is applied, and all of it with its mark after', async () => {
    const { state, store } = await opened()
    totals(state).set('a', { sum: 1 })
    const frozen = state.freeze()
    expect(store.scan({ from: Buffer.alloc(0), to: undefined, limit: 10 })).toEqual([])
    await state.apply(frozen, markAt(1))
    const again = TaskState.open(store, ['totals'], cached)
    expect(totals(again).get('a')).toEqual({ sum: 1 })
    expect(again.mark).toEqual(markAt(1))
  })

  it('encodes each changed key once, whatever happened to it, when the layer is frozen', async () => {
    const { state } = await opened()
    const encoded: number[] = []
    const cell = state.cells('totals').value('counted', {
      encode: (value: number) => {
        encoded.push(value)
        return Buffer.from([value])
      },
      decode: (bytes) => bytes[0] ?? 0,
    })
    for (const value of [1, 2, 3]) cell.set('a', value)
    const frozen = state.freeze()
    await state.apply(frozen, markAt(1))
    expect(encoded).toEqual([3])
    expect(frozen.changes.get('totals')).toHaveLength(1)
  })

  it('writes no tombstone for a key that is surely absent, and one where it is not sure', async () => {
    const { state } = await opened()
    const cell = totals(state)
    expect(cell.get('read before')).toBeUndefined()
    cell.set('read before', { sum: 1 })
    cell.delete('read before')
    cell.set('never read', { sum: 1 })
    cell.delete('never read')
    const changes = state.freeze().changes.get('totals') ?? []
    expect(changes.map(({ key, value }) => [Buffer.from(key).toString('latin1').slice(6), value])).toEqual([['never read', null]])
  })

  it('refuses to freeze commit n+1 before commit n is applied', async () => {
    const { state } = await opened()
    const frozen = state.freeze()
    expect(() => state.freeze()).toThrow(/internal promise broken/u)
    await state.apply(frozen, markAt(1))
    await commit(state, 2)
    expect(state.mark?.n).toBe(2)
  })

  it('knows when something is to be committed, and about how much', async () => {
    const { state } = await opened()
    expect([state.dirty, state.dirtyBytes]).toEqual([false, 0])
    for (let index = 0; index < 1_000; index += 1) totals(state).set(`key-${index}`, { sum: index })
    expect(state.dirty).toBe(true)
    expect(state.dirtyBytes).toBeGreaterThan(10_000)
    await commit(state, 1)
    expect([state.dirty, state.dirtyBytes]).toEqual([false, 0])
  })

  it('the cell of a name is one cell, and has one kind', async () => {
    const { state } = await opened()
    expect(totals(state)).toBe(totals(state))
    expect(() => state.cells('totals').map('total', json())).toThrow(/is a value cell and is asked for as map/u)
    expect(() => state.cells('no such step')).toThrow(/no such step/u)
  })

  it('keeps steps and cells apart, also where their names and keys begin alike', async () => {
    const store = await memoryHome().open('t')
    const state = TaskState.open(store, ['a', 'ab'], noCache)
    const cells = [
      state.cells('a').value('c', json<string>()),
      state.cells('a').value('cc', json<string>()),
      state.cells('ab').value('c', json<string>()),
    ]
    for (const [index, cell] of cells.entries()) for (const key of ['', 'c', 'k']) cell.set(key, `${index}${key}`)
    await commit(state, 1)
    for (const [index, cell] of cells.entries()) for (const key of ['', 'c', 'k']) expect(cell.get(key)).toBe(`${index}${key}`)
  })

  it('keeps its numbers of steps when a release adds one before them', async () => {
    const store = await memoryHome().open('t')
    const before = TaskState.open(store, ['totals'], noCache)
    totals(before).set('a', { sum: 1 })
    await commit(before, 1)
    const after = TaskState.open(store, ['added', 'totals'], noCache)
    after.cells('added').value('total', json<Total>()).set('a', { sum: 2 })
    expect(totals(after).get('a')).toEqual({ sum: 1 })
    await commit(after, 2)
    const last = TaskState.open(store, ['totals', 'added'], noCache)
    expect(totals(last).get('a')).toEqual({ sum: 1 })
  })

  it('counts reads that the store had to answer, and those of them on the event loop', async () => {
    const { state } = await opened()
    totals(state).prefetch('a')
    totals(state).prefetch('a')
    await state.prefetchPending()
    totals(state).get('a')
    totals(state).get('b')
    totals(state).get('b')
    expect([state.hits, state.misses, state.syncReads]).toEqual([2, 2, 1])
    expect(state.prefetchPending()).toBeUndefined()
  })

  it('gives memory back when the bound of its cache is lowered, as soon as something is written', async () => {
    let bytesMax = 1_000_000
    const { state } = await opened({ cacheBytesMax: () => bytesMax })
    for (let key = 0; key < 2_000; key += 1) totals(state).set(`k${key}`, { sum: key })
    await commit(state, 1)
    const before = state.cacheBytes
    expect(before).toBeGreaterThan(200_000)
    bytesMax = 20_000
    for (let key = 0; key < 200; key += 1) totals(state).set(`m${key}`, { sum: key })
    await commit(state, 2)
    expect(state.cacheBytes).toBeLessThanOrEqual(21_000)
    expect(totals(state).get('k7')).toEqual({ sum: 7 })
  })

  it('stays within the bounds of its cache', async () => {
    const { state } = await opened({ cacheBytesMax: 100_000 })
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 500; index += 1) totals(state).set(`key-${round}-${index}`, { sum: index })
      await commit(state, round)
      expect(state.cacheBytes).toBeLessThanOrEqual(101_000)
    }
    expect(totals(state).get('key-0-0')).toEqual({ sum: 0 })
    expect(state.syncReads).toBe(1)
  })

  it('says which value cannot be decoded or encoded, and stops the task', async () => {
    const { state, store } = await opened()
    totals(state).set('key 1', { sum: 1 })
    await commit(state, 1)
    const numbers = TaskState.open(store, ['totals'], cached)
    const cell = numbers.cells('totals').value<Total>('total', {
      encode: () => {
        throw new TypeError('a circle')
      },
      decode: () => {
        throw new TypeError('not a total')
      },
    })
    expect(() => cell.get('key 1')).toThrow(
      expect.objectContaining({
        code: 'MR4009',
        action: 'stop-task',
        message: expect.stringMatching(/total of totals at key "key 1".*not a total/u),
      }),
    )
    cell.set('key 2', { sum: 2 })
    expect(() => numbers.freeze()).toThrow(
      expect.objectContaining({ code: 'MR4010', action: 'stop-task', message: expect.stringMatching(/"key 2".*a circle/u) }),
    )
  })

  it('refuses a store of another layout, so that it is rebuilt', async () => {
    const store = await memoryHome().open('t')
    await store.write([{ key: Buffer.from([0, 0, 1]), value: Buffer.from('{"layout":99,"steps":[]}') }])
    expect(() => TaskState.open(store, ['totals'], cached)).toThrow(expect.objectContaining({ code: 'MR4007', action: 'acquire-again' }))
    await store.write([{ key: Buffer.from([0, 0, 1]), value: Buffer.from('{"lay') }])
    expect(() => TaskState.open(store, ['totals'], cached)).toThrow(expect.objectContaining({ code: 'MR4003', action: 'acquire-again' }))
  })
})

describe('hole D1: a prefetched value never hides a newer one', () => {
  const prepared = async (): Promise<{ state: TaskState; store: SlowStore }> => {
    const { state: before, store } = await opened()
    totals(before).set('k', { sum: 0 })
    await commit(before, 1)
    store.slow = true
    return { state: TaskState.open(store, ['totals'], cached), store }
  }

  it('when its key was committed between the read and the answer', async () => {
    const { state, store } = await prepared()
    totals(state).prefetch('k')
    const prefetched = state.prefetchPending()
    totals(state).set('k', { sum: 1 })
    const applied = state.apply(state.freeze(), markAt(2))
    store.answerWrite()
    await applied
    store.answerRead()
    await prefetched
    expect(totals(state).get('k')).toEqual({ sum: 1 })
  })

  it('when the answer comes while the layer is on the wire', async () => {
    const { state, store } = await prepared()
    totals(state).prefetch('k')
    const prefetched = state.prefetchPending()
    totals(state).set('k', { sum: 1 })
    const frozen = state.freeze()
    store.answerRead()
    await prefetched
    expect(totals(state).get('k')).toEqual({ sum: 1 })
    const applied = state.apply(frozen, markAt(2))
    store.answerWrite()
    await applied
    expect(totals(state).get('k')).toEqual({ sum: 1 })
  })

  it('when it was read and committed by another way meanwhile', async () => {
    const { state, store } = await prepared()
    totals(state).prefetch('k')
    const prefetched = state.prefetchPending()
    expect(totals(state).get('k')).toEqual({ sum: 0 })
    totals(state).delete('k')
    const applied = state.apply(state.freeze(), markAt(2))
    store.answerWrite()
    await applied
    store.answerRead()
    await prefetched
    expect(totals(state).get('k')).toBeUndefined()
  })

  it('is used when nothing of the kind happened: no read on the event loop', async () => {
    const { state, store } = await prepared()
    totals(state).prefetch('k')
    totals(state).prefetch('none')
    const prefetched = state.prefetchPending()
    store.answerRead()
    await prefetched
    expect(totals(state).get('k')).toEqual({ sum: 0 })
    expect(totals(state).get('none')).toBeUndefined()
    expect(state.syncReads).toBe(0)
  })

  it('an answer that comes after everything was discarded fills nothing', async () => {
    const { state, store } = await prepared()
    totals(state).prefetch('k')
    const prefetched = state.prefetchPending()
    state.discard()
    store.answerRead()
    await prefetched
    totals(state).get('k')
    expect(state.syncReads).toBe(1)
  })
})

describe('hole D2: after a failed commit nothing that its layers have touched is left', () => {
  it('a value that user code changed in place is read again from the store', async () => {
    const { state } = await opened()
    totals(state).set('k', { sum: 1 })
    totals(state).set('other', { sum: 1 })
    await commit(state, 1)
    const total = totals(state).get('k')
    if (total !== undefined) total.sum = 2
    totals(state).set('k', total ?? { sum: 0 })
    const other = totals(state).get('other')
    if (other !== undefined) other.sum = 99
    state.freeze()
    totals(state).set('new', { sum: 3 })
    state.discard()
    expect(totals(state).get('k')).toEqual({ sum: 1 })
    expect(totals(state).get('other')).toEqual({ sum: 1 })
    expect(totals(state).get('new')).toBeUndefined()
    expect(state.dirty).toBe(false)
    await commit(state, 2)
  })

  it('with freezeValues such code is found at once: what goes in and out cannot be changed', async () => {
    const { state, store } = await opened({ ...cached, freezeValues: true })
    const nested = { sum: 1, parts: [{ n: 1 }] }
    const cell = state.cells('totals').value('nested', json<typeof nested>())
    cell.set('k', nested)
    expect(() => (nested.parts[0] ?? { n: 0 }).n++).toThrow(TypeError)
    await commit(state, 1)
    const again = TaskState.open(store, ['totals'], { ...cached, freezeValues: true })
    const read = again.cells('totals').value('nested', json<typeof nested>()).get('k')
    expect(read).toEqual({ sum: 1, parts: [{ n: 1 }] })
    expect(() => read?.parts.push({ n: 2 })).toThrow(TypeError)
  })
})

describe('hole D3: when the local write fails after the transaction', () => {
  for (const moment of ['before', 'after'] as const) {
    it(`(${moment} it was done) nothing more is committed from here, and reads are still right`, async () => {
      const { state } = await opened(noCache, { faultAt: (_, write) => (write === 1 ? moment : undefined) })
      totals(state).set('k', { sum: 1 })
      await expect(commit(state, 1)).rejects.toMatchObject({ code: 'MR4005', action: 'acquire-again' })
      expect(totals(state).get('k')).toEqual({ sum: 1 })
      expect(() => state.freeze()).toThrow()
      state.discard()
      expect(() => state.freeze()).toThrow(expect.objectContaining({ code: 'MR4005', action: 'acquire-again' }))
      await expect(state.writeMark(markAt(2))).rejects.toMatchObject({ code: 'MR4005' })
    })
  }

  it('the store then says by its mark whether it has the commit, and never has a part of it', async () => {
    for (const moment of ['before', 'after'] as const) {
      const { state, store } = await opened(noCache, { faultAt: (_, write) => (write === 2 ? moment : undefined) })
      totals(state).set('a', { sum: 1 })
      await commit(state, 1)
      totals(state).set('a', { sum: 2 })
      totals(state).set('b', { sum: 2 })
      await expect(commit(state, 2)).rejects.toBeDefined()
      const again = TaskState.open(store, ['totals'], noCache)
      const expected = moment === 'before' ? [1, { sum: 1 }, undefined] : [2, { sum: 2 }, { sum: 2 }]
      expect([again.mark?.n, totals(again).get('a'), totals(again).get('b')]).toEqual(expected)
    }
  })
})
