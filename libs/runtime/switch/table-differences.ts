/**
 * Where a table in the real topic differs from what the new version holds (engine.md 6.2, hole S12). Pure.
 *
 * Only rows whose last record this application has written count: others may write to the topic too. A row that only the real topic has is
 * deleted only when the shadow topic is complete: that of a version that was live before holds a part of its rows.
 */
import { createHash } from 'node:crypto'
import { fromKeyBytes, toKeyBytes } from '../../dataflow/cells.ts'
import type { Header, LogRecord } from '../ports/log.ts'
import { taskOf, writerOf } from './handover.ts'

export interface TableDifference {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array
  /** Null: a tombstone. */
  readonly value: Uint8Array | null
  readonly timestamp: number
  /** Task of the new version that holds the row; undefined: none. */
  readonly task: string | undefined
}

interface ShadowRow {
  /** Null: deleted. */
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly task: string | undefined
}

const FOREIGN = 'foreign'

/** The rows of one sink partition, as read so far. */
export class TableRows {
  readonly topic: string
  readonly partition: number
  readonly #application: string
  /** Key → digest of the value, or that somebody else wrote it last. */
  readonly #real = new Map<string, string>()
  readonly #shadow = new Map<string, ShadowRow>()

  constructor(application: string, topic: string, partition: number) {
    this.#application = application
    this.topic = topic
    this.partition = partition
  }

  real(record: LogRecord): void {
    if (record.key === null) return
    const key = toKeyBytes(record.key)
    if (writerOf(record)?.startsWith(`${this.#application}.v`) !== true) this.#real.set(key, FOREIGN)
    else if (record.value === null) this.#real.delete(key)
    else this.#real.set(key, digestOf(record.value))
  }

  shadow(record: LogRecord): void {
    if (record.key === null) return
    const key = toKeyBytes(record.key)
    this.#shadow.set(key, { value: record.value, timestamp: record.timestamp, task: taskOf(record) })
  }

  /** `complete`: the shadow holds every row of its version. */
  differences(complete: boolean, now: number): { readonly differences: TableDifference[]; readonly leftAlone: number } {
    const { topic, partition } = this
    const differences: TableDifference[] = []
    let leftAlone = 0
    for (const [key, { value, timestamp, task }] of this.#shadow) {
      const there = this.#real.get(key)
      if (there !== FOREIGN && there !== (value === null ? undefined : digestOf(value)))
        differences.push({ topic, partition, key: fromKeyBytes(key), value, timestamp, task })
    }
    for (const [key, there] of this.#real) {
      if (there === FOREIGN || this.#shadow.has(key)) continue
      if (complete) differences.push({ topic, partition, key: fromKeyBytes(key), value: null, timestamp: now, task: undefined })
      else leftAlone += 1
    }
    return { differences, leftAlone }
  }
}

const digestOf = (value: Uint8Array): string => createHash('sha1').update(value).digest('base64')

const HEADER = 'millrace-difference'

/** As a record of the version's differences topic, from which the tasks take theirs in the transaction that makes them live. */
export function differenceRecord({ topic, partition, key, value, timestamp, task }: TableDifference, s: number): LogRecord {
  const facts = Buffer.from(JSON.stringify({ s, topic, partition, task }))
  return { offset: 0, key, value, timestamp, headers: [[HEADER, facts]] }
}

/** Undefined: of another switch. */
export function readDifference(record: LogRecord, s: number): TableDifference | undefined {
  const header = record.headers.find(([name]: Header) => name === HEADER)?.[1]
  if (header === undefined || record.key === null) return undefined
  // Written by differenceRecord.
  const facts = JSON.parse(Buffer.from(header).toString('utf8')) as { s: number; topic: string; partition: number; task?: string }
  if (facts.s !== s) return undefined
  return {
    topic: facts.topic,
    partition: facts.partition,
    key: record.key,
    value: record.value,
    timestamp: record.timestamp,
    task: facts.task,
  }
}
