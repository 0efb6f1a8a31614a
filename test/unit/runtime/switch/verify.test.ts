import { afterEach, describe, expect, it } from '@jest/globals'
import { json, minutes, text, topic, topology, tumbling, type } from 'millrace'
import type { Topology } from 'millrace'
import { verificationHtml, verificationText } from '../../../../libs/command/replay-report.ts'
import { planOf } from '../../../../libs/dataflow/topology.ts'
import { OutputComparison } from '../../../../libs/runtime/switch/compare-outputs.ts'
import type { ComparedRecord, SinkComparison } from '../../../../libs/runtime/switch/compare-outputs.ts'
import { sameValue } from '../../../../libs/runtime/switch/compare-values.ts'
import { verify } from '../../../../libs/runtime/switch/verify.ts'
import type { Verification, VerifyRequest } from '../../../../libs/runtime/switch/verify.ts'
import { TwoVersions } from '../../../support/two-versions.ts'

const exact = { tolerance: 0, ignored: [] }

describe('whether two values are the same', () => {
  it.each([
    [{ a: 1 }, { a: 1 }, exact, true],
    [{ a: 1 }, { a: 2 }, exact, false],
    [{ a: 0.1 + 0.2 }, { a: 0.3 }, exact, false],
    [{ a: 0.1 + 0.2 }, { a: 0.3 }, { tolerance: 1e-9, ignored: [] }, true],
    [{ a: [1, { b: 1 }] }, { a: [1, { b: 9 }] }, { tolerance: 0, ignored: ['b'] }, true],
    [{ a: { b: 1 }, b: 1 }, { a: { b: 9 }, b: 1 }, { tolerance: 0, ignored: ['a.b'] }, true],
    [{ a: { b: 1 }, b: 1 }, { a: { b: 1 }, b: 9 }, { tolerance: 0, ignored: ['a.b'] }, false],
    [{ a: 1 }, { a: 1, c: undefined }, exact, true],
    [[1, 2], [1, 2, 3], exact, false],
    ['a', null, exact, false],
    [NaN, NaN, exact, true],
  ])('%j and %j by %j: %j', (one, other, rules, same) => {
    expect(sameValue(one, other, rules)).toBe(same)
  })
})

describe('what two versions have written', () => {
  const event = (key: string, value: unknown, identity?: string): ComparedRecord => ({ key, value, identity, timestamp: 0 })

  /** The same, however both are read beside each other. */
  function compareSink(
    topicName: string,
    table: boolean,
    live: ComparedRecord[],
    next: ComparedRecord[],
    rules: typeof exact,
  ): SinkComparison {
    const orders = [1, 2, 1_000].flatMap((step) => [
      { step, first: 'live' as const },
      { step, first: 'next' as const },
    ])
    const found = orders.map(({ step, first }) => {
      const comparison = new OutputComparison(topicName, table, rules)
      for (let at = 0; at < Math.max(live.length, next.length); at += step)
        for (const side of first === 'live' ? (['live', 'next'] as const) : (['next', 'live'] as const))
          for (const record of (side === 'live' ? live : next).slice(at, at + step)) comparison.add(side, record)
      return comparison.result()
    })
    const counts = found.map((one) => ({ ...one, examples: one.examples.length }))
    for (const one of counts) expect(one).toEqual(counts[0])
    return found[4] as SinkComparison
  }

  it('compares tables by last value, a tombstone included', () => {
    const live = [event('a', 1), event('a', 2), event('b', 1), event('c', 1), event('c', null)]
    const next = [event('a', 2), event('b', 2), event('d', 1)]
    expect(compareSink('t', true, live, next, exact)).toMatchObject({ compared: 3, equal: 1, different: 1, onlyLive: 0, onlyNew: 1 })
  })

  it('compares finals by identity, and finds one that came twice', () => {
    const live = [event('a', 1, 'w 0'), event('a', 2, 'w 1')]
    const next = [event('a', 2, 'w 1'), event('a', 1, 'w 0'), event('a', 1, 'w 0')]
    expect(compareSink('t', false, live, next, exact)).toMatchObject({ compared: 3, equal: 2, onlyNew: 1 })
  })

  it('compares events as multisets for each key, whatever their order', () => {
    const live = [event('a', 1), event('a', 1), event('a', 2), event('b', 5)]
    const next = [event('a', 2), event('b', 6), event('a', 1)]
    const found = compareSink('t', false, live, next, exact)
    expect(found).toMatchObject({ compared: 4, equal: 2, different: 1, onlyLive: 1, onlyNew: 0 })
    expect(found.examples.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['only-live a', 'different b'])
  })
})

