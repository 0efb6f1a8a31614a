/** Ends of batches that are harder to see: what stands at a bound, who is there at the end, and what else happens meanwhile. */
import { describe, expect, it } from '@jest/globals'
import { json, minutes, text, topic, topology, tumbling, type, valueState, windowed } from 'millrace'
import type { Topology } from 'millrace'
import type { BatchRequest } from '../../../libs/runtime/batch/bounds.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { ApplicationOptions, Seat } from '../../support/memory-application.ts'
import { clicks, counting, counts, perMinute, windows } from '../../support/hole-topologies.ts'

const updates = topic('updates', { key: windowed(text), value: json(type<number>()) })
const untilEnd: BatchRequest = { until: { kind: 'end' }, close: true }
const onlyStop: BatchRequest = { until: { kind: 'end' }, close: false }

async function filled(topologyOf: Topology, count = 20, options: ApplicationOptions = {}): Promise<MemoryApplication> {
  const app = await MemoryApplication.open(topologyOf, { partitions: 2, ...options })
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
const clicksIn = async (app: MemoryApplication): Promise<number> =>
  (await app.readText('per-minute')).reduce((sum, [, value]) => sum + (value as { clicks: number }).clicks, 0)

describe('a batch ends', () => {
  it.each([untilEnd, onlyStop])('where an input holds records of aborted transactions only: %j', async (batch) => {
    const app = await filled(windows, 0)
    const producer = await app.during(app.log.openProducer('foreign', { transactionTimeoutMs: 60_000 }))
    const record = { key: Buffer.from('a'), value: Buffer.from('{}'), timestamp: 0, headers: [] }
    await app.during(producer.send([{ topic: 'clicks', partition: 0, records: [record, record] }]))
    await app.during((await app.during(app.log.openProducer('foreign', { transactionTimeoutMs: 60_000 }))).close())
    await over(app, await app.start({ batch }))
    expect(await app.read('per-minute')).toEqual([])
    await app.close()
  })

  it('at a time before the first record, with nothing read', async () => {
    const app = await filled(windows)
    await over(app, await app.start({ batch: { until: { kind: 'timestamp', timestamp: -5 }, close: true } }))
    expect(await app.read('per-minute')).toEqual([])
    await app.close()
  })

  it('at positions, and one behind the end of the log is refused: it might never come', async () => {
    const app = await filled(counting)
    const result = await app
      .start({ batch: { until: { kind: 'positions', positions: { 'clicks:0': 99, 'clicks:1': 5 } }, close: true } })
      .catch((error: unknown) => error)
    expect(result).toMatchObject({ code: 'MR5036' })
    await app.close()
  })

  it('with a marker interval that is longer than the batch', async () => {
    const app = await filled(windows, 20, { settings: { markerIntervalMs: 3_600_000 } })
    await over(app, await app.start({ batch: untilEnd }))
    expect(await clicksIn(app)).toBe(20)
    await app.close()
  })

  it('with standbys, and workers that come and die while it ends', async () => {
    const app = await filled(windows, 200, { settings: { standbyReplicas: 1 } })
    const one = await app.start({ batch: untilEnd })
    const dead = app.launch({ batch: untilEnd, dies: { at: 'after-end-of-transaction', nth: 2 } })
    // It may die while it starts.
    dead.ready.catch(() => undefined)
    await app.until(() => dead.seat.killed || one.worker.state === 'stopped', 'it is dead')
    dead.seat.alive = false
    const two = await app.start({ batch: untilEnd })
    await over(app, one, two)
    expect(await clicksIn(app)).toBe(200)
    await app.close()
  })

  it('with the last records refused, and with a timer that fails at the end of time', async () => {
    const app = await filled(windows, 5)
    for (const partition of [0, 1])
      await app.log.append([
        { topic: 'clicks', partition, records: [{ key: Buffer.from('a'), value: Buffer.from('not json'), timestamp: 0, headers: [] }] },
      ])
    await over(app, await app.start({ batch: untilEnd }))
    expect(await clicksIn(app)).toBe(5)
    expect(await app.read(app.internal('dead-letters'))).toHaveLength(2)
    await app.close()
  })

  it('in careful mode: a record that throws at the last position is refused, and the batch ends', async () => {
    const poison = topology('poison', { version: 1 }, (flow) => {
      flow
        .stream(clicks, { eventTime: (click) => click.at })
        .map((click) => {
          if (click.page === 'bad') throw new Error('bad')
          return click
        })
        .window('minute', tumbling(minutes(1)))
        .count((total, { window }) => ({ start: window.start, clicks: total }))
        .to(perMinute)
    })
    const app = await filled(poison, 4)
    for (const partition of [0, 1]) await app.send('clicks', 'a', { page: 'bad', at: 50_000 }, { partition })
    await over(app, await app.start({ batch: untilEnd }))
    expect(await clicksIn(app)).toBe(4)
    await app.close()
  })

  it('with updating windows, whose last updates are given, and tables', async () => {
    const both = topology('both', { version: 1 }, (flow) => {
      const stream = flow.stream(clicks, { eventTime: (click) => click.at })
      stream.count('per-user').to(counts)
      stream
        .window('minute', tumbling(minutes(1)), { emit: 'every-update' })
        .count()
        .map((total) => total)
        .to(updates)
    })
    const app = await filled(both)
    await over(app, await app.start({ batch: untilEnd }))
    expect(await app.lastText('counts')).toEqual({ u0: 2, u1: 2, u2: 2, u3: 2, u4: 2 })
    expect((await app.read('updates')).length).toBeGreaterThan(0)
    await app.close()
  })

  it('with a processing-time timer that is not due: the batch does not wait for it', async () => {
    const fired = topic('fired', { key: text, value: json(type<number>()) })
    const timers = topology('timers', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .process('timers', {
          state: { n: valueState<number>() },
          timers: { later: 'processing-time' },
          emits: type<number>(),
          onRecord: (_, { timers: { later } }) => later.after(minutes(60)),
          onTimer: { later: (at, { emit }) => emit(at) },
        })
        .to(fired)
    })
    const app = await filled(timers)
    await over(app, await app.start({ batch: untilEnd }))
    expect(await app.read('fired')).toEqual([])
    await app.close()
  })

  it.each(['before it ran', 'in the middle'])('and a reset of it, %s, is done and gives every result again', async (when) => {
    const app = await filled(windows)
    const dead = app.launch({ batch: untilEnd, dies: { at: 'after-store-write', nth: 6 } })
    // It may die while it starts.
    dead.ready.catch(() => undefined)
    await app.until(() => dead.seat.killed || dead.seat.worker.state === 'stopped', 'dead')
    if (when === 'in the middle') {
      await app.until(() => app.log.membersOf(app.group).length === 0, 'gone')
      await app.moveOffsets({ 'clicks:0': 0, 'clicks:1': 0 })
    }
    await over(app, await app.start({ batch: untilEnd, home: dead.seat.home }))
    const last = new Map((await app.readText('per-minute')).map(([key, value]) => [`${key} ${(value as { start: number }).start}`, value]))
    expect([...last.values()].reduce((sum: number, value) => sum + (value as { clicks: number }).clicks, 0)).toBe(20)
    await app.close()
  })

  it('after it has ended and offsets are moved: it says so instead of pretending', async () => {
    const app = await filled(windows)
    const first = await app.start({ batch: untilEnd })
    await over(app, first)
    await app.moveOffsets({ 'clicks:0': 0, 'clicks:1': 0 })
    const seat = await app.start({ batch: untilEnd, home: first.home })
    const end = await app.during(seat.worker.done)
    seat.alive = false
    expect(end).toMatchObject({ kind: 'failed', fault: { code: 'MR5038' } })
    await app.close()
  })

  it('with one worker for each task and one more', async () => {
    const app = await filled(windows)
    const seats: Seat[] = []
    for (let n = 0; n < 5; n += 1) seats.push(await app.start({ batch: untilEnd }))
    await over(app, ...seats)
    expect(await clicksIn(app)).toBe(20)
    await app.close()
  })
})
