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
/** Sorted out when there are more. */
const EXAMPLES_KEPT_MAX = 4_096

export type Side = 'live' | 'next'

/** What one version has given and the other not, so far: all of it is equal, so one list says whose it is. */
interface Unmatched {
  readonly side: Side
  readonly records: ComparedRecord[]
  /** How many of them, the oldest, have found a partner. */
  paired: number
}

/**
 * Takes the records of both versions in any order. What is the same in both is forgotten at once, so that it holds little while both are read
 * abreast: the rows of a table, and what differs.
 */
export class OutputComparison {
  readonly #topic: string
  readonly #table: boolean
  readonly #rules: CompareRules
  readonly #rows: Readonly<Record<Side, Map<string, ComparedRecord>>> = { live: new Map(), next: new Map() }
  /** By identity. The same one twice in one version is found as well: one of them has no partner. */
  readonly #finals = new Map<string, Unmatched>()
  /** By key and value. */
  readonly #events = new Map<string, Unmatched>()
  #equal = 0
  readonly #counts: Record<DifferenceKind, number> = { 'only-live': 0, 'only-new': 0, different: 0 }
  #examples: Difference[] = []

  constructor(topic: string, table: boolean, rules: CompareRules) {
    this.#topic = topic
    this.#table = table
    this.#rules = rules
  }

  add(side: Side, record: ComparedRecord): void {
    if (this.#table) {
      if (record.value === null) this.#rows[side].delete(record.key)
      else this.#rows[side].set(record.key, record)
    } else if (record.identity !== undefined) {
      const other = match(this.#finals, record.identity, side, record)
      if (other !== undefined) this.#pairOf('final', side, record, other)
    } else if (match(this.#events, `${record.key} ${canonical(record.value, this.#rules)}`, side, record) !== undefined) this.#equal += 1
  }

  /** Everything was added. */
  result(): SinkComparison {
    const { live, next } = this.#rows
    for (const key of new Set([...live.keys(), ...next.keys()])) this.#pair('row', live.get(key), next.get(key))
    for (const unmatched of this.#finals.values())
      for (const record of alone(unmatched)) this.#pairOf('final', unmatched.side, record, undefined)
    this.#pairEvents()
    return {
      topic: this.#topic,
      table: this.#table,
      compared: this.#equal + this.#counts['only-live'] + this.#counts['only-new'] + this.#counts.different,
      equal: this.#equal,
      onlyLive: this.#counts['only-live'],
      onlyNew: this.#counts['only-new'],
      different: this.#counts.different,
      examples: earliest(this.#examples, EXAMPLES_MAX),
    }
  }

  /** Those that are not exactly the same, for each key in the order of time. */
  #pairEvents(): void {
    const left = [...this.#events.values()]
    const inOrder = (side: Side): ComparedRecord[] =>
      left.flatMap((one) => (one.side === side ? alone(one) : [])).toSorted((one, other) => one.timestamp - other.timestamp)
    const others = Map.groupBy(inOrder('next').toReversed(), (record) => record.key)
    for (const record of inOrder('live')) this.#pair('event', record, others.get(record.key)?.pop())
    for (const records of others.values()) for (const record of records) this.#pair('event', undefined, record)
  }

  #pairOf(what: Difference['what'], side: Side, record: ComparedRecord, other: ComparedRecord | undefined): void {
    if (side === 'live') this.#pair(what, record, other)
    else this.#pair(what, other, record)
  }

  #pair(what: Difference['what'], one: ComparedRecord | undefined, other: ComparedRecord | undefined): void {
    const known = one ?? other
    if (known === undefined) return
    if (one !== undefined && other !== undefined && sameValue(one.value, other.value, this.#rules)) {
      this.#equal += 1
      return
    }
    const kind = one === undefined ? 'only-new' : other === undefined ? 'only-live' : 'different'
    this.#counts[kind] += 1
    this.#examples.push({ kind, what, key: known.key, timestamp: known.timestamp, live: one?.value, next: other?.value })
    if (this.#examples.length > EXAMPLES_KEPT_MAX) this.#examples = earliest(this.#examples, EXAMPLES_MAX)
  }
}

/** Takes the oldest partner of a record; where there is none, the record waits for one. */
function match(waiting: Map<string, Unmatched>, name: string, side: Side, record: ComparedRecord): ComparedRecord | undefined {
  const known = waiting.get(name)
  if (known === undefined) {
    waiting.set(name, { side, records: [record], paired: 0 })
    return undefined
  }
  if (known.side === side) {
    known.records.push(record)
    return undefined
  }
  const partner = known.records[known.paired]
  known.paired += 1
  if (known.paired === known.records.length) waiting.delete(name)
  return partner
}

const alone = ({ records, paired }: Unmatched): readonly ComparedRecord[] => records.slice(paired)

const earliest = (examples: readonly Difference[], count: number): Difference[] =>
  examples.toSorted((one, other) => one.timestamp - other.timestamp).slice(0, count)

export const isEqual = (sinks: readonly SinkComparison[]): boolean => sinks.every((sink) => sink.compared === sink.equal)
