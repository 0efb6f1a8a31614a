/** What a measurement leaves: tables and charts in words that every measurement can use. Data only; document.ts and charts.ts show them. */
import type { Ground } from './ground.ts'
import { columns } from './text.ts'

export interface Table {
  /** First column: what the row is about. */
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Bars in groups, each with the range of its runs. */
export interface BarChart {
  readonly kind: 'bars'
  /** Of the file, without ending. */
  readonly name: string
  readonly title: string
  readonly groups: readonly {
    readonly label: string
    readonly bars: readonly { readonly name: string; readonly value: number; readonly min: number; readonly max: number }[]
  }[]
}

export interface LineChart {
  readonly kind: 'lines'
  readonly name: string
  readonly title: string
  readonly xTitle: string
  readonly series: readonly { readonly name: string; readonly points: readonly { readonly x: number; readonly y: number }[] }[]
}

export type Chart = BarChart | LineChart

export interface Section {
  readonly title: string
  /** What was done, in sentences. */
  readonly notes: readonly string[]
  readonly tables: readonly Table[]
  readonly charts: readonly Chart[]
}

/** A measurement other than the throughput of a workload; chosen by its name. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** Part of `make bench-quick`. */
  readonly isQuick: boolean
  run(ground: Ground): Promise<Section>
}

/** For a terminal. */
export const sectionLines = ({ title, notes, tables }: Section): string[] => [
  '',
  title,
  ...notes,
  ...tables.flatMap(({ head, rows }) => ['', ...columns([head, ...rows])]),
  '',
]
