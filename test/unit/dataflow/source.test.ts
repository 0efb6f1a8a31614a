import { describe, expect, it } from '@jest/globals'
import { days, int64, json, none, nullable, seconds, text, topic, topology } from 'millrace'
import type { Flow, SourceOptions, Topology } from 'millrace'
import { z } from 'zod'
import { PlainRun } from '../../support/plain-run.ts'

const Ride = z.object({ at: z.union([z.number(), z.string()]).optional(), city: z.string() })
type Ride = z.infer<typeof Ride>
const rides = topic('rides', { key: text, value: json(Ride) })
const out = topic('out', { key: text, value: json(Ride) })

const app = (build: (flow: Flow) => void): Topology => topology('app', { version: 1 }, build)
const reading = (options: SourceOptions<Ride> = {}): PlainRun => new PlainRun(app((flow) => flow.stream(rides, options).to(out)))

describe('a source', () => {
  it('takes the timestamp of the record as event time, unless a function says otherwise', () => {
    const run = reading()
    run.send('rides', { key: 'a', value: { city: 'Bern' }, timestamp: 17 })
    const other = reading({ eventTime: (ride) => ride.at ?? NaN })
    other.send('rides', { key: 'a', value: { city: 'Bern', at: 99 }, timestamp: 17 })
    other.send('rides', { key: 'a', value: { city: 'Bern', at: '1970-01-01T00:00:01Z' }, timestamp: 17 })
    other.send('rides', { key: 'a', value: { city: 'Bern', at: '1970-01-01T01:00:02.5+01:00' }, timestamp: 17 })
    expect(run.read('out').map((one) => one.timestamp)).toEqual([17])
    expect(other.read('out').map((one) => one.timestamp)).toEqual([99, 1_000, 2_500])
  })

  it.each([
    ['no key', { key: null, value: { city: 'Bern' } }, 'null-key', /no key, and the keys of rides have the format text/],
    ['a key that is no text', { keyBytes: Buffer.from([0xff]), value: { city: 'Bern' } }, 'key', /not UTF-8/],
    ['no value', { key: 'a' }, 'null-value', /tombstone.*nullable\(json\).*flow\.table/],
    ['bytes that are not JSON', { key: 'a', value: Buffer.from('{"city"') }, 'value', /not JSON/],
    ['a value that fails its schema', { key: 'a', value: { city: 7 } }, 'schema', /city: /],
    ['an event time that is no number', { key: 'a', value: { city: 'Bern' } }, 'event-time', /undefined, not a number or text/],
    ['an event time before 1970', { key: 'a', value: { city: 'Bern', at: -1 } }, 'event-time', /-1 is before 1970/],
    ['half a millisecond', { key: 'a', value: { city: 'Bern', at: 1.5 } }, 'event-time', /1\.5 is no whole number/],
    ['text that is no time', { key: 'a', value: { city: 'Bern', at: 'tomorrow' } }, 'event-time', /"tomorrow" is no ISO 8601/],
    ['a local time', { key: 'a', value: { city: 'Bern', at: '2026-03-01T10:00:00' } }, 'event-time', /with a zone/],
    ['a day that is none', { key: 'a', value: { city: 'Bern', at: '2026-02-99' } }, 'event-time', /NaN/],
  ])('refuses %s', (_, record, reason, message) => {
    const run = reading({ eventTime: (ride) => ride.at as never })
    const { keyBytes, ...sent }: { readonly keyBytes?: Buffer; readonly key?: string | null; readonly value?: unknown } = record
    if (keyBytes === undefined) run.send('rides', { ...sent, timestamp: 5 })
    else run.sendBytes('rides', keyBytes, sent.value)
    expect(run.refused).toEqual([{ reason, message: expect.stringMatching(message) as unknown }])
    expect(run.read('out')).toEqual([])
  })

  it('refuses a record without a usable timestamp of its own', () => {
    const run = reading()
    expect(run.send('rides', { key: 'a', value: { city: 'Bern' }, timestamp: -1 })).toBe('refused')
    expect(run.refused[0]?.reason).toBe('event-time')
  })

  it('refuses what user code cannot give a time to, and says why', () => {
    const run = reading({
      eventTime: () => {
        throw new Error('no clock')
      },
    })
    run.send('rides', { key: 'a', value: { city: 'Bern' } })
    expect(run.refused).toEqual([{ reason: 'event-time', message: 'eventTime() failed: no clock' }])
  })

  it('refuses a record from the future, which would close every window: by default more than one day ahead of the clock', () => {
    const run = reading()
    run.send('rides', { key: 'a', value: { city: 'Bern' }, timestamp: run.now + days(1) })
    expect(run.refused).toEqual([])
    run.send('rides', { key: 'a', value: { city: 'Bern' }, timestamp: run.now + days(1) + 1 })
    expect(run.refused).toEqual([
      { reason: 'future', message: expect.stringMatching(/2030-01-02T00:00:00.001Z is 86400001 ms ahead/) as unknown },
    ])
    const near = reading({ aheadOfClock: seconds(1) })
    near.send('rides', { key: 'a', value: { city: 'Bern' }, timestamp: near.now + 1_001 })
    expect(near.refused[0]?.reason).toBe('future')
  })

  it('refuses a key and a number of headers above its limits, before anything of the record is decoded', () => {
    const run = reading({ keyBytesMax: 4, headersMax: 2 })
    const header = ['h', Buffer.from('1')] as const
    run.sendBytes('rides', Buffer.from('four'), { city: 'Bern' }, { headers: [header, header] })
    expect(run.refused).toEqual([])
    run.sendBytes('rides', Buffer.from('fiver'), Buffer.from('no JSON'))
    run.sendBytes('rides', Buffer.from('a'), Buffer.from('no JSON'), { headers: [header, header, header] })
    expect(run.refused).toEqual([
      { reason: 'too-large', message: 'the key has 5 bytes, at most 4 are taken (keyBytesMax)' },
      { reason: 'too-large', message: 'the record has 3 headers, at most 2 are taken (headersMax)' },
    ])
    const usual = reading()
    usual.sendBytes('rides', Buffer.alloc(65_537, 'k'), { city: 'Bern' })
    usual.sendBytes('rides', Buffer.from('a'), { city: 'Bern' }, { headers: Array.from({ length: 1_001 }, () => header) })
    expect(usual.refused.map(({ reason }) => reason)).toEqual(['too-large', 'too-large'])
  })

  it('without keys does not look at the keys of the records', () => {
    const keyless = topic('keyless', { key: none, value: json(Ride) })
    const results = topic('results', { key: none, value: json(Ride) })
    const run = new PlainRun(app((flow) => flow.stream(keyless).to(results)))
    run.send('keyless', { key: null, value: { city: 'Bern' } })
    run.send('keyless', { key: 'any', value: { city: 'Thun' } })
    expect(run.pairs('results')).toEqual([
      [null, { city: 'Bern' }],
      [null, { city: 'Thun' }],
    ])
  })

  it('with nullable() takes tombstones, and passes them on', () => {
    const rows = topic('rows', { key: text, value: nullable(json(Ride)) })
    const copies = topic('copies', { key: text, value: nullable(json(Ride)) })
    const run = new PlainRun(app((flow) => flow.stream(rows).to(copies)))
    run.send('rows', { key: 'a', value: undefined })
    expect(run.pairs('copies')).toEqual([['a', null]])
  })

  it('gives numbers as keys where the format says so', () => {
    const byNumber = topic('by-number', { key: int64, value: json(Ride) })
    const results = topic('results', { key: text, value: json(Ride) })
    const run = new PlainRun(
      app((flow) =>
        flow
          .stream(byNumber)
          .map((ride, { key }) => ({ city: `${ride.city} ${key + 1n}` }))
          .keyBy('city', (ride) => ride.city)
          .to(results),
      ),
    )
    run.sendBytes('by-number', int64.encode(41n), { city: 'Bern' })
    run.sendBytes('by-number', Buffer.alloc(3), { city: 'Bern' })
    expect(run.pairs('results')).toEqual([['Bern 42', { city: 'Bern 42' }]])
    expect(run.refused).toEqual([{ reason: 'key', message: '3 bytes where int64 has 8' }])
  })

  it('asks formats of a registry to prepare, for key and value', async () => {
    const asked: string[] = []
    const fetching = (name: string): typeof text & { prepareDecode(): Promise<void> } => ({
      ...text,
      prepareDecode: () => {
        asked.push(name)
        return Promise.resolve()
      },
    })
    const fetched = topic('fetched', { key: fetching('key'), value: fetching('value') })
    const results = topic('results', { key: text, value: text })
    const run = new PlainRun(app((flow) => flow.stream(fetched).to(results)))
    const program = run.tasks[0]?.program
    await program?.prepare(0, { offset: 0, timestamp: 0, key: Buffer.from('a'), value: Buffer.from('b'), headers: [] })
    expect(asked).toEqual(['key', 'value'])
    expect(program?.prepare(0, { offset: 0, timestamp: 0, key: null, value: null, headers: [] })).toBeUndefined()
    expect(
      reading().tasks[0]?.program.prepare(0, { offset: 0, timestamp: 0, key: Buffer.from('a'), value: null, headers: [] }),
    ).toBeUndefined()
  })
})
