import { describe, expect, it } from '@jest/globals'
import { json, minutes, seconds, text, topic, topology, tumbling, type } from 'millrace'
import { readRepartition } from '../../../libs/runtime/task/repartition-record.ts'
import type { Click } from '../../support/hole-topologies.ts'
import { clicks, counting, merging, perMinute, views, windows } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

const INPUT = clicks.topic
const OUTPUT = perMinute.topic
const SECOND = 1_000
const REPARTITION = 'windows.v1.page.repartition'

const clickAt = (second: number, page = '/'): Click => ({ page, at: second * SECOND })

/** All in one answer of the broker, hence in one layer. */
async function sendTogether(app: MemoryApplication, partition: number, all: readonly number[]): Promise<void> {
  const records = all.map((second) => ({
    key: Buffer.from('ann'),
    value: Buffer.from(JSON.stringify(clickAt(second))),
    timestamp: 0,
    headers: [],
  }))
  await app.log.append([{ topic: INPUT, partition, records }])
}

const finals = async (app: MemoryApplication): Promise<unknown[]> => (await app.readText(OUTPUT)).map(([, value]) => value)
const late = (app: MemoryApplication): number => app.tasks().reduce((sum, task) => sum + task.totals.late, 0)

/** Two inputs in one task, and a window of both. */
const both = topology('both', { version: 1 }, (flow) => {
  flow
    .merge(flow.stream(clicks, { eventTime: (click) => click.at }), flow.stream(views, { eventTime: (click) => click.at }))
    .window('minute', tumbling(minutes(1)))
    .count((total, { window }) => ({ start: window.start, clicks: total }))
    .to(perMinute)
})

const totals = topic('totals', { key: text, value: json(type<number>()) })
const chained = topology('chained', { version: 1 }, (flow) => {
  flow
    .stream(clicks, { eventTime: (click) => click.at })
    .window('first', tumbling(minutes(1)), { lateness: seconds(10) })
    .count((total) => total)
    .window('second', tumbling(minutes(1)))
    .count((total) => total)
    .to(totals)
})
const staged = topology('staged', { version: 1 }, (flow) => {
  flow
    .stream(clicks, { eventTime: (click) => click.at })
    .window('first', tumbling(minutes(1)), { lateness: seconds(10) })
    .count((total) => total)
    .keyBy('all', () => 'all')
    .window('second', tumbling(minutes(1)))
    .count((total) => total)
    .to(totals)
})

const reminders = topic('reminders', { key: text, value: json(type<number>()) })
const reminding = topology('reminding', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .process('reminding', {
      timers: { later: 'processing-time' },
      emits: type<number>(),
      onRecord: (_click, { timers }) => timers.later.after(minutes(5)),
      onTimer: { later: (at, { emit }) => emit(at) },
    })
    .to(reminders)
})

