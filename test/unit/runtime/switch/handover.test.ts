/** Results that no single position causes: each once, from one version, also when the versions close windows at different times (S5, S6, S8). */
import { afterEach, describe, expect, it } from '@jest/globals'
import { json, minutes, seconds, text, topic, topology, tumbling, type } from 'millrace'
import type { Topology } from 'millrace'
import { TwoVersions } from '../../../support/two-versions.ts'

interface Click {
  readonly page: string
  readonly at: number
}
interface Final {
  readonly by: number
  readonly page: string
  readonly start: number
  readonly clicks: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const finals = topic('finals', { key: text, value: json(type<Final>()) })
const MINUTE = 60_000

/** One stage or two; each version with its own lateness. */
const counting = (stages: 1 | 2, version: number, latenessSeconds: number): Topology =>
  topology('finals', { version }, (flow) => {
    const input = flow.stream(clicks, { eventTime: (click) => click.at })
    const keyed = stages === 1 ? input : input.keyBy('page', (click) => click.page)
    keyed
      .window('minute', tumbling(minutes(1)), { lateness: seconds(latenessSeconds) })
      .count((total, { key, window }) => ({ by: version, page: key, start: window.start, clicks: total }))
      .to(finals)
  })

/** A timer of each click, half a minute later. */
const reminding = (stages: 1 | 2, version: number): Topology =>
  topology('finals', { version }, (flow) => {
    const input = flow.stream(clicks, { eventTime: (click) => click.at })
    const keyed = stages === 1 ? input : input.keyBy('page', (click) => click.page)
    keyed
      .process('remind', {
        timers: { due: 'event-time' },
        emits: type<Final>(),
        onRecord: (_, { timers }) => timers.due.after(seconds(30)),
        onTimer: { due: (at, { key, emit }) => emit({ by: version, page: key, start: at, clicks: 0 }) },
      })
      .to(finals)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})
const click = async (page: string, at: number): Promise<void> => await world?.app.send('clicks', page, { page, at }, { timestamp: at })
const given = async (): Promise<Final[]> => ((await world?.app.readText('finals')) ?? []).map(([, value]) => value as Final) // As written.
const names = (all: readonly Final[]): string[] =>
  all.map(({ page, start, clicks: n }) => `${page}@${start / 1000}=${n}`).toSorted((a, b) => (a < b ? -1 : 1))

const cases = [
  ['the new version closes earlier', 60, 0],
  ['the new version closes later', 0, 60],
  ['both close at the same time', 30, 30],
] as const

for (const stages of [1, 2] as const) {
  describe(`handover, ${stages === 1 ? 'one stage' : 'two stages'}`, () => {
    it.each(cases)('S6: each final comes once: %s', async (_, oldLateness, newLateness) => {
      world = await TwoVersions.open(counting(stages, 1, oldLateness), counting(stages, 2, newLateness))
      await click('a', 0)
      await click('b', 10_000)
      await click('a', MINUTE + 5_000)
      await click('a', 2 * MINUTE + 1_000)
      await world.bothRun()
      expect((await world.promote()).decision).toBe('flip')
      await click('b', 2 * MINUTE + 30_000)
      await click('a', 6 * MINUTE)
      await click('a', 9 * MINUTE)
      await world.rest()
      const all = await given()
      expect(names(all)).toEqual(['a@0=1', 'a@120=1', 'a@360=1', 'a@60=1', 'b@0=1', 'b@120=1'])
    })

    it.each(cases)('S8: promoted and rolled back at once: %s', async (_, oldLateness, newLateness) => {
      world = await TwoVersions.open(counting(stages, 1, oldLateness), counting(stages, 2, newLateness))
      await click('a', 0)
      await click('b', 10_000)
      await click('a', MINUTE + 5_000)
      await click('a', 2 * MINUTE + 1_000)
      await world.bothRun()
      await world.promote()
      await world.rollback()
      await click('a', 6 * MINUTE)
      await click('a', 9 * MINUTE)
      await world.rest()
      expect(names(await given())).toEqual(['a@0=1', 'a@120=1', 'a@360=1', 'a@60=1', 'b@0=1'])
    })

    it('S6: remembers what it must not give again over a crash', async () => {
      world = await TwoVersions.open(counting(stages, 1, 0), counting(stages, 2, 60))
      await click('a', 0)
      await click('b', 10_000)
      await click('a', MINUTE + 5_000)
      const { next } = await world.bothRun()
      await world.promote()
      world.app.kill(next)
      const again = await world.startNew()
      const tasks = again.worker.tasks
      await world.app.until(() => tasks.size > 0 && [...tasks.values()].every((task) => task.state === 'running'), 'it runs again')
      await click('a', 6 * MINUTE)
      await click('a', 9 * MINUTE)
      await world.rest()
      expect(names(await given())).toEqual(['a@0=1', 'a@360=1', 'a@60=1', 'b@0=1'])
    })

    it('S7: a dead live version that had not given what was due', async () => {
      world = await TwoVersions.open(counting(stages, 1, 120), counting(stages, 2, 0))
      await click('a', 0)
      await click('b', 10_000)
      await click('a', MINUTE + 5_000)
      const { old } = await world.bothRun()
      world.app.kill(old)
      await world.promote({ fence: true })
      await click('a', 6 * MINUTE)
      await click('a', 9 * MINUTE)
      await world.rest()
      expect(names(await given())).toEqual(['a@0=1', 'a@360=1', 'a@60=1', 'b@0=1'])
    })

    it('timers fire once', async () => {
      world = await TwoVersions.open(reminding(stages, 1), reminding(stages, 2))
      await click('a', 0)
      await click('b', 10_000)
      await world.bothRun()
      await click('c', 35_000)
      await world.promote()
      await click('d', 2 * MINUTE)
      await world.rest()
      expect(names(await given())).toEqual(['a@30=0', 'b@40=0', 'c@65=0'])
    })
  })
}
