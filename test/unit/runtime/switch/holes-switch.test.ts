/** Holes of the switch (engine-holes.md) that need workers which die or stand still at one moment: S1, S2, S3, S5, S16. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { json, minutes, text, topic, topology, tumbling, type } from 'millrace'
import type { Topology } from 'millrace'
import { Fault } from '../../../../libs/faults/fault.ts'
import { dropVersion } from '../../../../libs/runtime/switch/replays.ts'
import type { Seat, WorkerRequest } from '../../../support/memory-application.ts'
import { TwoVersions, writerOf } from '../../../support/two-versions.ts'

interface Click {
  readonly page: string
  readonly at: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const seen = topic('seen', { key: text, value: json(type<string>()) })
const finals = topic('finals', { key: text, value: json(type<{ readonly start: number; readonly clicks: number }>()) })
const MINUTE = 60_000
/** Longer than any of these lives. */
const PATIENT = { pauseMsMax: 10 * MINUTE }

const echo = (version: number): Topology =>
  topology('echo', { version }, (flow) => {
    flow
      .stream(clicks)
      .map(({ page }) => page)
      .to(seen)
  })
const staged = (version: number): Topology =>
  topology('staged', { version }, (flow) => {
    flow
      .stream(clicks)
      .keyBy('page', ({ page }) => page)
      .map(({ page }) => page)
      .to(seen)
  })
const windowed = (version: number): Topology =>
  topology('windowed', { version }, (flow) => {
    flow
      .stream(clicks, { eventTime: (click) => click.at })
      .keyBy('page', ({ page }) => page)
      .window('minute', tumbling(minutes(1)))
      .count((total, { window }) => ({ start: window.start, clicks: total }))
      .to(finals)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})

async function open(build: (version: number) => Topology, next = 2): Promise<TwoVersions> {
  world = await TwoVersions.open(build(1), build(next), { partitions: 2 })
  return world
}
async function send(from: number, until: number): Promise<void> {
  for (let at = from; at < until; at += 1) await world?.app.send('clicks', `k${at}`, { page: `p${at}`, at }, { partition: at % 2 })
}
async function both(app: TwoVersions, old: WorkerRequest, next: WorkerRequest): Promise<{ readonly old: Seat; readonly next: Seat }> {
  const first = await app.startOld(old)
  await app.rest()
  const second = await app.startNew(next)
  await app.replay()
  await app.rest()
  return { old: first, next: second }
}
/** Page → the version that gave it; more than one: doubled. */
async function givers(app: TwoVersions): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {}
  const [records, texts] = [await app.app.read('seen'), await app.app.readText('seen')]
  for (const [index, record] of records.entries()) (found[String(texts[index]?.[1])] ??= []).push(writerOf(record))
  return found
}
const by = (from: number, until: number, version: number): Record<string, number[]> =>
  Object.fromEntries(Array.from({ length: until - from }, (_, index) => [`p${from + index}`, [version]]))
/** Everything that can happen within some seconds happens. */
const pass = async (app: TwoVersions): Promise<void> => await app.app.during(app.app.clock.sleep(5_000))
/** It is tried again, and again. */
const stuck = (): Fault => new Fault('MR3001', 'acquire-again', 'the broker does not answer')
const taskOf = (seat: Seat, name: string) => seat.worker.tasks.get(name)

