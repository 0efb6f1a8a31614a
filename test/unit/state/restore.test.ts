import { describe, expect, it } from '@jest/globals'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { Store } from '../../../libs/state/store.ts'
import { TaskState } from '../../../libs/state/task-state.ts'
import { readChangelogRecord, restore } from '../../support/changelog-records.ts'
import type { ChangelogRecord } from '../../support/changelog-records.ts'
import { cached, commit, json, markAt, noCache, openedState as opened, totals } from '../../support/state-samples.ts'
import type { Total } from '../../support/state-samples.ts'

describe('restore', () => {
  const user = (entry: string, sum: number | null, epoch = 1): ChangelogRecord => ({
    kind: 'user',
    key: Buffer.from(`\x05total${entry}`, 'latin1'),
    value: sum === null ? null : Buffer.from(JSON.stringify({ sum })),
    epoch,
  })
  const reset = (epoch: number): ChangelogRecord => ({ kind: 'reset', key: Buffer.alloc(0), value: Buffer.alloc(0), epoch })
  const fence: ChangelogRecord = { kind: 'fence', key: Buffer.alloc(0), value: Buffer.from('nonce'), epoch: 0 }
  const contents = (state: TaskState): Record<string, number | undefined> =>
    Object.fromEntries(['a', 'b', 'c'].map((key) => [key, totals(state).get(key)?.sum]))

  it('applies changes and deletions in their order and leaves fences out', async () => {
    const { state } = await opened(noCache)
    await restore(state, 'totals', [user('a', 1), user('b', 1), fence, user('a', 2), user('b', null)], markAt(3))
    expect(contents(state)).toEqual({ a: 2, b: undefined, c: undefined })
    expect(state.mark).toEqual(markAt(3))
  })

  it('goes on where it was, batch by batch', async () => {
    const { state, store } = await opened(noCache)
    await restore(state, 'totals', [user('a', 1)], markAt(1, { complete: false }))
    const again = TaskState.open(store, ['totals'], noCache)
    expect(again.mark).toMatchObject({ n: 1, complete: false })
    await restore(again, 'totals', [user('b', 2)], markAt(2))
    expect(contents(again)).toEqual({ a: 1, b: 2, c: undefined })
  })

  it('a reset record clears what stood before it, in the store and in the same batch (hole H4)', async () => {
    const { state } = await opened(cached)
    await restore(state, 'totals', [user('a', 1), user('b', 1)], markAt(1))
    expect(contents(state)).toEqual({ a: 1, b: 1, c: undefined })
    await restore(state, 'totals', [user('b', 2), reset(2), user('c', 3, 2)], markAt(2, { epoch: 2, changelogEpochs: { totals: 2 } }))
    expect(contents(state)).toEqual({ a: undefined, b: undefined, c: 3 })
  })

  it('the first record of a newer epoch clears the step even where compaction has left no reset record in view', async () => {
    const { state } = await opened(cached)
    await restore(state, 'totals', [user('a', 1)], markAt(1))
    await restore(state, 'totals', [user('b', 2, 2)], markAt(2, { epoch: 2, changelogEpochs: { totals: 2 } }))
    expect(contents(state)).toEqual({ a: undefined, b: 2, c: undefined })
  })

  it('a record of an older epoch than the store is ignored', async () => {
    const { state } = await opened(noCache)
    await restore(
      state,
      'totals',
      [user('a', 2, 2), user('a', 1, 1), user('b', 1, 1)],
      markAt(2, { epoch: 2, changelogEpochs: { totals: 2 } }),
    )
    await restore(state, 'totals', [user('c', 1, 1)], markAt(2, { epoch: 2, changelogEpochs: { totals: 2 } }))
    expect(contents(state)).toEqual({ a: 2, b: undefined, c: undefined })
  })

  it('clearing one step leaves the others, and its mark is in the same write', async () => {
    const store: Store = await memoryHome().open('t')
    const state = TaskState.open(store, ['totals', 'other'], cached)
    const other = state.cells('other').value('total', json<Total>())
    const windows = state.cells('totals').timed('window', json<Total>())
    totals(state).set('a', { sum: 1 })
    windows.set(10, 'a', { sum: 1 })
    other.set('a', { sum: 1 })
    await commit(state, 1)
    await state.clear(['totals'], markAt(2))
    expect(totals(state).get('a')).toBeUndefined()
    expect(windows.earliest()).toBe(Infinity)
    expect(other.get('a')).toEqual({ sum: 1 })
    expect(TaskState.open(store, ['totals'], cached).mark).toEqual(markAt(2))
  })

  it('a failing clear leaves everything as it was', async () => {
    const { state, store } = await opened(noCache, { faultAt: (_, write) => (write === 2 ? 'before' : undefined) })
    totals(state).set('a', { sum: 1 })
    await commit(state, 1)
    await expect(state.clear(['totals'], markAt(2))).rejects.toBeDefined()
    const again = TaskState.open(store, ['totals'], noCache)
    expect([again.mark?.n, totals(again).get('a')]).toEqual([1, { sum: 1 }])
  })

  it('cells that were in use before a restore see what it brought', async () => {
    const { state } = await opened(cached)
    const windows = state.cells('totals').timed('w', json<number>())
    expect([windows.earliest(), totals(state).get('a')]).toEqual([Infinity, undefined])
    const timed = readChangelogRecord({
      key: Buffer.from('\x02\x01w\x80\x00\x00\x00\x00\x00\x00\x07k', 'latin1'),
      value: Buffer.from('5'),
      headers: [['e', Buffer.from([1])]],
    })
    await restore(state, 'totals', [timed, user('a', 1)], markAt(1))
    expect(totals(state).get('a')).toEqual({ sum: 1 })
    expect(windows.take(7)).toEqual([{ time: 7, key: 'k', value: 5 }])
  })
})
