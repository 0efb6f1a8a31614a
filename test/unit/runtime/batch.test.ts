/** A batch is a stream that ends (engine.md 6.3): where it ends, what happens there, and that nothing else changes. */
import { describe, expect, it } from '@jest/globals'
import { json, minutes, text, topic, topology, tumbling, type } from 'millrace'
import type { Topology } from 'millrace'
import type { BatchRequest } from '../../../libs/runtime/batch/bounds.ts'
import type { CommitPoint } from '../../../libs/runtime/task/commit.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'
import { clicks, counting, perMinute, windows } from '../../support/hole-topologies.ts'

const untilEnd: BatchRequest = { until: { kind: 'end' }, close: true }
const onlyStop: BatchRequest = { until: { kind: 'end' }, close: false }
const MINUTE = 60_000

const threeStages = topology('three', { version: 1 }, (flow) => {
  flow
    .stream(clicks, { eventTime: (click) => click.at })
    .keyBy('page', (click) => click.page)
    .window('minute', tumbling(minutes(1)), { lateness: minutes(5) })
    .count((total, { window, key }) => ({ start: window.start, page: key, clicks: total }))
    .keyBy('start', (one) => String(one.start))
    .window('again', tumbling(minutes(10)))
    .aggregate({
      initial: () => 0,
      add: (sum, one) => sum + one.clicks,
      result: (sum, { window }) => ({ start: window.start, clicks: sum }),
    })
    .to(perMinute)
})

async function filled(topologyOf: Topology, count = 20): Promise<MemoryApplication> {
  const app = await MemoryApplication.open(topologyOf, { partitions: 2 })
  for (let n = 0; n < count; n += 1)
    await app.send('clicks', `u${n % 5}`, { page: `/${n % 3}`, at: n * 10_000 }, { partition: n % 2, timestamp: n * 1_000 })
  return app
}

async function over(app: MemoryApplication, ...seats: readonly Seat[]): Promise<void> {
  for (const seat of seats) {
    expect(await app.during(seat.worker.done)).toEqual({ kind: 'stopped' })
    seat.alive = false
  }
}

const sorted = async (app: MemoryApplication, name: string): Promise<string[]> =>
  (await app.readText(name)).map(([key, value]) => `${key} ${JSON.stringify(value)}`).toSorted()

/** By plain loops: clicks of each page and minute. */
function expectedMinutes(count: number): string[] {
  const found = new Map<string, number>()
  for (let n = 0; n < count; n += 1) {
    const id = `/${n % 3} ${Math.floor((n * 10_000) / MINUTE) * MINUTE}`
    found.set(id, (found.get(id) ?? 0) + 1)
  }
  return [...found]
    .map(([id, clicksOf]) => `${id.split(' ')[0]} ${JSON.stringify({ start: Number(id.split(' ')[1]), clicks: clicksOf })}`)
    .toSorted()
}

