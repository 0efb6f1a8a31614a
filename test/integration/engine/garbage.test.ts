/** Garbage in: each unusable record ends as its source says, once, whatever is killed on the way; the good ones are counted as if it was not there. */
import { afterAll, describe, expect, it } from '@jest/globals'
import type { Header, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { ReadRecord, RigRequest } from '../../support/engine-rig.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { seededRandom } from '../../support/ledger-orders.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const YEAR_MS = 365 * 86_400_000

const request: RigRequest = {
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/guarded.ts',
  topics: { payments: PARTITIONS, sums: PARTITIONS },
  // A topic as lax as one can be: brokers refuse some of this by their defaults.
  topicConfig: { 'max.message.bytes': '4000000', 'message.timestamp.after.max.ms': '9223372036854775807' },
}

const manyHeaders = (count: number): Header[] => Array.from({ length: count }, (_, index) => [`h${index}`, Buffer.from([index & 0xff])])
const good = '{"amount":1}'

/** What is wrong → the record, and the reason that its dead letter must give. */
const garbage: Readonly<Record<string, readonly [reason: string, make: () => OutgoingRecord]>> = {
  'bytes that are not JSON': ['value', () => record('a', Buffer.from([0xff, 0x00, 0x7b, 0x01]))],
  'no bytes at all': ['value', () => record('a', '')],
  'a value that fails its schema': ['schema', () => record('a', '{"amount":"1"}')],
  'no value': ['null-value', () => record('a', null)],
  'no key': ['null-key', () => record(null, good)],
  'a key that is not UTF-8': ['key', () => record(Buffer.from([0xc3, 0x28]), good)],
  'a negative timestamp': ['event-time', () => record('a', good, { timestamp: -5 })],
  'a timestamp in a thousand years': ['future', () => record('a', good, { timestamp: Date.now() + 1_000 * YEAR_MS })],
  'a timestamp that no date has': ['future', () => record('a', good, { timestamp: Number.MAX_SAFE_INTEGER })],
  'a key of 1 MB': ['too-large', () => record(Buffer.alloc(1_048_576, 'k'), good)],
  '5,000 headers': ['too-large', () => record('a', good, { headers: manyHeaders(5_000) })],
  'a value that user code fails on': ['user-code', () => record('a', '{"amount":13}', { headers: [['trace', Buffer.from('t-1')]] })],
}
const kinds = Object.keys(garbage)

interface Sent {
  readonly partition: number
  readonly offset: number
  readonly record: OutgoingRecord
  readonly reason: string | undefined
}

/** Some of the garbage, every kind at least twice, among good records. */
function mixture(random: () => number, count: number): Sent[] {
  const dear = new Set(['a key of 1 MB', '5,000 headers', 'a value that user code fails on'])
  const cheap = kinds.filter((kind) => !dear.has(kind))
  return Array.from({ length: count }, (_, index) => {
    const partition = index % PARTITIONS
    const place = { partition, offset: Math.floor(index / PARTITIONS) }
    const due = index % 400 === 399 ? kinds[Math.floor(index / 400) % kinds.length] : undefined
    const kind = due ?? (random() < 0.1 ? cheap[Math.floor(random() * cheap.length)] : undefined)
    const bad = kind === undefined ? undefined : garbage[kind]
    if (bad !== undefined) return { ...place, record: bad[1](), reason: bad[0] }
    return { ...place, record: record(`p${partition}-${Math.floor(random() * 20)}`, good), reason: undefined }
  })
}

const recordsOf = (sent: readonly Sent[]): ReadonlyMap<number, OutgoingRecord[]> =>
  new Map(
    Array.from({ length: PARTITIONS }, (_, partition) => [
      partition,
      sent.filter((one) => one.partition === partition).map((one) => one.record),
    ]),
  )

const headerOf = (letter: ReadRecord, name: string): string | undefined => {
  const found = letter.headers.filter(([one]) => one === name).at(-1)
  return found === undefined ? undefined : Buffer.from(found[1]).toString('utf8')
}
const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

/** Key and value of megabytes are no message for eyes. */
const short = (text: string | null): string | null =>
  text === null || text.length < 200 ? text : `${text.length} hex digits ${text.slice(0, 20)}`
const letterOf = (partition: number, offset: number, reason: string | undefined, key: string | null, value: string | null): object => ({
  origin: `${partition}:${offset}`,
  reason,
  key: short(key),
  value: short(value),
})

function expectSums(found: readonly ReadRecord[], sent: readonly Sent[]): void {
  const sums: Record<string, string[]> = {}
  for (const { key, value } of found) (sums[String(textOf(key))] ??= []).push(String(textOf(value)))
  const expected: Record<string, string[]> = {}
  for (const { record: one, reason } of sent) {
    if (reason !== undefined) continue
    const list = (expected[String(textOf(one.key))] ??= [])
    list.push(String(list.length + 1))
  }
  expect(sums).toEqual(expected)
}

describe('garbage in the input', () => {
  const rig = EngineRig.open(request)
  const skipping = EngineRig.open(request)
  const stopping = EngineRig.open(request)
  afterAll(async () => {
    for (const one of [rig, skipping, stopping]) await (await one).close()
  })

  it('ends in the dead letters with reason, origin and its bytes, exactly once, also when workers are killed with -9 on the way', async () => {
    const app = await rig
    const random = seededRandom(Date.now() % 1_000_000)
    const sent = mixture(random, 12_000)
    const bad = sent.filter((one) => one.reason !== undefined)
    await app.append('payments', recordsOf(sent))
    let worker = app.start()
    for (const share of [0.1, 0.5]) {
      await eventually(async () => expect(await app.committed('payments', PARTITIONS)).toBeGreaterThan(sent.length * share), 60_000, 5)
      await worker.kill()
      worker = app.start()
    }
    await app.drained([[app.topic('payments'), PARTITIONS]])

    const letters = await app.read(app.internal('dead-letters'))
    const found = letters.map((letter) => {
      expect(headerOf(letter, '__streams.errors.topic')).toBe(app.topic('payments'))
      const origin = [headerOf(letter, '__streams.errors.partition'), headerOf(letter, '__streams.errors.offset')].map(Number)
      return letterOf(origin[0] ?? -1, origin[1] ?? -1, headerOf(letter, 'millrace-reason'), hex(letter.key), hex(letter.value))
    })
    const expected = bad.map((one) => letterOf(one.partition, one.offset, one.reason, hex(one.record.key), hex(one.record.value)))
    const sorted = (list: readonly object[]): string[] => list.map((one) => JSON.stringify(one)).toSorted()
    expect(sorted(found)).toEqual(sorted(expected))

    for (const letter of letters) {
      const origin = [headerOf(letter, '__streams.errors.partition'), headerOf(letter, '__streams.errors.offset')].map(Number)
      const original = bad.find((one) => one.partition === origin[0] && one.offset === origin[1])?.record
      expect(letter.headers.slice(0, original?.headers.length).map(([name, value]) => [name, hex(value)])).toEqual(
        original?.headers.map(([name, value]) => [name, hex(value)]),
      )
      expect(headerOf(letter, 'x-original-timestamp')).toBe(String(original?.timestamp))
      expect(headerOf(letter, '__streams.errors.message')?.length).toBeGreaterThan(10)
    }
    expectSums(await app.read(app.topic('sums')), sent)
  }, 120_000)

  it('is counted and nothing else where the source says skip', async () => {
    const app = await skipping
    const sent = mixture(seededRandom(7), 6_000)
    await app.append('payments', recordsOf(sent))
    const worker = app.start({ environment: { ENGINE_TEST_POLICY: 'skip' } })
    await app.drained([[app.topic('payments'), PARTITIONS]])
    const { totals } = await worker.status()
    expect({ refused: totals.refused, deadLetters: totals.deadLetters, all: totals.processed + totals.refused }).toEqual({
      refused: sent.filter((one) => one.reason !== undefined).length,
      deadLetters: 0,
      all: sent.length,
    })
    expect(await app.read(app.internal('dead-letters'))).toEqual([])
    expectSums(await app.read(app.topic('sums')), sent)
  }, 60_000)

  it('stops its task in front of it where the source says stop, with a message that names the record, until the source says otherwise', async () => {
    const app = await stopping
    const fine = Array.from({ length: 10 }, () => record('a', good))
    await app.append('payments', new Map([[1, [...fine, record('a', '{'), ...fine]]]))
    const worker = app.start({ environment: { ENGINE_TEST_POLICY: 'stop' } })
    const stopped = await worker.untilSaid('cannot be used (value)')
    expect(stopped[0]?.['code']).toBe('MR6001')
    expect(stopped[0]?.msg).toContain(`${app.topic('payments')}-1@10 `)
    expect(await app.committed('payments', PARTITIONS)).toBeLessThanOrEqual(10)
    expect(await app.read(app.internal('dead-letters'))).toEqual([])
    expect((await worker.stop()).code).toBe(0)

    app.start({ environment: { ENGINE_TEST_POLICY: 'dead-letter' } })
    await app.drained([[app.topic('payments'), PARTITIONS]])
    expect((await app.read(app.topic('sums'))).map(({ value }) => Number(textOf(value)))).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
    expect(await app.read(app.internal('dead-letters'))).toHaveLength(1)
  }, 60_000)
})
