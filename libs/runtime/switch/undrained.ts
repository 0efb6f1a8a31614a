/**
 * Records between the stages of a live version whose place was taken: its later stages have not processed them, and nobody else can. The
 * new version has given what comes of them to its shadow; at the flip it publishes exactly that (engine.md 6.2: results of a dead later
 * stage). Which results those are is told by the path that each record carries (origin.ts).
 *
 * Why nothing else is missing or doubled: a stage commits what it has processed together with what comes of it, so each record below its
 * position has given its results, and none behind it has. Windows and timers are compared by their own identity, tables by their rows.
 */
import { ancestorsOf, pathOf } from '../../dataflow/operators/origin.ts'
import { IDENTITY } from '../../dataflow/operators/current.ts'
import { readRange } from '../acquire/range-reader.ts'
import { rangeOr } from '../acquire/restore.ts'
import { partitionId } from '../ports/log.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { readRepartition } from '../task/repartition-record.ts'
import type { UndrainedRange } from './shared-state.ts'
import type { SharedContext } from './shared-topic.ts'
import type { CommitTail } from './version-records.ts'

type RangeContext = Pick<SharedContext, 'log' | 'clock' | 'stallMs' | 'signal'>

export interface Undrained {
  readonly ranges: readonly UndrainedRange[]
  /** The earliest event time in them; Infinity: there are none. */
  readonly since: number
  /** Records that nobody can tell from others: updates of tables on their way, and records of an older release. */
  readonly unnamed: number
}

/** Of a version whose tasks are all halted for the switch. Reads nothing where each stage has finished what came before the cut. */
export async function undrainedOf(context: SharedContext, live: CommitTail, s: number): Promise<Undrained> {
  const ranges: UndrainedRange[] = []
  let since = Infinity
  let unnamed = 0
  for (const record of live.records.values()) {
    for (const id of Object.keys(record.positions)) {
      if (!id.startsWith(`${live.of.prefix}.`) || isDrained(record, id, s, live)) continue
      const range = await rangeBehind(context, id, record)
      let found = false
      await readUndrained(context, range, (path, timestamp, fired) => {
        found = true
        since = Math.min(since, timestamp)
        if (path === undefined && !fired) unnamed += 1
      })
      if (found) ranges.push(range)
    }
  }
  return { ranges, since, unnamed }
}

/** It has read the cut markers of this switch of all tasks that write there. */
function isDrained({ cutsIn }: CommitRecord, id: string, s: number, live: CommitTail): boolean {
  const cuts = new Map(Object.entries(cutsIn[id] ?? {}))
  const upstream = live.of.tasks.filter(({ subTopology }) =>
    live.of.tasks.some((one) => one.subTopology === subTopology && cuts.has(one.name)),
  )
  return upstream.length > 0 && upstream.every(({ name }) => cuts.get(name) === s)
}

async function rangeBehind(context: SharedContext, id: string, { positions, epoch }: CommitRecord): Promise<UndrainedRange> {
  const cutAt = id.lastIndexOf(':')
  const partition = { topic: id.slice(0, cutAt), partition: Number(id.slice(cutAt + 1)) }
  const { end } = rangeOr((await context.log.admin.ranges([partition])).get(partitionId(partition.topic, partition.partition)))
  return { ...partition, from: positions[id] ?? 0, until: end, epoch }
}

/** `fired`: time has fired what it came of, which has an identity of its own. */
async function readUndrained(
  context: RangeContext,
  { topic, partition, from, until, epoch }: UndrainedRange,
  take: (path: Uint8Array | undefined, timestamp: number, fired: boolean) => void,
): Promise<void> {
  await readRange(context.log, context.clock, {
    partition: { topic, partition },
    from,
    until,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => {
      for (const { headers, value, timestamp } of records) {
        const meaning = readRepartition(headers)
        if (meaning.kind !== 'record' || meaning.epoch !== epoch) continue
        const fired = meaning.headers.some(([name]) => name === IDENTITY)
        take(fired || value === null ? undefined : pathOf(value), timestamp, fired)
      }
    },
  })
}

/** The results that a dead stage owes. */
export class OwedResults {
  readonly #paths = new Set<string>()
  /** All that an owed record comes of. A version with fewer stages gives the result there. */
  readonly #beginnings = new Set<string>()

  static async read(context: RangeContext, ranges: readonly UndrainedRange[]): Promise<OwedResults> {
    const owed = new OwedResults()
    for (const range of ranges)
      await readUndrained(context, range, (path) => {
        if (path !== undefined) owed.add(path)
      })
    return owed
  }

  add(path: Uint8Array): void {
    const all = [...ancestorsOf(path)]
    const whole = all.pop()
    if (whole !== undefined) this.#paths.add(whole)
    for (const one of all) this.#beginnings.add(one)
  }

  /** It comes of a record that was on its way, at whichever stage. */
  has(path: Uint8Array): boolean {
    if (this.#paths.size === 0) return false
    let last = ''
    for (const ancestor of ancestorsOf(path)) {
      if (this.#paths.has(ancestor)) return true
      last = ancestor
    }
    return this.#beginnings.has(last)
  }
}