describe('what event time must not depend on', () => {
  it('T1: whether a record is late does not depend on where commits fall', async () => {
    const outcome = async (apart: boolean): Promise<unknown> => {
      const app = await MemoryApplication.open(windows)
      await app.run()
      for (const group of apart ? [[1, 72], [30], [73], [200]] : [[1, 72, 30, 73, 200]]) {
        await sendTogether(app, 0, group)
        if (apart) await app.settle()
      }
      await app.settle()
      const result = { finals: await finals(app), late: late(app) }
      await app.close()
      return result
    }
    const expected = {
      finals: [
        { start: 0, clicks: 1 },
        { start: 60 * SECOND, clicks: 2 },
      ],
      late: 1,
    }
    expect(await outcome(false)).toEqual(expected)
    expect(await outcome(true)).toEqual(expected)
  })

  it('T1: nor on how two upstream tasks interleave', async () => {
    const outcome = async (order: readonly number[]): Promise<unknown> => {
      const app = await MemoryApplication.open(windows, { partitions: { [INPUT]: 2, [OUTPUT]: 1 } })
      await app.run()
      const parts: readonly (readonly number[])[][] = [
        [
          [1, 72],
          [30, 200],
        ],
        [[2, 64], [20], [210]],
      ]
      for (const partition of order) {
        await sendTogether(app, partition, parts[partition]?.shift() ?? [])
        await app.settle()
      }
      const result = { finals: (await finals(app)).toSorted(byText), late: late(app) }
      await app.close()
      return result
    }
    const first = await outcome([0, 0, 1, 1, 1])
    expect(first).toMatchObject({ late: 2 })
    for (const order of [
      [1, 1, 1, 0, 0],
      [0, 1, 0, 1, 1],
      [1, 0, 1, 0, 1],
    ])
      expect(await outcome(order)).toEqual(first)
  })

  it('T3: a later stage that restarts between the markers of two upstream tasks still knows both', async () => {
    const app = await MemoryApplication.open(windows, { partitions: { [INPUT]: 2, [OUTPUT]: 1 } })
    const first = await app.run()
    await sendTogether(app, 0, [1, 90])
    await sendTogether(app, 1, [50])
    await app.settle()
    expect(await finals(app)).toEqual([])
    app.kill(first)
    await app.run()
    await sendTogether(app, 1, [95])
    await app.settle()
    expect(await finals(app)).toEqual([{ start: 0, clicks: 2 }])
    await app.close()
  })

  it('T4: an input keeps its own watermark over a crash, also where another one holds the task back', async () => {
    const outcome = async (crash: boolean): Promise<unknown> => {
      const app = await MemoryApplication.open(both)
      const first = await app.run()
      await app.send(INPUT, 'ann', clickAt(10))
      await app.send(INPUT, 'ann', clickAt(130))
      await app.send(views.topic, 'ann', clickAt(20))
      await app.settle()
      if (crash) {
        app.kill(first)
        await app.run()
      }
      await app.send(INPUT, 'ann', clickAt(30))
      await app.send(views.topic, 'ann', clickAt(140))
      await app.settle()
      const result = {
        finals: await finals(app),
        late: app.tasks().reduce((sum, task) => sum + (task.run?.program.counters ?? []).reduce((n, step) => n + step.late, 0), 0),
      }
      await app.close()
      return result
    }
    const expected = { finals: [{ start: 0, clicks: 2 }], late: 1 }
    expect(await outcome(false)).toEqual(expected)
    expect(await outcome(true)).toEqual(expected)
  })

  it('T5: a marker that was held back goes at the end of its interval, although nothing else is to commit', async () => {
    const app = await MemoryApplication.open(windows, { settings: { commitIntervalMs: 100, markerIntervalMs: 150 } })
    await app.run()
    await app.clock.pass(1_000)
    await sendTogether(app, 0, [1])
    await app.clock.pass(110)
    await sendTogether(app, 0, [200])
    await app.clock.pass(110)
    await app.clock.pass(1_000)
    expect(await finals(app)).toEqual([{ start: 0, clicks: 1 }])
    await app.close()
  })

  it('T5: a marker that was held back when the worker died goes after the restart', async () => {
    const app = await MemoryApplication.open(windows, { settings: { markerIntervalMs: 60_000 } })
    const first = await app.run()
    await sendTogether(app, 0, [1])
    await app.settle()
    await sendTogether(app, 0, [200])
    await app.settle()
    expect(await finals(app)).toEqual([])
    app.kill(first)
    await app.run()
    expect(await finals(app)).toEqual([{ start: 0, clicks: 1 }])
    await app.close()
  })

  it.each([
    ['in one task', chained],
    ['behind a repartition topic', staged],
  ])('T6: results of a window with lateness are on time for a window without, %s', async (_, release) => {
    const app = await MemoryApplication.open(release)
    await app.run()
    for (const key of ['ann', 'bob', 'cid']) await app.send(INPUT, key, clickAt(5))
    await app.settle()
    for (const second of [65, 75, 140, 500]) {
      await app.send(INPUT, 'dan', clickAt(second))
      await app.settle()
    }
    const sums = (await app.readText(totals.topic)).map(([, value]) => Number(value))
    // Finals of [0, 60): ann, bob, cid; of [60, 120): dan; of [120, 180): dan.
    expect(sums.reduce((sum, one) => sum + one, 0)).toBe(5)
    expect(late(app)).toBe(0)
    await app.close()
  })

  it('T7, H16: an input behind an open transaction is not empty: it is waited for, but no longer than maxIdleMs', async () => {
    const app = await MemoryApplication.open(merging, { settings: { maxIdleMs: 2_000 } })
    await app.run()
    const open = await app.log.openProducer('somebody')
    const value = Buffer.from(JSON.stringify(clickAt(0)))
    const record = { topic: views.topic, partition: 0, records: [{ key: Buffer.from('early'), value, timestamp: 1, headers: [] }] }
    await open.send([record])
    await app.clock.settle()
    await app.send(INPUT, 'late', clickAt(0), { timestamp: 2 })
    await app.clock.pass(1_900)
    expect(await app.readText('counts')).toEqual([])
    await open.commit()
    await app.settle()
    expect((await app.readText('counts')).map(([key]) => key)).toEqual(['early', 'late'])
    await open.send([record])
    await app.clock.settle()
    await app.send(INPUT, 'late', clickAt(0), { timestamp: 2 })
    await app.clock.pass(1_900)
    expect(await app.readText('counts')).toHaveLength(2)
    await app.clock.pass(200)
    expect((await app.readText('counts')).slice(2)).toEqual([['late', 2]])
    await open.commit()
    await app.close()
  })

  it('T11: an upstream task that has not spoken yet holds event time back', async () => {
    const app = await MemoryApplication.open(windows, { partitions: { [INPUT]: 3, [OUTPUT]: 1 } })
    await app.run()
    await sendTogether(app, 0, [1, 200])
    await sendTogether(app, 1, [1, 200])
    await app.settle()
    expect(await finals(app)).toEqual([])
    await sendTogether(app, 2, [40])
    await app.settle()
    expect(late(app)).toBe(0)
    await sendTogether(app, 2, [200])
    await app.settle()
    expect(await finals(app)).toEqual([{ start: 0, clicks: 3 }])
    await app.close()
  })

  it('T12: the marker is the last record of its transaction and tells the watermark of the layer that was sealed', async () => {
    const app = await MemoryApplication.open(windows)
    await app.run()
    let release: () => void = () => undefined
    let held: Promise<undefined> | undefined = new Promise((resolve) => (release = () => resolve(undefined)))
    app.log.faults = { before: ({ operation }) => (operation === 'sendPositions' ? held : undefined) }
    await sendTogether(app, 0, [10, 20])
    await app.clock.settle()
    await sendTogether(app, 0, [70])
    await app.clock.settle()
    held = undefined
    release()
    await app.settle()
    const said: unknown[][] = [[]]
    for (const entry of app.log.entries(REPARTITION, 0)) {
      if (entry.kind !== 'data') {
        said.push([])
        continue
      }
      const meaning = readRepartition(entry.record.headers)
      said.at(-1)?.push(meaning.kind === 'marker' ? meaning.watermark : 'record')
    }
    expect(said).toEqual([['record', 'record', 20 * SECOND], ['record', 70 * SECOND], []])
    await app.close()
  })

  it('timers of the clock fire by themselves, once, also when the worker was replaced meanwhile', async () => {
    const app = await MemoryApplication.open(reminding)
    const first = await app.run()
    await app.send(INPUT, 'ann', clickAt(0))
    await app.settle()
    const due = app.clock.now() + 5 * 60 * SECOND
    await app.clock.pass(60 * SECOND)
    app.kill(first)
    const second = await app.run()
    await app.clock.pass(due - app.clock.now() - 1)
    expect(await app.readText(reminders.topic)).toEqual([])
    await app.clock.pass(1)
    expect(await app.readText(reminders.topic)).toEqual([['ann', due]])
    app.kill(second)
    await app.run()
    await app.clock.pass(600 * SECOND)
    expect(await app.readText(reminders.topic)).toHaveLength(1)
    await app.close()
  })

  it('a worker with nothing to do sleeps: no turn is made before time or records ask for one', async () => {
    const app = await MemoryApplication.open(counting, { settings: { commitIntervalMs: 100, markerIntervalMs: 200 } })
    await app.run()
    await app.send(INPUT, 'ann', clickAt(0))
    await app.clock.pass(1_000)
    const before = app.task('clicks.0').lastTurnAt
    await app.clock.pass(60_000)
    expect(app.task('clicks.0').lastTurnAt).toBe(before)
    await app.close()
  })
})

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
