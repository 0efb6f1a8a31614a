/**
 * A replay of a long history (5,000,000 records in the full run) while the live version takes more all the time: verify finds exactly what the
 * new code makes otherwise; after a promotion and a rollback under load every payment has one result, in order, by the version that was live.
 */
import { afterAll, describe, expect, it } from '@jest/globals'
import { toKeyBytes } from '../../../libs/dataflow/cells.ts'
import { partitionOf } from '../../../libs/dataflow/murmur2.ts'
import { readRange } from '../../../libs/runtime/acquire/range-reader.ts'
import { systemClock } from '../../../libs/runtime/ports/clock.ts'
import type { LogRecord, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { partitionId } from '../../../libs/runtime/ports/log.ts'
import { EngineRig, textOf } from '../../support/engine-rig.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { millraceCommand } from '../../support/millrace-command.ts'
import { scaled } from '../../support/test-scale.ts'
import { feeOf, weightOf } from './topologies/fees.ts'
import type { Fee } from './topologies/fees.ts'

const kafka = await kafkaForTests()
const MODULE = 'test/integration/engine/topologies/fees.ts'
const PARTITIONS = 4
const HISTORY = scaled(30_000, 5_000_000)
const ACCOUNTS = scaled(1_000, 100_000)
const PER_SECOND = scaled(1_000, 5_000)
const PAUSE_MS = 20
const APPENDED_AT_ONCE = 10_000
const SETTLES_WITHIN_MS = scaled(60_000, 900_000)
const TEST_MS = scaled(180_000, 1_800_000)

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: MODULE,
  topics: { payments: PARTITIONS, fees: PARTITIONS, sums: PARTITIONS },
})

/** What was sent, by number of the payment; two payments of an account stand in the order of their numbers. */
const amountOf = (id: number): number => (id * 7_919) % 10_007
const accountOf = (id: number): number => (id * 1_000_003) % ACCOUNTS
let sent = 0
let wanted = false
let feeding: Promise<void> = Promise.resolve()

async function send(count: number): Promise<void> {
  const records: OutgoingRecord[][] = Array.from({ length: PARTITIONS }, () => [])
  for (let id = sent; id < sent + count; id += 1) {
    const key = Buffer.from(String(accountOf(id)))
    const value = Buffer.from(JSON.stringify({ id, amount: amountOf(id) }))
    records[partitionOf(toKeyBytes(key), PARTITIONS)]?.push({ key, value, timestamp: Date.now(), headers: [] })
  }
  await rig.log.append(records.map((all, partition) => ({ topic: rig.topic('payments'), partition, records: all })))
  sent += count
}

function feed(): void {
  wanted = true
  feeding = (async () => {
    for (const begun = { at: performance.now(), from: sent }; wanted;) {
      const due = begun.from + Math.floor(((performance.now() - begun.at) / 1_000) * PER_SECOND)
      if (due > sent) await send(due - sent)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  })()
}

async function noMore(): Promise<void> {
  wanted = false
  await feeding
}

afterAll(async () => {
  await noMore()
  await rig.close()
}, TEST_MS)

const workerOf = (version: number) => rig.start({ seat: `v${version}`, environment: { ENGINE_TEST_VERSION: String(version) } })

async function replay(action: string, words: readonly string[] = [], exactly = 0): Promise<Record<string, unknown>> {
  const { code, out, err } = await millraceCommand({
    words: ['replay', action, MODULE, `--brokers=${rig.brokers.join(',')}`, '--json', `--max-lag=${4 * PER_SECOND}`, ...words],
    environment: { ENGINE_TEST_NAME: rig.name, ENGINE_TEST_VERSION: '2' },
  })
  expect({ action, code, err }).toEqual({ action, code: exactly, err: expect.any(String) })
  return JSON.parse(out) as Record<string, unknown>
}

async function eachRecord(topic: string, take: (record: LogRecord) => void): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const range = (await rig.log.admin.ranges([{ topic, partition }])).get(partitionId(topic, partition))
    if (range === undefined) throw new Error(`${topic}:${partition} has no range`)
    await readRange(rig.log, systemClock, {
      partition: { topic, partition },
      from: range.logStart,
      until: range.lastStable,
      stallMs: 60_000,
      signal: new AbortController().signal,
      onRecords: (records) => records.forEach(take),
    })
  }
}

