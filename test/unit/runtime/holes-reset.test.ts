/** Moved offsets mean: compute again from there (P6), with one stage. Each counterexample that engine.md 6.1 closes, in memory. */
import { describe, expect, it } from '@jest/globals'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { clicks, counting, counts, merging, twoStages, views } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'
import { byEpoch, commitPoints, dies, epochsOf, fill } from '../../support/reset-cases.ts'

const INPUT = clicks.topic
const OUTPUT = counts.topic
const click = { page: '/', at: 0 }
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

describe('one stage: offsets moved back', () => {
  const moveAndRun = async (app: MemoryApplication, first: Seat): Promise<Seat> => {
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    return await app.run({ home: first.home })
  }

  it('H1: the state begins anew at the target, every result is written again in a new epoch, and nothing counts twice', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    for (let n = 0; n < 3; n += 1) {
      await app.send(INPUT, 'ann', click)
      await app.settle()
    }
    const second = await moveAndRun(app, first)
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(await byEpoch(app, OUTPUT)).toEqual({ '1': [1, 2, 3].map((n) => ['ann', n]), '2': [2, 3].map((n) => ['ann', n]) })
    expect(app.task('clicks.0').history).toMatchObject({ resets: 1, leftOut: 0 })
    expect(second.notes.map(({ message }) => message).join()).toContain('its state is cleared and begins anew, in epoch 2')
    await app.close()
  })

  it.each(commitPoints)('H4: killed at its reset %s, it is reset once and one epoch further, not once for each crash', async (point) => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await fill(app, [0])
    await app.settle()
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    await dies(app, first.home, point)
    await dies(app, first.home, point)
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual({ 'ann-0': 2, 'bob-0': 1 })
    // After the end of the transaction the second worker has nothing to reset any more.
    expect(epochsOf(app)).toEqual([2])
    await app.close()
  })

  it('H4: keys that the new epoch does not write stay away, from old disks and from empty ones, compacted or not', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    const old = memoryHome()
    await app.send(INPUT, 'gone', click)
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    const passing = await app.run({ home: old })
    await app.stop(passing)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const second = await app.run({ home: first.home })
    await app.stop(second)
    for (const compacted of [false, true]) {
      if (compacted) app.log.compact(app.internal('per-user.changelog'))
      for (const home of [old, memoryHome()]) {
        const seat = await app.run({ home })
        await app.send(INPUT, 'ann', click)
        await app.settle()
        await app.stop(seat)
      }
    }
    await app.run({ home: memoryHome() })
    await app.send(INPUT, 'gone', click)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 5, gone: 1 })
    await app.close()
  })

  it('H3: a stage without state writes its results again in the new epoch', async () => {
    const app = await MemoryApplication.open(twoStages)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 0 })
    await app.run({ home: first.home })
    expect(await byEpoch(app, OUTPUT)).toEqual({ '1': [['/', 1]], '2': [['/', 1]] })
    await app.close()
  })

  it('H13: one moved input of a task with two is refused while the other has something to replay; both moved start together', async () => {
    const app = await MemoryApplication.open(merging)
    const first = await app.run()
    for (let n = 0; n < 3; n += 1) {
      await app.send(INPUT, 'ann', click)
      await app.send(views.topic, 'ann', click)
    }
    await app.settle()
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const refused = await app.start({ home: first.home })
    const fault = await app.stopOf('clicks.0')
    expect(code(fault)).toBe('MR5022')
    expect(fault.message).toContain(`${INPUT}:0 (not moved: ${views.topic}:0)`)
    await app.stop(refused)
    expect(await app.committed(INPUT)).toEqual({ position: 1, metadata: '' })
    // Behind what is read: a move to a time on an input that lags.
    for (let n = 0; n < 3; n += 1) await app.send(views.topic, 'ann', click)
    await app.moveOffsets({ [`${views.topic}:0`]: 5 })
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 3 })
    await app.close()
  })

  it('a partition whose offset was not moved goes on in its own epoch', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const first = await app.run()
    await fill(app, [0, 1])
    await app.settle()
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:1`]: 0 })
    await app.run({ home: first.home })
    await fill(app, [0, 1], 1)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ 'ann-0': 4, 'bob-0': 2, 'ann-1': 4, 'bob-1': 2 })
    expect(app.tasks().map((task) => [task.name, task.held?.ledger.record.epoch])).toEqual([
      ['clicks.0', 1],
      ['clicks.1', 2],
    ])
    await app.close()
  })

  it('a move forward needs consent; what it leaves out is told and counted', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await fill(app, [0])
    await app.settle()
    await app.stop(first)
    await fill(app, [0])
    await app.moveOffsets({ [`${INPUT}:0`]: 7 })
    const refused = await app.start({ home: first.home })
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5025')
    await app.stop(refused)
    const second = await app.run({ home: first.home, settings: { onSkip: 'accept' } })
    expect(await app.lastText(OUTPUT)).toEqual({ 'ann-0': 3, 'bob-0': 2 })
    expect(app.task('clicks.0').history).toMatchObject({ resets: 0, leftOut: 3 })
    expect(second.notes.map(({ message }) => message).join()).toMatch(/records from 4 to 7 are left out, since somebody moved/)
    await app.close()
  })

  it('a target below the log start is refused; with consent the gap is told and counted', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await fill(app, [0])
    await app.settle()
    await app.stop(first)
    await app.log.admin.deleteRecords([{ topic: INPUT, partition: 0, position: 2 }])
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const refused = await app.start({ home: first.home })
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5026')
    await app.stop(refused)
    expect(await app.committed(INPUT)).toEqual({ position: 1, metadata: '' })
    await app.run({ home: first.home, settings: { onGap: 'accept-gap' } })
    expect(await app.lastText(OUTPUT)).toEqual({ 'ann-0': 1, 'bob-0': 1 })
    expect(app.task('clicks.0').history).toMatchObject({ resets: 1, leftOut: 1 })
    await app.close()
  })

  it('dead letters of the new epoch are written again, and say so', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    const record = { key: Buffer.from('ann'), value: Buffer.from('{'), timestamp: 0, headers: [] }
    await app.log.append([{ topic: INPUT, partition: 0, records: [record] }])
    await app.settle()
    await app.stop(first)
    await app.moveOffsets({ [`${INPUT}:0`]: 0 })
    await app.run({ home: first.home })
    const writers = (await app.read(app.internal('dead-letters'))).map(({ headers }) =>
      Buffer.from(headers.find(([name]) => name === 'millrace')?.[1] ?? []).toString('utf8'),
    )
    expect(writers).toEqual(['counting.v1/1', 'counting.v1/2'])
    await app.close()
  })
})
