import { afterEach, describe, expect, it } from '@jest/globals'
import { json, text, topic, topology, type } from 'millrace'
import type { Log } from '../../../../libs/runtime/ports/log.ts'
import type { Seat } from '../../../support/memory-application.ts'
import { TwoVersions, writerOf } from '../../../support/two-versions.ts'

interface Click {
  readonly page: string
  readonly at: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const seen = topic('seen', { key: text, value: json(type<string>()) })
const echo = (version: number, mark: string) =>
  topology('echo', { version }, (flow) => {
    flow
      .stream(clicks)
      .map((click) => `${mark}${click.page}`)
      .to(seen)
  })
/** Counts behind a repartition topic. */
const staged = (version: number, mark: string) =>
  topology('staged', { version }, (flow) => {
    flow
      .stream(clicks)
      .keyBy('page', (click) => click.page)
      .process('count', { emits: type<string>(), onRecord: (click, { emit }) => emit(`${mark}${click.page}`) })
      .to(seen)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})
async function send(from: number, until: number): Promise<void> {
  for (let at = from; at < until; at += 1)
    await world?.app.send('clicks', `k${at}`, { page: `p${at}`, at }, { partition: at % 2, timestamp: at })
}
// Both topologies write text.
const valuesIn = async (name: string): Promise<string[]> => ((await world?.app.readText(name)) ?? []).map(([, value]) => String(value))
const sorted = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1))
const pagesOf = (texts: readonly string[]): string[] => sorted(texts.map((one) => /p\d+/.exec(one)?.[0] ?? one))
const range = (from: number, until: number, mark: string): string[] => Array.from({ length: until - from }, (_, i) => `${mark}p${from + i}`)

/** Of the object itself: its methods look into private fields. */
function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? (value.bind(target) as unknown) : value
}