describe('a switch of versions', () => {
  it('S1: a task that has halted and lost its worker stays halted with the next one: the cut is where it stood', async () => {
    const app = await open(echo)
    await send(0, 6)
    let isOpen = false
    const { old } = await both(
      app,
      {
        probe: (_, point) => {
          if (!isOpen || point !== 'after-end-of-transaction') return
          app.app.kill(old)
          throw new Error('it dies when the log knows that it has halted, and nobody else')
        },
      },
      {},
    )
    const promoted = app.switching({
      ...PATIENT,
      onStep: (step) => {
        if (step === 'opened') isOpen = true
      },
    })
    await app.app.until(() => old.killed, 'it has halted and died')
    await send(6, 12)
    await app.startOld()
    const { s, decision } = await app.app.during(promoted)
    expect(decision).toBe('flip')
    const cut = (await app.shared()).ended.get(s)?.cut?.positions ?? {}
    await app.rest()
    const found = await givers(app)
    const limit = Math.min(...Object.values(cut))
    // One of the two tasks halted with the dead worker; the other one may have read on with its heir.
    expect(limit).toBe(3)
    expect(Object.keys(found)).toHaveLength(12)
    expect(Object.values(found).filter((versions) => versions.length !== 1)).toEqual([])
    for (const [id, position] of Object.entries(cut)) {
      const partition = Number(id.split(':')[1])
      for (const [page, [version]] of Object.entries(found)) {
        const at = Number(page.slice(1))
        if (at % 2 === partition) expect({ page, version }).toEqual({ page, version: Math.floor(at / 2) < position ? 1 : 2 })
      }
    }
  })

  it('S2: a later stage finishes what stands before the cut markers, and halts only then', async () => {
    const app = await open(staged)
    await send(0, 6)
    let isStuck = false
    const { old } = await both(
      app,
      {
        probe: (task) => {
          if (isStuck && task.startsWith('page.')) throw stuck()
        },
      },
      {},
    )
    isStuck = true
    await send(6, 12)
    await app.app.until(async () => (await app.app.committed('clicks', 0))?.position === 6, 'the first stage has them all')
    const steps: string[] = []
    const promoted = app.switching({ ...PATIENT, onStep: (step) => void steps.push(step) })
    await app.app.until(() => ['clicks.0', 'clicks.1'].every((name) => taskOf(old, name)?.state === 'halted'), 'the first stage has halted')
    await pass(app)
    expect(steps).toEqual(['opened'])
    expect(await givers(app)).toEqual(by(0, 6, 1))
    isStuck = false
    expect((await app.app.during(promoted)).decision).toBe('flip')
    await send(12, 18)
    await app.rest()
    expect(await givers(app)).toEqual({ ...by(0, 12, 1), ...by(12, 18, 2) })
  })

  it('S3: nobody goes on by itself: what has halted waits for the decision, whatever else has not', async () => {
    const app = await open(staged)
    await send(0, 6)
    let isStuck = false
    const { next } = await both(
      app,
      {},
      {
        probe: (task) => {
          if (isStuck && task === 'clicks.0') throw stuck()
        },
      },
    )
    isStuck = true
    const promoted = app.switching(PATIENT)
    await app.app.until(() => taskOf(next, 'clicks.1')?.state === 'halted', 'one task of the new version has halted')
    await send(6, 12)
    await pass(app)
    expect(await givers(app)).toEqual(by(0, 6, 1))
    expect((await app.app.readText('staged.v2.out.seen')).map(([, page]) => page)).toHaveLength(6)
    expect(taskOf(next, 'clicks.1')?.held?.ledger.record.positions['clicks:1']).toBe(3)
    isStuck = false
    expect((await app.app.during(promoted)).decision).toBe('flip')
    await app.rest()
    expect(await givers(app)).toEqual({ ...by(0, 6, 1), ...by(6, 12, 2) })
  })

  it.each([
    ['live', { settings: { markerIntervalMs: 10 * MINUTE } }, {}],
    ['new', {}, { settings: { markerIntervalMs: 10 * MINUTE } }],
  ])(
    'S5: the %s version has held its last watermark back: it is told before the halt, and what is due is given by the live one',
    async (_, old, next) => {
      const app = await open(windowed)
      const click = async (page: string, at: number): Promise<void> =>
        await app.app.send('clicks', page, { page, at }, { partition: page.length % 2, timestamp: at })
      await click('a', 0)
      await click('bb', 10_000)
      await both(app, old, next)
      await click('a', MINUTE + 5_000)
      await click('bb', MINUTE + 6_000)
      await app.rest()
      expect((await app.promote(PATIENT)).decision).toBe('flip')
      await click('a', 4 * MINUTE)
      await click('bb', 4 * MINUTE)
      await app.rest()
      const records = await app.app.read('finals')
      const texts = await app.app.readText('finals')
      const found = records.map((record, index) => `${JSON.stringify(texts[index])} by v${writerOf(record)}`)
      expect(found.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
        '["a",{"start":0,"clicks":1}] by v1',
        '["a",{"start":60000,"clicks":1}] by v2',
        '["bb",{"start":0,"clicks":1}] by v1',
        '["bb",{"start":60000,"clicks":1}] by v2',
      ])
    },
  )

  it('S16: drop deletes what the version has named as its own, and nothing of one whose name begins alike', async () => {
    const app = await open(staged, 10)
    await send(0, 6)
    const old = await app.startOld()
    await app.rest()
    await app.startNew()
    await app.replay(10)
    await app.rest()
    expect((await app.promote({ to: 10 })).decision).toBe('flip')
    await app.app.stop(old)
    const before = await app.app.log.admin.listTopics()
    const { topics } = await app.app.during(dropVersion(app.context(), 1))
    const after = await app.app.log.admin.listTopics()
    expect(topics.length).toBeGreaterThan(0)
    expect(topics.filter((name) => !name.startsWith('staged.v1.'))).toEqual([])
    expect(before.filter((name) => !after.includes(name)).toSorted()).toEqual([...topics].toSorted())
    await send(6, 12)
    await app.rest()
    expect(await givers(app)).toEqual({ ...by(0, 6, 1), ...by(6, 12, 10) })
  })
})
