/** Too much input: the rate of a source, and what it leaves out when the application is behind. */
import { describe, expect, it } from '@jest/globals'
import { hours, json, minutes, text, topic, topology, tumbling, type } from 'millrace'
import type { SourceOptions, Topology } from 'millrace'
import { lot } from '../../../libs/runtime/task/flow-control.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

interface Reading {
  readonly value: number
}
const readings = topic('readings', { key: text, value: json(type<Reading>()) })
const seen = topic('seen', { key: text, value: json(type<Reading>()) })
const counts = topic('counts', { key: text, value: json(type<number>()) })

const passing = (options: SourceOptions<Reading>): Topology =>
  topology('passing', { version: 1 }, (flow) => flow.stream(readings, options).to(seen))

const RECORDS = 1_000

async function filled(what: Topology, ageMs: number, partitions = 2): Promise<MemoryApplication> {
  const app = await MemoryApplication.open(what, { partitions })
  for (let n = 0; n < RECORDS; n += 1)
    await app.send('readings', `k${n % 7}`, { value: n }, { partition: n % partitions, timestamp: app.clock.now() - ageMs })
  return app
}

const valuesOf = async (app: MemoryApplication): Promise<number[]> =>
  (await app.readText('seen')).map(([, value]) => (value as Reading).value)
const shedBy = (app: MemoryApplication): number => app.tasks().reduce((sum, task) => sum + task.totals.shed, 0)

describe('the rate of a source', () => {
  it('bounds what all its partitions take together, and loses nothing', async () => {
    const app = await filled(passing({ rateLimit: 100 }), 0)
    const begun = app.clock.monotonic()
    await app.start()
    await app.settle()
    const seconds = (app.clock.monotonic() - begun) / 1_000
    expect((await valuesOf(app)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: RECORDS }, (_, n) => n))
    // All but the burst at the start, at the rate.
    expect(seconds).toBeGreaterThan(RECORDS / 100 - 1)
    expect(seconds).toBeLessThan(RECORDS / 100 + 2)
    await app.close()
  })

  it.each([0, -1, Number.NaN])('is refused where it is no rate: %d', (rateLimit) => {
    expect(() => passing({ rateLimit })).toThrow(/rateLimit of the topic readings/u)
  })
})

describe('shedding', () => {
  it('leaves records out that have waited too long, by lot, and counts them', async () => {
    const app = await filled(passing({ shed: { olderThan: minutes(5), keep: 0.2 } }), hours(1))
    await app.start()
    await app.settle()
    const kept = await valuesOf(app)
    expect(kept.length + shedBy(app)).toBe(RECORDS)
    expect(kept.length).toBeGreaterThan(RECORDS * 0.15)
    expect(kept.length).toBeLessThan(RECORDS * 0.25)
    await app.close()
  })

  it('keeps what has priority, and everything that is young enough', async () => {
    const shed = { olderThan: minutes(5), keep: ({ value }: Reading) => value % 10 === 0 }
    const old = await filled(passing({ shed }), hours(1))
    await old.start()
    await old.settle()
    expect((await valuesOf(old)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: RECORDS / 10 }, (_, n) => n * 10))
    await old.close()
    const young = await filled(passing({ shed }), minutes(1))
    await young.start()
    await young.settle()
    expect(await valuesOf(young)).toHaveLength(RECORDS)
    await young.close()
  })

  it('lets event time go on by what is left out', async () => {
    const windowed = topology('windowed', { version: 1 }, (flow) => {
      flow
        .stream(readings, { shed: { olderThan: minutes(5), keep: ({ value }) => value === 0 } })
        .window('minute', tumbling(minutes(1)))
        .count((total) => total)
        .to(counts)
    })
    const app = await MemoryApplication.open(windowed, { partitions: 1 })
    const start = app.clock.now() - hours(1)
    await app.send('readings', 'k', { value: 0 }, { timestamp: start })
    await app.send('readings', 'k', { value: 1 }, { timestamp: start + minutes(2) })
    await app.start()
    await app.settle()
    expect(await app.readText('counts')).toEqual([['k', 1]])
    await app.close()
  })

  it('leaves nothing out in a batch, nor of what is processed again after a reset of offsets', async () => {
    const what = passing({ shed: { olderThan: minutes(5), keep: 0 } })
    const batch = await filled(what, hours(1))
    const seat = await batch.start({ batch: { until: { kind: 'end' }, close: true } })
    await batch.during(seat.worker.done)
    seat.alive = false
    expect(await valuesOf(batch)).toHaveLength(RECORDS)
    await batch.close()

    const again = await filled(what, minutes(1))
    const first = await again.start()
    await again.settle()
    await again.stop(first)
    again.clock.advance(hours(1))
    await again.moveOffsets({ 'readings:0': 0, 'readings:1': 0 })
    await again.start()
    await again.settle()
    expect(await valuesOf(again)).toHaveLength(2 * RECORDS)
    expect(shedBy(again)).toBe(0)
    await again.close()
  })

  it('draws the same lot for the same place, and as many as it should', () => {
    expect(lot(3, 12_345)).toBe(lot(3, 12_345))
    for (const partition of [0, 1, 17]) {
      const lots = Array.from({ length: 20_000 }, (_, offset) => lot(partition, 5e9 + offset))
      for (const part of [0.01, 0.25, 0.5, 0.9]) {
        const found = lots.filter((one) => one < part).length / lots.length
        expect(Math.abs(found - part)).toBeLessThan(0.01)
      }
    }
  })
})