describe('versions side by side', () => {
  it('makes the very first version live, and lets another one wait', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    await world.startOld()
    const next = await world.startNew()
    await world.rest()
    expect(await world.role(1)).toBe('live')
    expect(await world.role(2)).toBe('waiting')
    expect(sorted(await valuesIn('seen'))).toEqual(range(0, 6, 'a:'))
    expect([...next.worker.tasks.values()].map((task) => task.state)).toEqual(['assigned', 'assigned'])
  })

  it('runs a replay in shadow: results go to topics of its own, and never beyond what the live version has committed', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const old = await world.startOld()
    await world.rest()
    await world.startNew()
    await world.replay()
    await world.rest()
    expect(sorted(await valuesIn('echo.v2.out.seen'))).toEqual(range(0, 6, 'b:'))
    await world.app.stop(old)
    await send(6, 10)
    await world.rest()
    expect(sorted(await valuesIn('echo.v2.out.seen'))).toEqual(range(0, 6, 'b:'))
    await world.startOld()
    await world.rest()
    expect(sorted(await valuesIn('echo.v2.out.seen'))).toEqual(sorted(range(0, 10, 'b:')))
    expect((await world.app.read('seen')).map(writerOf)).toEqual(Array.from({ length: 10 }, () => 1))
  })

  for (const build of [echo, staged]) {
    it(`switches ${build === echo ? 'one stage' : 'two stages'} under load: each result once, from one version`, async () => {
      world = await TwoVersions.open(build(1, 'a:'), build(2, 'b:'), { partitions: 2 })
      await send(0, 6)
      const { old, next } = await world.bothRun()
      await send(6, 12)
      const result = await world.promote()
      expect(result.decision).toBe('flip')
      await send(12, 18)
      await world.rest()
      const values = await valuesIn('seen')
      expect(pagesOf(values)).toEqual(sorted(range(0, 18, '')))
      // At least what was sent behind the switch.
      expect(values.filter((value) => value.startsWith('b:')).length).toBeGreaterThanOrEqual(6)
      expect([...old.worker.tasks.values()].map((task) => task.state)).toEqual([...old.worker.tasks.values()].map(() => 'retired'))
      expect([...next.worker.tasks.values()].map((task) => task.state)).toEqual([...next.worker.tasks.values()].map(() => 'running'))
    })
  }

  it('rolls back at once after a promotion', async () => {
    world = await TwoVersions.open(staged(1, 'a:'), staged(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    await world.bothRun()
    await world.promote()
    await send(6, 12)
    const result = await world.rollback()
    expect(result.decision).toBe('flip')
    await send(12, 18)
    await world.rest()
    const values = await valuesIn('seen')
    expect(pagesOf(values)).toEqual(sorted(range(0, 18, '')))
    expect(values.filter((value) => value.startsWith('b:'))).toHaveLength(6)
  })

  it('abandons a switch that the new version cannot follow, and the live one goes on', async () => {
    world = await TwoVersions.open(staged(1, 'a:'), staged(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { next } = await world.bothRun()
    await world.app.stop(next)
    await expect(world.promote({ pauseMsMax: 500 })).rejects.toThrow(/v2 of staged did not halt within 500 ms/)
    await send(6, 12)
    await world.rest()
    expect((await valuesIn('seen')).map((value) => value.slice(0, 2))).toEqual(Array.from({ length: 12 }, () => 'a:'))
  })

  it('ends a switch whose command has died: the halted workers abandon it', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { next } = await world.bothRun()
    await world.app.stop(next)
    await world.killedAt('live-halted', { pauseMsMax: 1_000 })
    await send(6, 12)
    await world.rest()
    expect(await valuesIn('seen')).toHaveLength(12)
  })

  it('S7, S13: takes the place of a live version that is dead', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { old } = await world.bothRun()
    world.app.kill(old)
    await send(6, 12)
    const result = await world.promote({ fence: true })
    expect(result.decision).toBe('flip')
    await world.rest()
    const values = await valuesIn('seen')
    expect(pagesOf(values)).toEqual(sorted(range(0, 12, '')))
  })

  /** The second stage has processed some of what the first has sent, and never gets to the rest. */
  async function dieBetweenTheStages(old: Seat): Promise<void> {
    world?.app.kill(old)
    const half = await world?.startOld({
      probe: (task) => {
        if (task.startsWith('page.')) throw new Error('the second stage is broken')
      },
    })
    if (half === undefined) return
    await send(6, 12)
    await world?.app.until(
      () => [...half.worker.tasks.values()].filter((task) => task.history.commits > 0).length === 2,
      'the first stage has committed',
    )
    world?.app.kill(half)
  }

  it('S7: takes the place of a version whose records are on their way between its stages, and gives what its dead stage has not', async () => {
    world = await TwoVersions.open(staged(1, 'a:'), staged(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { old } = await world.bothRun()
    await dieBetweenTheStages(old)
    await world.rest()
    expect((await world.promote({ fence: true })).decision).toBe('flip')
    await send(12, 14)
    await world.rest()
    expect(sorted(await valuesIn('seen'))).toEqual(sorted([...range(0, 6, 'a:'), ...range(6, 14, 'b:')]))
  })

  it('S7: also when the command that fenced it was killed, and is given again without --fence', async () => {
    world = await TwoVersions.open(staged(1, 'a:'), staged(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { old } = await world.bothRun()
    await dieBetweenTheStages(old)
    await world.rest()
    await world.app.during(world.killedAt('fenced', { fence: true }))
    expect((await world.promote()).decision).toBe('flip')
    await world.rest()
    expect(sorted(await valuesIn('seen'))).toEqual(sorted([...range(0, 6, 'a:'), ...range(6, 12, 'b:')]))
  })

  it('S7: refuses, and changes nothing, only where updates of a table that nobody can tell apart are on their way to events', async () => {
    const changing = (version: number) =>
      topology('staged', { version }, (flow) => {
        const counts = flow.stream(clicks).count('count')
        counts
          .changes()
          .keyBy('page', (change) => String(change.after))
          .map((change) => `p${String(change.after)}`)
          .to(seen)
      })
    world = await TwoVersions.open(changing(1), changing(2), { partitions: 2 })
    await send(0, 6)
    const { old } = await world.bothRun()
    await dieBetweenTheStages(old)
    await world.rest()
    await expect(world.promote({ fence: true })).rejects.toMatchObject({ code: 'MR2068' })
    expect(await world.role(1)).toBe('live')
    await world.startOld()
    await world.rest()
    expect((await world.promote()).decision).toBe('flip')
    expect(await valuesIn('seen')).toHaveLength(12)
  })

  it('S7: a shadow waits while it is not known how far a dead live version has come', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const old = await world.startOld()
    await world.rest()
    world.app.kill(old)
    await send(6, 12)
    const { clock } = world.app
    let asked = 0
    await world.startNew({
      seenAs: (connection) => {
        const committed: Log['admin']['committed'] = async (group, partitions) => {
          if (group === 'echo.v1' && ++asked === 1) await clock.sleep(300)
          return await connection.admin.committed(group, partitions)
        }
        const admin = new Proxy(connection.admin, { get: (all, name) => (name === 'committed' ? committed : bound(all, name)) })
        return new Proxy(connection, { get: (all, name) => (name === 'admin' ? admin : bound(all, name)) })
      },
    })
    await world.replay()
    await world.rest()
    expect(asked).toBeGreaterThan(0)
    expect((await world.promote({ fence: true })).decision).toBe('flip')
    await world.rest()
    expect(sorted(await valuesIn('seen'))).toEqual(sorted([...range(0, 6, 'a:'), ...range(6, 12, 'b:')]))
  })

  it('S10: a live version whose offsets were moved back cannot be switched to a shadow that is ahead', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { old } = await world.bothRun()
    await world.app.stop(old)
    await world.app.moveOffsets({ 'clicks:0': 0, 'clicks:1': 0 })
    const held = world.app.launch({ dies: { at: 'after-store-write', nth: 2 } })
    // Its start ends with it.
    held.ready.catch(() => undefined)
    await world.app.until(() => held.seat.killed, 'it has begun anew, and died')
    await expect(world.promote({ fence: true })).rejects.toThrow(/moved back while the shadow ran/)
  })

  it('refuses a batch of a version that is not live, instead of letting it wait without end', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 2)
    await world.startOld()
    await world.rest()
    const batch = { until: { kind: 'end' }, close: true } as const
    await expect(world.startNew({ batch })).rejects.toThrow(/v2 of echo is not live, v1 is/)
  })

  it('stops working when its replay is given up, and begins again', async () => {
    world = await TwoVersions.open(echo(1, 'a:'), echo(2, 'b:'), { partitions: 2 })
    await send(0, 6)
    const { next } = await world.bothRun()
    await world.giveUp()
    await world.rest()
    expect([...next.worker.tasks.values()].map((task) => task.state)).toEqual(['assigned', 'assigned'])
    await send(6, 12)
    await world.rest()
    expect(await valuesIn('echo.v2.out.seen')).toHaveLength(6)
    await world.replay()
    await world.rest()
    expect(await valuesIn('echo.v2.out.seen')).toHaveLength(12)
  })
})
