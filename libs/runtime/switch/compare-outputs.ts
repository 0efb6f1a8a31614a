/**
 * Compares what two versions have written, at one place of their inputs (engine.md 6.2, step 6). Pure.
 *
 *     tables   the last value of each key
 *     finals   by identity: step, key, and window or time of the timer
 *     events   as multisets for each key: the order across tasks is not a promise
 */
import { canonical, sameValue } from './compare-values.ts'
import type { CompareRules } from './compare-values.ts'

export interface ComparedRecord {
  /** Text of the key, for people and for equality. */
  readonly key: string
  /** Decoded; null: a tombstone. */
  readonly value: unknown
  /** Undefined: a position of the input has caused it. */
  readonly identity: string | undefined
  readonly timestamp: number
}

export type DifferenceKind = 'only-live' | 'only-new' | 'different'

export interface Difference {
  readonly kind: DifferenceKind
  readonly what: 'row' | 'final' | 'event'
  readonly key: string
  readonly timestamp: number
  readonly live: unknown
  readonly next: unknown
}

export interface SinkComparison {
  readonly topic: string
  readonly table: boolean
  /** Rows, finals and events that were compared, of the version that has more. */
  readonly compared: number
  readonly equal: number
  readonly onlyLive: number
  readonly onlyNew: number
  readonly different: number
  /** The first ones, by time. */
  readonly examples: readonly Difference[]
}

const EXAMPLES_MAX = 20

export function compareSink(
  topic: string,
  table: boolean,
  live: readonly ComparedRecord[],
  next: readonly ComparedRecord[],
  rules: CompareRules,
): SinkComparison {
  const differences: Difference[] = []
  let equal = 0
  const pair = (what: Difference['what'], one: ComparedRecord | undefined, other: ComparedRecord | undefined): void => {
    const known = one ?? other
    if (known === undefined) return
    if (one !== undefined && other !== undefined && sameValue(one.value, other.value, rules)) {
      equal += 1
      return
    }
    const kind = one === undefined ? 'only-new' : other === undefined ? 'only-live' : 'different'
    differences.push({ kind, what, key: known.key, timestamp: known.timestamp, live: one?.value, next: other?.value })
  }
  if (table) {
    const [one, other] = [rowsOf(live), rowsOf(next)]
    for (const key of new Set([...one.keys(), ...other.keys()])) pair('row', one.get(key), other.get(key))
  } else {
    const [one, other] = [finalsOf(live), finalsOf(next)]
    for (const identity of new Set([...one.keys(), ...other.keys()])) pair('final', one.get(identity), other.get(identity))
    for (const [a, b] of eventPairs(live, next, rules)) pair('event', a, b)
  }
  const count = (kind: DifferenceKind): number => differences.filter((one) => one.kind === kind).length
  return {
    topic,
    table,
    compared: equal + differences.length,
    equal,
    onlyLive: count('only-live'),
    onlyNew: count('only-new'),
    different: count('different'),
    examples: differences.toSorted((a, b) => a.timestamp - b.timestamp).slice(0, EXAMPLES_MAX),
  }
}

function rowsOf(records: readonly ComparedRecord[]): ReadonlyMap<string, ComparedRecord> {
  const rows = new Map<string, ComparedRecord>()
  for (const record of records) {
    if (record.value === null) rows.delete(record.key)
    else rows.set(record.key, record)
  }
  return rows
}

/** The same one twice in one version is found as well: the second has a name of its own. */
function finalsOf(records: readonly ComparedRecord[]): ReadonlyMap<string, ComparedRecord> {
  const finals = new Map<string, ComparedRecord>()
  for (const record of records) {
    if (record.identity === undefined) continue
    let name = record.identity
    for (let again = 2; finals.has(name); again += 1) name = `${record.identity}, time ${again}`
    finals.set(name, record)
  }
  return finals
}

type EventPair = readonly [ComparedRecord | undefined, ComparedRecord | undefined]

/** For each key: those that are exactly the same are paired first, in linear time; what is left, in the order of both. */
function eventPairs(live: readonly ComparedRecord[], next: readonly ComparedRecord[], rules: CompareRules): EventPair[] {
  const waiting = byKey(next, (record) => `${record.key} ${canonical(record.value, rules)}`)
  const pairs: EventPair[] = []
  const left: ComparedRecord[] = []
  for (const record of live) {
    if (record.identity !== undefined) continue
    const same = waiting.get(`${record.key} ${canonical(record.value, rules)}`)?.pop()
    if (same === undefined) left.push(record)
    else pairs.push([record, same])
  }
  const others = byKey(
    [...waiting.values()].flat().toSorted((one, other) => other.timestamp - one.timestamp),
    (record) => record.key,
  )
  for (const record of left) pairs.push([record, others.get(record.key)?.pop()])
  for (const records of others.values()) for (const record of records) pairs.push([undefined, record])
  return pairs
}

function byKey(records: readonly ComparedRecord[], nameOf: (record: ComparedRecord) => string): Map<string, ComparedRecord[]> {
  const all = new Map<string, ComparedRecord[]>()
  for (const record of records) {
    if (record.identity !== undefined) continue
    const name = nameOf(record)
    const list = all.get(name) ?? []
    all.set(name, list)
    list.push(record)
  }
  return all
}

export const isEqual = (sinks: readonly SinkComparison[]): boolean => sinks.every((sink) => sink.compared === sink.equal)