const writerOf = ({ headers }: LogRecord): number =>
  Number(/\.v(\d+)\//u.exec(textOf(headers.find(([name]) => name === 'millrace')?.[1] ?? null) ?? '')?.[1])

/** The differences, few at most. `live`: the version whose sums the table has now. Answers how many results each version has given. */
async function judged(live: number): Promise<{ readonly differences: readonly string[]; readonly by: ReadonlyMap<number, number> }> {
  await noMore()
  await rig.drained([[rig.topic('payments'), PARTITIONS]], SETTLES_WITHIN_MS, `${rig.name}.v${live}`)
  const differences: string[] = []
  const told = (text: string): void => void (differences.length < 20 && differences.push(text))
  const ordinals = new Uint32Array(ACCOUNTS)
  const ordinalOf = new Uint32Array(sent)
  const expected = new Float64Array(ACCOUNTS)
  for (let id = 0; id < sent; id += 1) {
    const account = accountOf(id)
    ordinals[account] = (ordinals[account] ?? 0) + 1
    ordinalOf[id] = ordinals[account] ?? 0
    expected[account] = (expected[account] ?? 0) + amountOf(id) * weightOf(live, account)
  }
  const seen = new Uint8Array(sent)
  const last = new Uint32Array(ACCOUNTS)
  const by = new Map<number, number>()
  await eachRecord(rig.topic('fees'), (record) => {
    const { id, ordinal, fee } = JSON.parse(textOf(record.value) ?? '') as Fee
    const account = accountOf(id)
    const writer = writerOf(record)
    by.set(writer, (by.get(writer) ?? 0) + 1)
    seen[id] = (seen[id] ?? 0) + 1
    if (textOf(record.key) !== String(account) || ordinal !== ordinalOf[id])
      told(`payment ${id}: account ${textOf(record.key)}, ordinal ${ordinal}`)
    if (ordinal !== (last[account] ?? 0) + 1) told(`account ${account}: ordinal ${ordinal} behind ${last[account]}`)
    if (fee !== feeOf(writer, { id, amount: amountOf(id) })) told(`payment ${id}: fee ${fee} by v${writer}`)
    last[account] = ordinal
  })
  seen.forEach((times, id) => times !== 1 && told(`payment ${id}: ${times} results`))
  const sums = new Map<number, number>()
  await eachRecord(rig.topic('sums'), ({ key, value }) => void sums.set(Number(textOf(key)), Number(textOf(value))))
  expected.forEach(
    (sum, account) =>
      ordinals[account] !== 0 && sums.get(account) !== sum && told(`account ${account}: sum ${sums.get(account)}, not ${sum}`),
  )
  return { differences, by }
}

interface Sink {
  readonly topic: string
  readonly compared: number
  readonly equal: number
  readonly different: number
  readonly onlyLive: number
  readonly onlyNew: number
}

describe(`a replay of ${HISTORY} records while ${PER_SECOND} more come each second`, () => {
  const accountsTouched = (): number => new Set(Array.from({ length: Math.min(sent, ACCOUNTS) }, (_, id) => accountOf(id))).size

  it(
    'finds exactly what the new code makes otherwise',
    async () => {
      for (let left = HISTORY; left > 0; left -= APPENDED_AT_ONCE) await send(Math.min(left, APPENDED_AT_ONCE))
      const live = workerOf(1)
      await rig.running(live, PARTITIONS)
      await rig.drained([[rig.topic('payments'), PARTITIONS]], SETTLES_WITHIN_MS)
      feed()
      const next = workerOf(2)
      await next.untilSaid('v2 does nothing before its replay is started')
      await replay('start', [`--wait=${SETTLES_WITHIN_MS / 1_000}s`])
      const begun = performance.now()
      const verified = (await replay('verify', [], 1))['sinks'] as Sink[]
      process.stderr.write(`verified in ${Math.round(performance.now() - begun)} ms\n`)
      const [fees, sums] = ['fees', 'sums'].map((name) => verified.find(({ topic }) => topic === rig.topic(name)))
      expect(fees?.compared).toBeGreaterThanOrEqual(HISTORY)
      expect(fees).toMatchObject({ onlyLive: 0, onlyNew: 0, equal: (fees?.compared ?? 0) - (fees?.different ?? 0) })
      // Every hundredth of the payments up to where both stood, which the input's order across partitions leaves open by what came last.
      expect(Math.abs((fees?.different ?? 0) - (fees?.compared ?? 0) / 100)).toBeLessThan(PER_SECOND)
      expect(fees?.different).toBeGreaterThanOrEqual(HISTORY / 100)
      expect(sums).toMatchObject({ onlyLive: 0, onlyNew: 0, compared: accountsTouched(), different: Math.ceil(accountsTouched() / 10) })
    },
    TEST_MS,
  )

  it(
    'gives each payment one result, in order, by the version that is live: promoted under load',
    async () => {
      const { decision, pauseMs } = await replay('promote', ['--max-differences=1000000'])
      expect(decision).toBe('flip')
      process.stderr.write(`promoted: outputs stood still for ${String(pauseMs)} ms\n`)
      const from = sent
      await eventually(() => expect(sent).toBeGreaterThan(from + 2 * PER_SECOND), 60_000)
      const { differences, by } = await judged(2)
      expect(differences).toEqual([])
      expect(by.get(1)).toBeGreaterThanOrEqual(HISTORY)
      expect(by.get(2)).toBeGreaterThan(PER_SECOND)
    },
    TEST_MS,
  )

  it(
    'and rolled back under load',
    async () => {
      feed()
      const before = sent
      await eventually(() => expect(sent).toBeGreaterThan(before + PER_SECOND), 60_000)
      const { decision, pauseMs } = await replay('rollback', ['--max-differences=1000000'])
      expect(decision).toBe('flip')
      process.stderr.write(`rolled back: outputs stood still for ${String(pauseMs)} ms\n`)
      const from = sent
      await eventually(() => expect(sent).toBeGreaterThan(from + PER_SECOND), 60_000)
      const { differences } = await judged(1)
      expect(differences).toEqual([])
    },
    TEST_MS,
  )
})
