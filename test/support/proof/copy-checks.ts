/**
 * Every copy of a store that lay on a disk at any time, also of a worker that had lost the task or was killed with -9 (P2): a copy may be
 * continued later, so it must be right by its own mark. Pure.
 *
 *   happened     the commit in its mark stands in the commit topic, with the positions of the mark
 *   changelogs   its entries are what the changelogs said up to the offsets of the mark
 *   oracle       links and timers are what plain loops make of the input up to the positions of the mark
 *
 * Compaction removes a record only where a later one of its key stands, and then all earlier ones of that key with it. So a record of a
 * key below the mark, if there is one left, is the one that counted; of a key of which only later ones are left nothing is known.
 */
import { COMMIT_KEY, decodeCommitRecord } from '../../../libs/runtime/task/commit-record.ts'
import type { CommitRecord } from '../../../libs/runtime/task/commit-record.ts'
import { RESET } from '../../../libs/state/key-layout.ts'
import { check } from './check.ts'
import type { Check } from './check.ts'
import type { SeenRecord } from './independent-reader.ts'
import { recompute } from './oracle.ts'
import { linesOf } from './output-checks.ts'
import { expectedState, foundState, tableDifferences } from './state-oracle.ts'
import type { StoreDump } from './stores.ts'

export interface SeenTopics {
  readonly orders: readonly SeenRecord[]
  /** Step → what is left of its changelog. */
  readonly changelogs: ReadonlyMap<string, readonly SeenRecord[]>
  /** Sub-topology → what is left of its commit topic. */
  readonly commits: ReadonlyMap<string, readonly SeenRecord[]>
}

export const copyChecks = (copies: readonly StoreDump[], topics: SeenTopics): Check[] => [
  happened(copies, topics),
  asTheChangelogsSaid(copies, topics),
  asTheOracleSays(copies, topics),
]

const partitionOf = ({ task }: StoreDump): number => Number(task.slice(task.lastIndexOf('.') + 1))
const subTopologyOf = ({ task }: StoreDump): string => task.slice(0, task.lastIndexOf('.'))
const named = (copy: StoreDump): string => `${copy.task} in ${copy.place}, commit ${copy.n},`

function happened(copies: readonly StoreDump[], { commits }: SeenTopics): Check {
  const faults: string[] = []
  const seen = new Map<string, readonly CommitRecord[]>()
  let compared = 0
  for (const copy of copies) {
    if (copy.n === 0) continue // Nothing was committed yet.
    const records = seen.get(copy.task) ?? commitsOf(copy, commits)
    seen.set(copy.task, records)
    const own = records.find(({ n, epoch }) => n === copy.n && epoch === copy.epoch)
    if (own === undefined) {
      // Compacted: then nothing before it is left either, and something after it is.
      if (records.length > 0 && records.every(({ n }) => n > copy.n)) continue
      faults.push(`${named(copy)} is of a commit that is not in the log`)
    } else if (JSON.stringify(sorted(own.positions)) !== JSON.stringify(sorted(copy.positions)))
      faults.push(`${named(copy)} has positions ${JSON.stringify(copy.positions)}, the log ${JSON.stringify(own.positions)}`)
    compared++
  }
  return check('V5 each copy of a store is of a commit that happened', compared, faults, `of ${copies.length} copies`)
}

const commitsOf = (copy: StoreDump, commits: SeenTopics['commits']): CommitRecord[] =>
  (commits.get(subTopologyOf(copy)) ?? [])
    .filter(({ partition, key }) => partition === partitionOf(copy) && key === COMMIT)
    .flatMap(({ value }) => decodeCommitRecord(Buffer.from(value ?? '', 'base64')) ?? [])

const COMMIT = Buffer.from(COMMIT_KEY).toString('base64')
const sorted = (positions: Readonly<Record<string, number>>): unknown =>
  Object.entries(positions).toSorted(([one], [other]) => (one < other ? -1 : 1))

function asTheChangelogsSaid(copies: readonly StoreDump[], { changelogs }: SeenTopics): Check {
  const faults: string[] = []
  let compared = 0
  for (const copy of copies) {
    for (const [step, entries] of copy.steps) {
      const end = copy.changelogs[step]
      if (end === undefined) continue
      const { known, unknown } = stateBelow(changelogs.get(step) ?? [], partitionOf(copy), end)
      compared += entries.size
      for (const key of new Set([...entries.keys(), ...known.keys()])) {
        if (unknown.has(key) || entries.get(key) === known.get(key)) continue
        const what = entries.has(key) ? (known.has(key) ? 'another value' : 'an entry too many') : 'an entry too few'
        faults.push(`${named(copy)} has ${what} at ${step} ${Buffer.from(key, 'base64').toString('latin1')}, changelog up to ${end}`)
      }
    }
  }
  return check('V5 each copy of a store = its changelogs up to its mark', compared, faults, `entries of ${copies.length} copies`)
}

interface StateBelow {
  readonly known: ReadonlyMap<string, string>
  /** Keys whose records below are compacted away. */
  readonly unknown: ReadonlySet<string>
}

function stateBelow(records: readonly SeenRecord[], partition: number, end: number): StateBelow {
  const known = new Map<string, string>()
  const [seen, later] = [new Set<string>(), new Set<string>()]
  for (const record of records) {
    if (record.partition !== partition || record.key === null) continue
    if (record.offset >= end) {
      later.add(record.key)
      continue
    }
    seen.add(record.key)
    if (record.key === ALL_GONE) known.clear()
    else if (record.value === null) known.delete(record.key)
    else known.set(record.key, record.value)
  }
  return { known: withoutMarks(known), unknown: new Set([...later].filter((key) => !seen.has(key))) }
}

const ALL_GONE = Buffer.from([RESET]).toString('base64')
/** Fence records are no entries. */
const withoutMarks = (all: ReadonlyMap<string, string>): Map<string, string> =>
  new Map([...all].filter(([key]) => Buffer.from(key, 'base64').length > 1))

function asTheOracleSays(copies: readonly StoreDump[], { orders }: SeenTopics): Check {
  const faults: string[] = []
  let compared = 0
  for (const copy of copies) {
    const entries = copy.steps.get('chain')
    const [place] = orders
    const position = copy.positions[`${place?.topic}:${partitionOf(copy)}`]
    if (entries === undefined || position === undefined) continue
    const read = orders.filter(({ partition, offset }) => partition === partitionOf(copy) && offset < position)
    const found = foundState.chain(entries)
    compared += found.size
    faults.push(...tableDifferences(`${named(copy)} chain`, found, expectedState.chain(recompute(linesOf(read)))))
  }
  return check('V5 links and timers in each copy = oracle up to its positions', compared, faults, `of ${copies.length} copies`)
}