describe('a batch', () => {
  it('reads what stands in the inputs, closes every window of every stage, and its worker ends', async () => {
    const app = await filled(windows)
    await over(app, await app.start({ batch: untilEnd }))
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(20))
    await app.close()
  })

  it('takes nothing that came after it began', async () => {
    const app = await filled(windows)
    const { seat, ready } = app.launch({ batch: untilEnd })
    await app.during(ready)
    await app.send('clicks', 'u1', { page: '/0', at: 0 }, { partition: 0 })
    await over(app, seat)
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(20))
    await app.close()
  })

  it('ends for all workers when it has ended for all tasks', async () => {
    const app = await filled(threeStages)
    const seats = [await app.start({ batch: untilEnd }), await app.start({ batch: untilEnd }), await app.start({ batch: untilEnd })]
    await over(app, ...seats)
    expect(await sorted(app, 'per-minute')).toEqual(
      ['0 6', '120000 6', '180000 2', '60000 6'].map(
        (one) => `${one.split(' ')[0]} ${JSON.stringify({ start: 0, clicks: Number(one.split(' ')[1]) })}`,
      ),
    )
    await app.close()
  })

  it('ends also where inputs are empty', async () => {
    const app = await filled(threeStages, 0)
    await over(app, await app.start({ batch: untilEnd }))
    expect(await app.read('per-minute')).toEqual([])
    await app.close()
  })

  it.each([
    ['before-send', 1],
    ['after-send', 2],
    ['before-end-of-transaction', 3],
    ['after-end-of-transaction', 3],
    ['after-store-write', 4],
    ['after-end-of-transaction', 5],
    ['before-end-of-transaction', 6],
  ] satisfies [CommitPoint, number][])('gives each result once when its worker dies %s (%d)', async (at, nth) => {
    const app = await filled(windows)
    const first = app.launch({ batch: untilEnd, dies: { at, nth } })
    first.ready.catch(() => undefined) // It may die while it starts.
    await app.until(() => first.seat.killed, 'it is dead')
    await over(app, await app.start({ batch: untilEnd, home: first.seat.home }))
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(20))
    await app.close()
  })

  it('that has ended ends at once when it is started again, and writes nothing more', async () => {
    const app = await filled(windows)
    const first = await app.start({ batch: untilEnd })
    await over(app, first)
    await app.send('clicks', 'u1', { page: '/0', at: 0 }, { partition: 0 })
    await over(app, await app.start({ batch: untilEnd, home: first.home }))
    await over(app, await app.start({ batch: untilEnd }))
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(20))
    await app.close()
  })

  it('ends at the first record at or after a log time', async () => {
    const app = await filled(windows)
    await over(app, await app.start({ batch: { until: { kind: 'timestamp', timestamp: 10_000 }, close: true } }))
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(10))
    await app.close()
  })

  it('ends at positions, and refuses those that do not fit', async () => {
    const app = await filled(windows)
    const until = (positions: Record<string, number>): BatchRequest => ({ until: { kind: 'positions', positions }, close: true })
    await expect(app.start({ batch: until({ 'clicks:0': 5 }) })).rejects.toMatchObject({
      code: 'MR5036',
      message: expect.stringContaining('clicks:1 has none'),
    })
    await expect(app.start({ batch: until({ 'clicks:0': 5, 'clicks:1': 5, 'click:0': 1 }) })).rejects.toMatchObject({
      code: 'MR5036',
      message: expect.stringContaining('click:0 is no input'),
    })
    await over(app, await app.start({ batch: until({ 'clicks:0': 5, 'clicks:1': 5 }) }))
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(10))
    await expect(app.start({ batch: until({ 'clicks:0': 6, 'clicks:1': 5 }) })).rejects.toMatchObject({ code: 'MR5036' })
    await app.close()
  })

  it('is no stream afterwards, and a stream is not closed by accident', async () => {
    const app = await filled(windows)
    await over(app, await app.start({ batch: untilEnd }))
    await expect(app.start()).rejects.toMatchObject({ code: 'MR5037' })
    await expect(app.start({ batch: onlyStop })).rejects.toMatchObject({ code: 'MR5037' })
    await app.close()
    const other = await filled(counting)
    await other.stop(await other.run())
    await expect(other.start({ batch: untilEnd })).rejects.toMatchObject({ code: 'MR5037', message: expect.stringContaining('--no-close') })
    await other.close()
  })

  it('that only stops leaves windows open, and goes on as a stream', async () => {
    const app = await filled(windows)
    const first = await app.start({ batch: onlyStop })
    await over(app, first)
    const before = await sorted(app, 'per-minute')
    expect(before.length).toBeLessThan(expectedMinutes(20).length)
    await app.run({ home: first.home })
    for (const partition of [0, 1]) await app.send('clicks', 'u1', { page: '/end', at: 3_600_000 }, { partition })
    await app.settle()
    expect(await sorted(app, 'per-minute')).toEqual(expectedMinutes(20))
    await app.close()
  })

  it('that only stops has read every stage to its end, each time it is run', async () => {
    const pages = topic('pages', { key: text, value: json(type<number>()) })
    const stages = topology('stages', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .keyBy('page', (click) => click.page)
        .count('count')
        .to(pages)
    })
    const app = await filled(stages)
    await over(app, await app.start({ batch: onlyStop }), await app.start({ batch: onlyStop }))
    expect(await app.lastText('pages')).toEqual({ '/0': 7, '/1': 7, '/2': 6 })
    await app.send('clicks', 'u1', { page: '/2', at: 0 }, { partition: 1 })
    await over(app, await app.start({ batch: onlyStop }))
    expect(await app.lastText('pages')).toEqual({ '/0': 7, '/1': 7, '/2': 7 })
    await app.close()
  })

  it('fires timers, also those that a timer sets, at their own times; one that never ends stops the task with the reason', async () => {
    const fired = topic('fired', { key: text, value: json(type<number>()) })
    const chained = (last: number): Topology =>
      topology('chained', { version: 1 }, (flow) => {
        flow
          .stream(clicks, { eventTime: (click) => click.at })
          .process('timers', {
            timers: { next: 'event-time' },
            emits: type<number>(),
            onRecord: (_, { timers }) => timers.next.after(minutes(1)),
            onTimer: {
              next: (at, { timers, emit }) => {
                if (last !== Infinity) emit(at)
                if (at < last) timers.next.at(at + 86_400_000)
              },
            },
          })
          .to(fired)
      })
    const app = await filled(chained(2 * 86_400_000), 1)
    await over(app, await app.start({ batch: untilEnd }))
    expect((await app.read('fired')).map(({ value, timestamp }) => [Number(String(value)), timestamp])).toEqual(
      [60_000, 86_460_000, 172_860_000].map((at) => [at, at]),
    )
    await app.close()
    const endless = await filled(chained(Infinity), 1)
    const seat = await endless.start({ batch: untilEnd })
    expect(await endless.stopOf('clicks.0')).toMatchObject({ code: 'MR5032', message: expect.stringContaining('--no-close') })
    expect(seat.worker.state).not.toBe('stopped')
  })
})
