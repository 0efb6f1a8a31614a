/**
 * Computes the differences of all tables of a version: most of it beforehand, the rest while both versions are halted, and hands them to
 * the tasks through the version's differences topic. Owns: how far each topic was read.
 */
import { Fault } from '../../faults/fault.ts'
import { internalNames } from '../../dataflow/plan.ts'
import { readRange } from '../acquire/range-reader.ts'
import { rangeOr } from '../acquire/restore.ts'
import { partitionId } from '../ports/log.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import type { ShadowEnds, SharedState } from './shared-state.ts'
import type { SharedContext } from './shared-topic.ts'
import { writeShared } from './shared-topic.ts'
import { TableRows, differenceRecord } from './table-differences.ts'
import type { TableDifference } from './table-differences.ts'

export interface TablePreview {
  readonly differences: number
  readonly tombstones: number
  /** Rows that only the live version has, and that stay since the new one's shadow is not complete. */
  readonly leftAlone: number
}

const APPENDED_AT_ONCE = 5_000

export class TableScan {
  readonly #context: SharedContext
  readonly #version: number
  readonly #complete: boolean
  readonly #tables: { readonly rows: TableRows; readonly real: TopicPartition; readonly shadow: TopicPartition }[]
  readonly #read = new Map<string, number>()
  /** Rows of the shadow before these have been published, and may be older than what their version has written as live since. */
  readonly #publishedBelow: ShadowEnds

  constructor(context: SharedContext, state: SharedState, version: number) {
    this.#context = context
    this.#version = version
    const sinks = (state.versions.get(version)?.facts.sinks ?? []).filter((sink) => sink.table)
    this.#publishedBelow =
      [...state.ended.values()].findLast((one) => one.decision === 'flip' && one.to === version)?.differences?.shadowEnds ?? {}
    this.#complete = ![...state.ended.values()].some((one) => one.decision === 'flip' && one.from === version)
    this.#tables = sinks.flatMap(({ topic, shadow, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({
        rows: new TableRows(context.application, topic, partition),
        real: { topic, partition },
        shadow: { topic: shadow, partition },
      })),
    )
  }

  get tables(): number {
    return this.#tables.length
  }

  /** Reads what came since the last call. */
  async scan(): Promise<TablePreview> {
    for (const { rows, real, shadow } of this.#tables) {
      await this.#readOn(real, (record) => rows.real(record))
      await this.#readOn(shadow, (record) => rows.shadow(record))
    }
    const { differences, leftAlone } = this.#differences()
    return { differences: differences.length, tombstones: differences.filter((one) => one.value === null).length, leftAlone }
  }

  /** Both versions are halted. Fault MR2072 when there are more than `max`: nothing was published. */
  async handOver(s: number, max: number): Promise<void> {
    if (this.#tables.length === 0) return
    await this.scan()
    const { log, application } = this.#context
    const { differences } = this.#differences()
    if (differences.length > max) throw tooMany(application, this.#version, differences.length, max)
    const topic = internalNames(application, this.#version).differences
    const endOf = async (): Promise<number> => rangeOr((await log.admin.ranges([{ topic, partition: 0 }])).get(partitionId(topic, 0))).end
    const from = await endOf()
    for (let at = 0; at < differences.length; at += APPENDED_AT_ONCE) {
      const records = differences.slice(at, at + APPENDED_AT_ONCE).map((one) => differenceRecord(one, s))
      await log.append([{ topic, partition: 0, records }])
    }
    const until = await endOf()
    await writeShared(this.#context, (now) =>
      now.open?.s === s && now.open.differences === undefined
        ? { kind: 'differences', s, from, until, shadowEnds: this.#shadowEnds() }
        : undefined,
    )
  }

  #shadowEnds(): ShadowEnds {
    return Object.fromEntries(
      this.#tables.map(({ shadow }) => {
        const id = partitionId(shadow.topic, shadow.partition)
        return [id, this.#read.get(id) ?? 0]
      }),
    )
  }

  #differences(): { readonly differences: TableDifference[]; readonly leftAlone: number } {
    const all = this.#tables.map(({ rows }) => rows.differences(this.#complete, this.#context.clock.now()))
    return { differences: all.flatMap((one) => one.differences), leftAlone: all.reduce((sum, one) => sum + one.leftAlone, 0) }
  }

  async #readOn(partition: TopicPartition, take: (record: LogRecord) => void): Promise<void> {
    const { log, clock, stallMs, signal } = this.#context
    const id = partitionId(partition.topic, partition.partition)
    const { logStart, end } = rangeOr((await log.admin.ranges([partition])).get(id))
    await readRange(log, clock, {
      partition,
      from: Math.max(logStart, this.#read.get(id) ?? this.#publishedBelow[id] ?? logStart),
      until: end,
      stallMs,
      signal,
      onRecords: (records) => records.forEach(take),
    })
    this.#read.set(id, end)
  }
}

export const tooMany = (application: string, version: number, found: number, max: number): Fault =>
  new Fault(
    'MR2072',
    'stop',
    `the tables of v${version} of ${application} differ from what readers see in ${found} rows, more than --max-differences ${max}: that many records would be published at the switch. Nothing was published. Look at them with millrace replay verify, or raise --max-differences`,
  )
