/** Stores that stay when their task goes: they are told to the group, continued when it returns, and removed by age and by size. */
import { describe, expect, it } from '@jest/globals'
import { storesToRemove } from '../../../libs/runtime/worker/kept-stores.ts'
import type { KeptStore } from '../../../libs/runtime/worker/kept-stores.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../../libs/state/memory-store.ts'
import { clicks, counting, counts } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'

const INPUT = clicks.topic
const HOUR = 3_600_000
const click = { page: '/', at: 0 }
const kept = (task: string, completeAt: number, bytes: number): KeptStore => ({ task, completeAt, bytes, progress: 0 })

const fill = async (app: MemoryApplication): Promise<void> => {
  for (let partition = 0; partition < 2; partition += 1) await app.send(INPUT, `user-${partition}`, click, { partition })
  await app.settle()
}

/** Two workers that had one task each; then the second one has both. Answers the first, which has come back to one of them. */
async function lostOne(app: MemoryApplication, home: MemoryHome = memoryHome()): Promise<{ first: Seat; second: Seat }> {
  const first = await app.run({ home })
  await fill(app)
  const second = await app.run()
  await fill(app)
  return { first, second }
}

describe('which kept stores are removed', () => {
  const stores = [kept('b', 2_000, 30), kept('a', 1_000, 50), kept('c', 3_000, 20)]
  const names = (list: readonly KeptStore[]): string[] => list.map(({ task }) => task)

  it.each([
    ['none while they are young and small', 10_000, 1_000, []],
    ['those that are too old', 1_000, 1_000, ['a', 'b']],
    ['the oldest, until the rest is small enough', 10_000, 50, ['a']],
    ['the oldest of what is left by age', 1_001, 10, ['a', 'b', 'c']],
    ['all with an age of 0', 0, 1_000, ['a', 'b', 'c']],
    ['all with a size of 0', 10_000, 0, ['a', 'b', 'c']],
  ] as const)('%s', (_, ageMs, bytesMax, removed) => {
    expect(names(storesToRemove(stores, { ageMs, bytesMax }, 3_000))).toEqual(removed)
  })
})

describe('a worker that loses a task', () => {
  it('keeps its store, says so, and continues it when the task returns', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const { first, second } = await lostOne(app)
    expect(first.worker.status().kept).toMatchObject({ stores: 1, removed: 0 })
    await app.stop(second)
    await fill(app)
    expect(await app.lastText(counts.topic)).toEqual({ 'user-0': 3, 'user-1': 3 })
    expect(first.worker.status().kept).toMatchObject({ stores: 0, removed: 0 })
    const fromStart = first.notes.filter(({ message }) => /restored .* from changelog position 0 /u.test(message))
    expect(fromStart).toHaveLength(2)
    await app.close()
  })

  it('removes the store when it is too old, and never one that it has open or follows', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2, settings: { metadataIntervalMs: HOUR } })
    const { first, second } = await lostOne(app)
    const own = [...first.worker.tasks.keys()]
    await app.clock.pass(11 * HOUR)
    expect(first.worker.status().kept?.removed).toBe(0)
    await app.clock.pass(3 * HOUR)
    expect(first.worker.status().kept).toEqual({ stores: 0, bytes: 0, removed: 1 })
    expect(await first.home.list()).toEqual(own)
    expect(first.notes.map(({ message }) => message).join()).toContain('was removed')
    expect(await second.home.list()).toHaveLength(1)
    await fill(app)
    expect(await app.lastText(counts.topic)).toEqual({ 'user-0': 3, 'user-1': 3 })
    await app.close()
  })

  it('removes what is too much at once, with the next assignment', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2, settings: { keptStateBytesMax: 0 } })
    const { first } = await lostOne(app)
    await app.until(() => first.worker.status().kept?.removed === 1, 'it is removed')
    expect(await first.home.list()).toHaveLength(1)
    await app.close()
  })

  it('finds at its start what a former worker has left, and leaves what belongs to another life alone', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const { first } = await lostOne(app)
    await app.stop(first)
    const stranger = await first.home.open('somebody.7')
    await stranger.close()
    const again = await app.run({ home: first.home, settings: { keptStateBytesMax: 0 } })
    await app.until(() => again.worker.status().kept?.removed === 1, 'it is removed')
    expect(await first.home.list()).toContain('somebody.7')
    await app.close()
  })

  it('gets the task back that it has the better store of', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const { first, second } = await lostOne(app)
    const [mine] = first.worker.tasks.keys()
    await app.stop(first)
    await fill(app)
    const again = await app.run({ home: first.home })
    await fill(app)
    expect([...again.worker.tasks.keys()]).toHaveLength(1)
    expect([...second.worker.tasks.keys()]).not.toEqual([...again.worker.tasks.keys()])
    expect(mine).toBeDefined()
    await app.close()
  })
})
