/** Metrics of the worker and its process. */
import type { MetricDefinition, Sample } from './metric.ts'

const WORKER_STATES = ['starting', 'running', 'rebalancing', 'stopping', 'stopped', 'failed'] as const
const ROLES = ['waiting', 'shadow', 'live', 'retired', 'given-up'] as const

const one = (value: number, labels: Sample['labels'] = {}): readonly Sample[] => [{ labels, value }]

export const workerMetrics: readonly MetricDefinition[] = [
  {
    name: 'millrace_info',
    type: 'gauge',
    labels: ['application', 'version', 'worker', 'millrace', 'node'],
    help: 'Which application and release runs here? Always 1.',
    read: (s) =>
      one(1, {
        application: s.application,
        version: s.applicationVersion,
        worker: s.worker.id,
        millrace: s.worker.millraceVersion,
        node: s.worker.nodeVersion,
      }),
  },
  {
    name: 'millrace_worker_state',
    type: 'gauge',
    labels: ['state'],
    help: 'What is the worker doing? 1 for its state, 0 for the others.',
    read: (s) => WORKER_STATES.map((state) => ({ labels: { state }, value: Number(s.worker.state === state) })),
  },
  {
    name: 'millrace_version_role',
    type: 'gauge',
    labels: ['role'],
    help: 'What does this version do among the versions of the application? 1 for its role, 0 for the others.',
    read: (s) => (s.role === null ? [] : ROLES.map((role) => ({ labels: { role }, value: Number(s.role === role) }))),
  },
  {
    name: 'millrace_worker_start_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When did the worker start, as Unix time?',
    read: (s) => one(s.worker.startedAt / 1000),
  },
  {
    name: 'millrace_last_turn_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When did the loop of the engine last make a turn, as Unix time?',
    read: (s) => one(s.worker.lastTurnAt / 1000),
  },
  {
    name: 'millrace_do_not_scale',
    type: 'gauge',
    labels: [],
    help: 'Would adding or removing workers now throw restore work away? 1 while tasks restore.',
    read: (s) => one(Number(s.doNotScale)),
  },
  {
    name: 'millrace_busy_seconds_total',
    type: 'counter',
    labels: [],
    help: 'For how long have the threads of the workers been at work? Its rate is the number of busy threads.',
    read: (s) => (s.busySeconds === undefined ? [] : one(s.busySeconds)),
  },
  {
    name: 'millrace_memory_budget_bytes',
    type: 'gauge',
    labels: [],
    help: 'Which memory should the process keep within?',
    read: ({ memory }) => (memory === undefined ? [] : one(memory.budgetBytes)),
  },
  {
    name: 'millrace_memory_resident_bytes',
    type: 'gauge',
    labels: [],
    help: 'How much memory does the process take? All its workers and threads together.',
    read: ({ memory }) => (memory === undefined ? [] : one(memory.residentBytes)),
  },
  {
    name: 'millrace_heap_growth_ratio',
    type: 'gauge',
    labels: [],
    help: 'How much garbage may gather, by what lives in the heap? At 0.4, the least, memory is short and processor time is lost.',
    read: ({ memory }) => (memory === undefined ? [] : one(memory.heapGrowthPercent / 100)),
  },
  {
    name: 'millrace_memory_share_ratio',
    type: 'gauge',
    labels: [],
    help: 'Which part of their memory for caches and commits may tasks use? Below 1 memory is short.',
    read: ({ memory }) => (memory === undefined ? [] : one(memory.memoryShare)),
  },
  {
    name: 'millrace_event_loop_delay_seconds',
    type: 'gauge',
    labels: ['quantile'],
    help: 'How long does ready work wait for the thread? mean, 0.99 and max since the last reading.',
    read: (s) => [
      { labels: { quantile: 'mean' }, value: s.eventLoopDelay.meanMs / 1000 },
      { labels: { quantile: '0.99' }, value: s.eventLoopDelay.p99Ms / 1000 },
      { labels: { quantile: 'max' }, value: s.eventLoopDelay.maxMs / 1000 },
    ],
  },
]
