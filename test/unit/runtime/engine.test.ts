import { describe, expect, it } from '@jest/globals'
import { json, minutes, seconds, text, topic, topology, tumbling, type } from 'millrace'
import { driver } from 'millrace/testing'
import type { CrashPoint } from 'millrace/testing'

interface Click {
  readonly page: string
  readonly at: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const counts = topic('counts', { key: text, value: json(type<number>()) })
const perMinute = topic('per-minute', { key: text, value: json(type<{ page: string; start: number; clicks: number }>()) })

/** One stage: clicks per key. */
const counting = topology('counting', { version: 1 }, (flow) => {
  flow.stream(clicks).count('per-user').to(counts)
})

/** Two stages: by page, by minute. */
const byPage = topology('by-page', { version: 1 }, (flow) => {
  flow
    .stream(clicks, { eventTime: (click) => click.at, outOfOrderness: seconds(5) })
    .keyBy('page', (click) => click.page)
    .window('minute', tumbling(minutes(1)), { lateness: seconds(10) })
    .count((total, { key, window }) => ({ page: key, start: window.start, clicks: total }))
    .to(perMinute)
})

const START = Date.UTC(2026, 0, 1, 10)
const crashPoints: readonly CrashPoint[] = ['before-end-of-transaction', 'after-end-of-transaction', 'after-store-write']

const lastOf = (records: readonly { key: string; value: number | null }[]): Record<string, number | null> =>
  Object.fromEntries(records.map(({ key, value }) => [key, value]))

describe('the engine on the in-memory log', () => {
  it('counts what was sent and publishes one result per changed key and commit', async () => {
    const app = await driver(counting, { partitions: 2 })
    for (const key of ['ann', 'bob', 'ann', 'cid', 'ann']) app.topic(clicks).send({ key, value: { page: '/', at: 0 } })
    const out = await app.topic(counts).read()
    expect(lastOf(out)).toEqual({ ann: 3, bob: 1, cid: 1 })
    expect(out).toHaveLength(3)
    app.topic(clicks).send({ key: 'bob', value: { page: '/', at: 0 } })
    expect(lastOf(await app.topic(counts).read())).toEqual({ bob: 2 })
    await app.close()
  })

  it.each(crashPoints)('counts once when the worker dies %s (P1, P2)', async (point) => {
    const app = await driver(counting, { partitions: 2 })
    const keys = ['ann', 'bob', 'cid', 'dan']
    for (let round = 0; round < 5; round += 1) {
      for (const key of keys) app.topic(clicks).send({ key, value: { page: '/', at: round } })
      if (round % 2 === 1) await app.crash(point)
    }
    expect(lastOf(await app.topic(counts).read())).toEqual({ ann: 5, bob: 5, cid: 5, dan: 5 })
    expect(app.crashes).toBe(2)
    await app.close()
  })

  it('moves tasks to another worker and back without losing or doubling', async () => {
    const app = await driver(counting, { partitions: 4, workers: 2 })
    for (let round = 0; round < 3; round += 1) {
      for (let user = 0; user < 20; user += 1) app.topic(clicks).send({ key: `user-${user}`, value: { page: '/', at: round } })
      await app.rebalance()
    }
    const out = lastOf(await app.topic(counts).read())
    expect(Object.values(out)).toEqual(Array(20).fill(3))
    await app.close()
  })

  it('closes windows behind a repartition topic, once, when every upstream task has passed them', async () => {
    const app = await driver(byPage, { partitions: 2 })
    const send = (key: string, page: string, second: number): void =>
      app.topic(clicks).send({ key, value: { page, at: START + second * 1000 } })
    for (const key of ['a', 'b', 'c', 'd', 'e']) send(key, '/home', 3)
    send('a', '/shop', 59)
    expect(await app.topic(perMinute).read()).toEqual([])
    await app.advanceTo(START + 69_000)
    expect(await app.topic(perMinute).read()).toEqual([])
    await app.advanceTo(START + 70_000)
    const closed = (await app.topic(perMinute).read()).map(({ value }) => value)
    expect(closed).toHaveLength(2)
    expect(closed).toEqual(
      expect.arrayContaining([
        { page: '/home', start: START, clicks: 5 },
        { page: '/shop', start: START, clicks: 1 },
      ]),
    )
    send('a', '/home', 30)
    await app.advanceTo(START + 200_000)
    expect(await app.topic(perMinute).read()).toEqual([])
    expect(await app.late()).toBe(1)
    await app.close()
  })

  it.each(crashPoints)('gives the same windows when workers of both stages die %s', async (point) => {
    const run = async (crash: boolean): Promise<unknown[]> => {
      const app = await driver(byPage, { partitions: 3 })
      for (let second = 0; second < 300; second += 7) {
        for (const user of ['u1', 'u2', 'u3', 'u4', 'u5'])
          app.topic(clicks).send({ key: user, value: { page: `/${(second * 7) % 4}`, at: START + second * 1000 } })
        if (crash && second % 21 === 0) await app.crash(point)
      }
      await app.advanceTo(START + 400_000)
      const out = (await app.topic(perMinute).read()).map(({ key, value }) => [key, value])
      if (crash) expect(app.crashes).toBeGreaterThan(5)
      await app.close()
      return out.map((line) => JSON.stringify(line)).toSorted((a, b) => (a < b ? -1 : 1))
    }
    const calm = await run(false)
    expect(calm.length).toBeGreaterThan(10)
    expect(await run(true)).toEqual(calm)
  })

  it('puts garbage into the dead letters with reason, origin and the original bytes, once, and goes on (P5)', async () => {
    const app = await driver(counting)
    const bytes = Buffer.from('{"page": no json')
    app.topic(clicks).sendBytes({ key: Buffer.from('ann'), value: bytes })
    app.topic(clicks).sendBytes({ key: null, value: Buffer.from('{}') })
    app.topic(clicks).send({ key: 'ann', value: { page: '/', at: 1 } })
    expect(lastOf(await app.topic(counts).read())).toEqual({ ann: 1 })
    const refused = await app.refused()
    expect(refused.map(({ reason, topic: origin }) => [reason, origin])).toEqual([
      ['value', 'clicks'],
      ['null-key', 'clicks'],
    ])
    expect(Buffer.from(refused[0]?.value ?? []).equals(bytes)).toBe(true)
    await app.close()
  })

  it('refuses a record on which user code fails, without half of its effect (the re-run)', async () => {
    const picky = topology('picky', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .aggregate('sum', {
          initial: () => 0,
          add: (sum, click) => {
            if (click.at === 13) throw new Error('thirteen')
            return sum + click.at
          },
        })
        .to(counts)
    })
    const app = await driver(picky)
    for (const at of [1, 2, 13, 4]) app.topic(clicks).send({ key: 'ann', value: { page: '/', at } })
    expect(lastOf(await app.topic(counts).read())).toEqual({ ann: 7 })
    expect((await app.refused()).map(({ reason, message }) => [reason, message])).toEqual([['user-code', 'thirteen']])
    await app.close()
  })
})
