import { afterEach, describe, expect, it } from '@jest/globals'
import { json, seconds, text, topic, topology, type } from 'millrace'
import type { Topology } from 'millrace'
import type { AsyncCall, EffectOptions } from 'millrace'
import { readListedEffect } from '../../../libs/runtime/effects/listed-effect.ts'
import { TwoVersions } from '../../support/two-versions.ts'

interface Click {
  readonly page: string
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const seen = topic('seen', { key: text, value: json(type<string>()) })

/** What the world was told, by version. */
const told: { version: number; page: string; offset: bigint }[] = []
const tell = (version: number) => async (click: Click, call: AsyncCall<string>) => {
  if (click.page === 'fails') throw new Error('the service is down')
  if (click.page === 'hangs') return await new Promise(() => undefined)
  told.push({ version, page: click.page, offset: call.position.offset })
  return undefined
}
const options: EffectOptions = { timeout: seconds(1), concurrency: 2 }
const notifying = (version: number): Topology =>
  topology('notifying', { version }, (flow) => {
    flow
      .stream(clicks)
      .effect('tell', { ...options, run: tell(version) })
      .map((click) => click.page)
      .to(seen)
  })
const staged = (version: number): Topology =>
  topology('staged', { version }, (flow) => {
    flow
      .stream(clicks)
      .keyBy('page', (click) => click.page)
      .effect('tell', { ...options, run: tell(version) })
      .map((click) => click.page)
      .to(seen)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
  told.length = 0
})
async function send(...pages: string[]): Promise<void> {
  for (const page of pages) await world?.app.send('clicks', page, { page })
}
const pages = (): string[] => told.map(({ version, page }) => `v${version} ${page}`)

describe('effects', () => {
  it('are made after the commit of their record, and the record goes on', async () => {
    world = await TwoVersions.open(notifying(1), notifying(2))
    await send('a', 'b')
    await world.startOld()
    await world.rest()
    expect(pages()).toEqual(['v1 a', 'v1 b'])
    expect(await world.app.readText('seen')).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ])
  })

  it('are made at most once: what was under way at a crash is not made again', async () => {
    world = await TwoVersions.open(notifying(1), notifying(2))
    await send('a')
    const first = world.app.launch({ release: notifying(1), dies: { at: 'after-end-of-transaction', nth: 2 } })
    // Its start ends with it.
    first.ready.catch(() => undefined)
    await world.app.until(() => first.seat.killed, 'the worker dies')
    await world.startOld()
    await send('b')
    await world.rest()
    expect(pages()).toEqual(['v1 b'])
  })

  it('are not made for a transaction that did not happen, and then once', async () => {
    world = await TwoVersions.open(notifying(1), notifying(2))
    await send('a')
    const first = world.app.launch({ release: notifying(1), dies: { at: 'before-end-of-transaction', nth: 2 } })
    // Its start ends with it.
    first.ready.catch(() => undefined)
    await world.app.until(() => first.seat.killed, 'the worker dies')
    expect(pages()).toEqual([])
    await world.startOld()
    await world.rest()
    expect(pages()).toEqual(['v1 a'])
  })

  it('are counted and listed in shadow, and made by the new version from the switch on', async () => {
    world = await TwoVersions.open(notifying(1), notifying(2))
    await send('a', 'b')
    const { next } = await world.bothRun()
    expect(pages()).toEqual(['v1 a', 'v1 b'])
    const listed = (await world.app.read('notifying.v2.effects')).map(readListedEffect)
    expect(listed.map((one) => [one?.step, one?.key, one?.value, one?.topic, one?.offset])).toEqual([
      ['tell', 'a', { page: 'a' }, 'clicks', 0],
      ['tell', 'b', { page: 'b' }, 'clicks', 1],
    ])
    expect([...next.worker.tasks.values()].map((task) => task.effects.counts.inShadow)).toEqual([2])
    await world.promote()
    await send('c')
    await world.rest()
    expect(pages()).toEqual(['v1 a', 'v1 b', 'v2 c'])
  })

  it('are counted when they fail or take too long, and the others go on', async () => {
    world = await TwoVersions.open(notifying(1), notifying(2))
    await send('fails', 'a', 'hangs', 'b')
    const seat = await world.startOld()
    const task = (): number => [...seat.worker.tasks.values()][0]?.effects.waiting ?? -1
    await world.app.until(async () => told.length === 2 && task() === 0, 'all calls have ended')
    expect([...seat.worker.tasks.values()].map((one) => one.effects.counts)).toEqual([{ made: 2, failed: 2, inShadow: 0, repeated: 0 }])
    expect(seat.notes.filter((note) => note.message.includes('the service is down'))).toHaveLength(1)
  })

  for (const build of [notifying, staged]) {
    it(`are not made again after a reset of offsets: ${build(1).name}`, async () => {
      world = await TwoVersions.open(build(1), build(2))
      await send('a', 'b')
      const seat = await world.startOld()
      await world.rest()
      await world.app.stop(seat)
      await world.app.moveOffsets({ 'clicks:0': 0 })
      await send('c')
      await world.startOld()
      await world.rest()
      expect((await world.app.readText('seen')).map(([, value]) => value)).toEqual(['a', 'b', 'a', 'b', 'c'])
      expect(pages()).toEqual(['v1 a', 'v1 b', 'v1 c'])
    })
  }
})