interface Click {
  readonly page: string
  readonly at: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const totals = topic('totals', { key: text, value: json(type<number>()) })
const finals = topic('finals', { key: text, value: json(type<{ page: string; clicks: number; made: string }>()) })
const seen = topic('seen', { key: text, value: json(type<string>()) })

/** A table, finals and events behind a repartition topic; version 2 counts clicks on `twice` twice. */
const shop = (version: number, weight: number): Topology =>
  topology('shop', { version }, (flow) => {
    const pages = flow.stream(clicks, { eventTime: (click) => click.at }).keyBy('page', (click) => click.page)
    pages.map((click) => click.page).to(seen)
    pages.aggregate('total', { initial: () => 0, add: (total, click) => total + (click.page === 'twice' ? weight : 1) }).to(totals)
    pages
      .window('minute', tumbling(minutes(1)))
      .count((total, { key }) => ({ page: key, clicks: total, made: `by v${version}` }))
      .to(finals)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})
async function verified(weight: number, rules: VerifyRequest['rules']): Promise<Verification> {
  world = await TwoVersions.open(shop(1, 1), shop(2, weight), { partitions: 2 })
  for (let at = 0; at < 40; at += 1)
    await world.app.send(
      'clicks',
      `u${at}`,
      { page: at % 4 === 0 ? 'twice' : `p${at % 4}`, at: at * 10_000 },
      { partition: at % 2, timestamp: at },
    )
  await world.bothRun()
  const plan = planOf(shop(2, weight))
  const request = { to: 2, pauseMsMax: 10_000, plan, rules, sample: 1, onStep: () => undefined }
  return await world.app.during(verify(world.context(), request))
}

describe('verify', () => {
  it('finds two versions of the same code the same, and lets the live one go on', async () => {
    const found = await verified(1, { tolerance: 0, ignored: ['made'] })
    expect(found.sinks.map((sink) => [sink.topic, sink.compared > 0, sink.compared === sink.equal])).toEqual([
      ['seen', true, true],
      ['totals', true, true],
      ['finals', true, true],
    ])
    expect(verificationText(found)).toMatch(/^v2 of shop gives the same as v1\./)
    await world?.app.send('clicks', 'u', { page: 'p1', at: 400_000 }, { timestamp: 0 })
    await world?.rest()
    expect((await world?.app.lastText('totals'))?.['p1']).toBe(11)
    expect(await world?.role(1)).toBe('live')
  })

  it('finds exactly the differences that the new code makes', async () => {
    const found = await verified(2, { tolerance: 0, ignored: ['made'] })
    expect(found.sinks.map(({ topic: name, different, onlyLive, onlyNew }) => [name, different, onlyLive, onlyNew])).toEqual([
      ['seen', 0, 0, 0],
      ['totals', 1, 0, 0],
      ['finals', 0, 0, 0],
    ])
    expect(found.sinks[1]?.examples).toMatchObject([{ kind: 'different', what: 'row', key: 'twice', live: 10, next: 20 }])
    expect(verificationText(found)).toContain('totals row twice: live 10, new 20')
    const page = verificationHtml(found, 0)
    expect(page).toContain('<td>twice</td>')
    expect(page).not.toMatch(/src=|href=/)
  })

  it('compares fields that are not left out', async () => {
    const found = await verified(1, { tolerance: 0, ignored: [] })
    const [, , last] = found.sinks
    expect(last?.different).toBe(last?.compared)
  })
})
