/** V4, V6 and V7: no transaction is left open, and our reader sees what Kafka's own sees. */
import { crc32 } from 'node:zlib'
import { readRange } from '../../../libs/runtime/acquire/range-reader.ts'
import { systemClock } from '../../../libs/runtime/ports/clock.ts'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../eventually.ts'
import { check } from './check.ts'
import type { Check } from './check.ts'
import type { IndependentReader, SeenRange, SeenRecord } from './independent-reader.ts'

const STALL_MS = 60_000
const POLL_MS = 500

/** A kind of topic → whether a name is of it. Each kind must be there. */
const kinds: Readonly<Record<string, RegExp>> = {
  changelogs: /\.changelog$/u,
  commits: /\.commits$/u,
  repartition: /\.repartition$/u,
  'dead letters': /\.dead-letters$/u,
  'inputs and outputs': /^(?!__)[^.]+$/u,
  __consumer_offsets: /^__consumer_offsets$/u,
}

/**
 * Owners that were killed leave transactions that end with their time-out; what is open after `withinMs` is a defect. Others may go on
 * writing to `__consumer_offsets`: what was there at the first look must become stable.
 */
export async function openChecks(reader: IndependentReader, name: string, withinMs: number): Promise<Check[]> {
  const wanted = await reader.ranges(name)
  const last = { checks: [] as Check[] }
  await eventually(
    async () => {
      last.checks = [await heldBack(reader, name, wanted), await ongoing(reader, name)]
      if (last.checks.some(({ passed }) => !passed)) throw new Error('not yet')
    },
    withinMs,
    POLL_MS,
  ).catch((error: unknown) => {
    if (last.checks.length === 0) throw error
  })
  return last.checks
}

async function heldBack(reader: IndependentReader, name: string, wanted: readonly SeenRange[]): Promise<Check> {
  const ranges = await reader.ranges(name)
  const ends = new Map(wanted.map(({ topic, partition, end }) => [`${topic}:${partition}`, end]))
  const faults = ranges
    .filter(({ topic, partition, stable, end }) => stable < (ends.get(`${topic}:${partition}`) ?? end))
    .map(({ topic, partition, stable, end }) => `${topic}:${partition} is stable up to ${stable} of ${end}`)
  const counts = Object.entries(kinds).map(([kind, pattern]) => [kind, ranges.filter(({ topic }) => pattern.test(topic)).length] as const)
  for (const [kind, count] of counts) if (count === 0) faults.push(`no partition of ${kind} was looked at`)
  const note = counts.map(([kind, count]) => `${kind} ${count}`).join(', ')
  return check('V4 last stable offset = high watermark', ranges.length, faults, `partitions: ${note}`)
}

async function ongoing(reader: IndependentReader, name: string): Promise<Check> {
  const all = await reader.transactions(name)
  const faults = all.filter(({ state }) => /Ongoing|Prepare/u.test(state)).map(({ id, state }) => `${id} is ${state}`)
  return check('V7 no transaction is ongoing', all.length, faults, 'transactional ids')
}

/** Offset → what is there, in short. */
type Seen = ReadonlyMap<number, number>

/** One topic, of which nothing is written any more. Compaction may take records away between two looks: what both have lost is no difference. */
export async function sameRecords(
  ours: Log,
  ranges: readonly SeenRange[],
  theirs: readonly SeenRecord[],
): Promise<{ readonly compared: number; readonly differences: readonly string[] }> {
  const found = await Promise.all(ranges.map((range) => samePartition(ours, range, theirs)))
  return { compared: found.reduce((sum, { compared }) => sum + compared, 0), differences: found.flatMap(({ differences }) => differences) }
}

async function samePartition(ours: Log, range: SeenRange, theirs: readonly SeenRecord[]): ReturnType<typeof sameRecords> {
  const independent = new Map(
    theirs
      .filter(({ partition }) => partition === range.partition)
      .map(({ offset, key, value }) => [offset, digest(bytesOf(key), bytesOf(value))]),
  )
  const own = await seenBy(ours, range)
  const different = offsetsThatDiffer(own, independent)
  const differences: string[] = []
  const again = different.length === 0 ? own : await seenBy(ours, range)
  for (const offset of different) {
    if (independent.get(offset) === undefined && again.get(offset) === undefined) continue
    const [is, should] = [own.get(offset), independent.get(offset)]
    const what = should === undefined ? 'only by our reader' : is === undefined ? "only by Kafka's reader" : 'by both, with different bytes'
    differences.push(`${range.topic}:${range.partition}:${offset} is seen ${what}`)
  }
  return { compared: independent.size, differences }
}

const offsetsThatDiffer = (one: Seen, other: Seen): number[] =>
  [...new Set([...one.keys(), ...other.keys()])].filter((offset) => one.get(offset) !== other.get(offset)).toSorted((a, b) => a - b)

async function seenBy(log: Log, { topic, partition, start, stable }: SeenRange): Promise<Seen> {
  const found = new Map<number, number>()
  await readRange(log, systemClock, {
    partition: { topic, partition },
    from: start,
    until: stable,
    stallMs: STALL_MS,
    signal: new AbortController().signal,
    onRecords: (records) => {
      for (const { offset, key, value } of records) found.set(offset, digest(key, value))
    },
  })
  return found
}

const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text, 'base64'))
const NONE = Buffer.from('none')
const digest = (key: Uint8Array | null, value: Uint8Array | null): number => crc32(value ?? NONE, crc32(key ?? NONE))
