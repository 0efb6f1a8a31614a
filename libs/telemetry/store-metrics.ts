/** Metrics of the stores on a worker's disk that none of its tasks has open: standby copies, and those kept for tasks that may return. */
import type { MetricDefinition } from './metric.ts'

const STANDBY_STATES = ['waiting', 'following'] as const

export const storeMetrics: readonly MetricDefinition[] = [
  {
    name: 'millrace_standby_tasks',
    type: 'gauge',
    labels: ['state'],
    help: 'How many copies of the state of other workers does this worker keep up to date?',
    read: ({ standbys = [] }) =>
      STANDBY_STATES.map((state) => ({ labels: { state }, value: standbys.filter((one) => one.state === state).length })),
  },
  {
    name: 'millrace_standby_lag_records',
    type: 'gauge',
    labels: ['task'],
    help: 'How far is the copy behind the changelogs of the task, in offsets? As much would be read at a take-over.',
    read: ({ standbys = [] }) =>
      standbys.flatMap(({ task, lagRecords }) => (lagRecords === null ? [] : [{ labels: { task }, value: lagRecords }])),
  },
  {
    name: 'millrace_kept_stores',
    type: 'gauge',
    labels: [],
    help: 'How many stores of tasks that went to other workers are kept for their return?',
    read: ({ kept }) => [{ labels: {}, value: kept?.stores ?? 0 }],
  },
  {
    name: 'millrace_kept_store_bytes',
    type: 'gauge',
    labels: [],
    help: 'How much disk do the kept stores take?',
    read: ({ kept }) => [{ labels: {}, value: kept?.bytes ?? 0 }],
  },
  {
    name: 'millrace_kept_stores_removed_total',
    type: 'counter',
    labels: [],
    help: 'How many kept stores were removed because of their age or size?',
    read: ({ kept }) => [{ labels: {}, value: kept?.removed ?? 0 }],
  },
]
