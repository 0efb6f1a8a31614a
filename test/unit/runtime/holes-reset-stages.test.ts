/** Moved offsets mean: compute again from there (P6), in all stages together. Each counterexample that engine.md 6.1 closes, in memory. */
import { describe, expect, it } from '@jest/globals'
import { encodeShared, sharedTopic } from '../../../libs/runtime/switch/shared-state.ts'
import type { SharedRecord } from '../../../libs/runtime/switch/shared-state.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { clicks, counts, perMinute, twoStages, windows } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'
import { announceSteps, byEpoch, commitPoints, dies, epochsOf, fill } from '../../support/reset-cases.ts'

const INPUT = clicks.topic
const OUTPUT = counts.topic
const click = { page: '/', at: 0 }
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

describe('many stages: offsets moved back', () => {
  const toEarliest = { [`${INPUT}:0`]: 0, [`${INPUT}:1`]: 0 }
  const filled = async (): Promise<{ app: MemoryApplication; first: Seat }> => {
    const app = await MemoryApplication.open(twoStages, { partitions: 2 })
    const first = await app.run()
    await fill(app, [0, 1])
    await app.settle()
    await app.stop(first)
    return { app, first }
  }
  const whole = { '/': 6, '/b': 2 }

  it('every stage begins anew in one new epoch, and no record of the old one gets into the new state', async () => {
    const { app, first } = await filled()
    await app.moveOffsets(toEarliest)
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual(whole)
    expect(epochsOf(app)).toEqual([2])
    const { '1': before = [], '2': after = [], ...others } = await byEpoch(app, OUTPUT)
    expect(others).toEqual({})
    expect(Object.fromEntries(before as [string, number][])).toEqual(whole)
    expect(Object.fromEntries(after as [string, number][])).toEqual(whole)
    await app.close()
  })

  it.each(announceSteps)('killed in the announcement at %s, it is announced once more or was, and comes to the same', async (step) => {
    const { app, first } = await filled()
    await app.moveOffsets(toEarliest)
    await dies(app, first.home, step)
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual(whole)
    expect(epochsOf(app)).toEqual([2])
    await app.close()
  })

  it.each(commitPoints.flatMap((point) => [1, 2, 3, 4].map((nth) => ({ point, nth }))))(
    'killed at the reset of a task (commit $nth, $point), it comes to the same',
    async ({ point, nth }) => {
      const { app, first } = await filled()
      await app.moveOffsets(toEarliest)
      await dies(app, first.home, point, nth)
      await app.run({ home: memoryHome() })
      expect(await app.lastText(OUTPUT)).toEqual(whole)
      expect(epochsOf(app)).toEqual([2])
      await app.close()
    },
  )

  it('H6a: a second move, while the first was followed by nobody or by one task, is a new rewind to its own positions', async () => {
    for (const point of ['announce:done', 'after-end-of-transaction'] as const) {
      const { app, first } = await filled()
      await app.moveOffsets({ [`${INPUT}:0`]: 2, [`${INPUT}:1`]: 2 })
      await dies(app, first.home, point)
      await app.moveOffsets({ [`${INPUT}:0`]: 1, [`${INPUT}:1`]: 1 })
      await app.run({ home: first.home })
      expect(await app.lastText(OUTPUT)).toEqual({ '/': 4, '/b': 2 })
      expect(epochsOf(app)).toEqual([3])
      await app.close()
    }
  })

  it('H6b: partitions that the tool left where they were, because they are empty or quiet, or moved forward, count as moved', async () => {
    const app = await MemoryApplication.open(twoStages, { partitions: 4 })
    const first = await app.run()
    await fill(app, [0, 1])
    await app.settle()
    await app.stop(first)
    await fill(app, [2])
    // 1 is quiet: nothing after that time. 2 lags behind it. 3 is empty.
    await app.moveOffsets({ [`${INPUT}:0`]: 2, [`${INPUT}:1`]: 4, [`${INPUT}:2`]: 1, [`${INPUT}:3`]: 0 })
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual({ '/': 3, '/b': 2 })
    expect(epochsOf(app)).toEqual([2])
    await app.close()
  })

  it('H6: a move of one partition, while another has something to replay, is refused and changes nothing; taken back, all goes on', async () => {
    const { app, first } = await filled()
    const before = await app.committed(INPUT, 1)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const second = await app.start({ home: first.home })
    const fault = await app.stopOf('clicks.0')
    expect(code(fault)).toBe('MR5022')
    expect(fault.message).toContain(`${INPUT}:0 (not moved: ${INPUT}:1)`)
    expect(app.task('clicks.1').state).not.toBe('stopped')
    expect((await app.committed(INPUT, 1))?.position).toBe(before?.position)
    await app.stop(second)
    await app.moveOffsets({ [`${INPUT}:0`]: 4 })
    await app.run({ home: first.home })
    await app.send(INPUT, 'ann-0', click)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ ...whole, '/': 7 })
    expect(epochsOf(app)).toEqual([1])
    await app.close()
  })

  it('H6c: workers that find the move at the same moment come to one new epoch', async () => {
    const { app, first } = await filled()
    await app.moveOffsets(toEarliest)
    const launched = [app.launch({ home: first.home }), app.launch(), app.launch()]
    await app.during(Promise.all(launched.map(({ ready }) => ready)))
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual(whole)
    expect(epochsOf(app)).toEqual([2])
    await app.close()
  })

  it('H6d: offsets of repartition topics that a tool has moved too mean nothing: those inputs run from S', async () => {
    const { app, first } = await filled()
    const repartition = app.internal('page.repartition')
    await app.moveOffsets({ [`${repartition}:0`]: 0, [`${repartition}:1`]: 0 })
    const second = await app.run({ home: first.home })
    await app.send(INPUT, 'ann-0', click)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ ...whole, '/': 7 })
    await app.stop(second)
    await app.moveOffsets({ ...toEarliest, [`${repartition}:0`]: 0, [`${repartition}:1`]: 0 })
    await app.run({ home: first.home })
    expect(await app.lastText(OUTPUT)).toEqual({ ...whole, '/': 7 })
    expect(epochsOf(app)).toEqual([2])
    await app.close()
  })

  it('H6e: a later stage resets before it takes a record of the newer epoch, and drops and counts what is left of the old one', async () => {
    const { app, first } = await filled()
    // What the second stage has not read when the reset comes.
    const onlyFirst = await app.start({ home: first.home, settings: { commitIntervalMs: 0 } })
    app.log.faults = {
      before: ({ operation, transactionalId }) => {
        if (operation === 'send' && transactionalId?.includes('.page.') === true) throw new Error('the second stage is stuck')
        return undefined
      },
    }
    await fill(app, [0, 1], 2)
    await app.until(
      async () => (await app.committed(INPUT, 0))?.position === 7 && (await app.committed(INPUT, 1))?.position === 7,
      'the first stage is done',
    )
    app.kill(onlyFirst)
    app.log.faults = {}
    await app.moveOffsets(toEarliest)
    await app.run({ home: memoryHome() })
    expect(await app.lastText(OUTPUT)).toEqual({ '/': 10, '/b': 4 })
    const dropped = app.tasks().reduce((sum, task) => sum + task.totals.dropped, 0)
    expect(dropped).toBeGreaterThan(0)
    await app.close()
  })

  it('H6e: a repartition record of somebody else is dropped; one of an epoch that nobody announced stops the task', async () => {
    const app = await MemoryApplication.open(twoStages)
    await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    const topic = app.internal('page.repartition')
    const [sample] = await app.read(topic)
    const epoch = (value: number): Buffer => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(value)
      return bytes
    }
    const forged = (headers: readonly (readonly [string, Buffer])[]): Promise<void> =>
      app.log.append([
        { topic, partition: 0, records: [{ key: sample?.key ?? null, value: sample?.value ?? null, timestamp: 0, headers }] },
      ])
    await forged([['mr', epoch(0)]])
    await forged([])
    await app.settle()
    expect(app.task('page.0').totals).toMatchObject({ processed: 1, dropped: 2 })
    await forged([['mr', epoch(2)]])
    expect(code(await app.stopOf('page.0'))).toBe('MR5065')
    await app.close()
  })

  it('S10: a reset while a switch of versions is open is refused, and changes nothing', async () => {
    const { app, first } = await filled()
    const facts = { stateId: 'life-2', sinks: [], inputs: [], topics: [], closeMs: 0 }
    const records: readonly SharedRecord[] = [
      { kind: 'version', version: 2, ...facts },
      { kind: 'replay', version: 2 },
      { kind: 'switch', from: 1, to: 2, purpose: 'promote', at: 0 },
    ]
    for (const record of records) {
      const one = { key: null, value: encodeShared(record), timestamp: 0, headers: [] }
      await app.log.append([{ topic: sharedTopic('two-stages'), partition: 0, records: [one] }])
    }
    await app.moveOffsets(toEarliest)
    await app.start({ home: first.home })
    const fault = await app.stopOf('clicks.0')
    expect([code(fault), fault.message]).toEqual(['MR5067', expect.stringContaining('from v1 to v2 is open')])
    expect(await app.committed(INPUT)).toEqual({ position: 0, metadata: '' })
    await app.close()
  })

  it('H6f: event time of the old epoch goes with its state: windows that it had closed take their records again', async () => {
    const app = await MemoryApplication.open(windows, { partitions: 2 })
    const first = await app.run()
    const minute = 60_000
    for (const partition of [0, 1]) {
      for (let n = 0; n < 10; n += 1) await app.send(INPUT, 'ann', { page: '/', at: (n * minute) / 2 }, { partition })
    }
    await app.settle()
    await app.stop(first)
    await app.moveOffsets(toEarliest)
    await app.run({ home: first.home })
    const finals = await byEpoch(app, perMinute.topic)
    expect(finals['1']?.length).toBeGreaterThan(2)
    expect(finals['2']).toEqual(finals['1'])
    expect(app.tasks().reduce((sum, task) => sum + task.totals.late, 0)).toBe(0)
    await app.close()
  })
})
