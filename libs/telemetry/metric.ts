/** What a metric is, and how its values are read from the status document. */
import type { StatusView } from './status-view.ts'

export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export interface MetricDefinition {
  readonly name: `millrace_${string}`
  readonly type: 'gauge' | 'counter'
  readonly labels: readonly string[]
  readonly help: string
  readonly read: (status: StatusView) => readonly Sample[]
}
