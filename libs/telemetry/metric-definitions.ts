/**
 * The one list of metrics: name, type, labels, help (the operator's question), and how each value is read from the status
 * document. Names follow Prometheus (base units, `_total` for counters). Labels are bounded by the topology and the number
 * of partitions: task, topic, partition, step, state, outcome; never a key or a message.
 */
import { storeMetrics } from './store-metrics.ts'
import { workerMetrics } from './worker-metrics.ts'
import type { InputView, StatusView, TaskView } from './status-view.ts'

import type { MetricDefinition, Sample } from './metric.ts'

/** A value that is not known gives no sample: a gap in a graph is honest, a zero is not. */
const known = (value: number | null, labels: Sample['labels']): readonly Sample[] => (value === null ? [] : [{ labels, value }])

const perTask =
  (read: (task: TaskView) => number | null) =>
  (status: StatusView): readonly Sample[] =>
    status.tasks.flatMap((task) => known(read(task), { task: task.name }))

const perInput =
  (read: (input: InputView) => number | null) =>
  (status: StatusView): readonly Sample[] =>
    status.tasks.flatMap((task) =>
      task.inputs.flatMap((input) => known(read(input), { task: task.name, topic: input.topic, partition: input.partition })),
    )

const perStep =
  (read: (step: TaskView['steps'][number]) => number) =>
  (status: StatusView): readonly Sample[] =>
    status.tasks.flatMap((task) => task.steps.map((step) => ({ labels: { task: task.name, step: step.step }, value: read(step) })))

const perRestore =
  (read: (restore: TaskView['restore'][number]) => number | null) =>
  (status: StatusView): readonly Sample[] =>
    status.tasks.flatMap((task) => task.restore.flatMap((restore) => known(read(restore), { task: task.name, step: restore.step })))

const OUTCOMES = ['processed', 'filtered', 'late', 'refused'] as const
const TASK_STATES = ['assigned', 'fencing', 'restoring', 'running', 'suspended', 'halted', 'retired', 'ended', 'closed', 'stopped'] as const
const INPUT = ['task', 'topic', 'partition']

const tasks: readonly MetricDefinition[] = [
  {
    name: 'millrace_tasks',
    type: 'gauge',
    labels: ['state'],
    help: 'How many tasks of this worker are in each state?',
    read: (s) => TASK_STATES.map((state) => ({ labels: { state }, value: s.tasks.filter((task) => task.state === state).length })),
  },
  {
    name: 'millrace_task_state',
    type: 'gauge',
    labels: ['task', 'state'],
    help: 'In which state is this task? 1 for its state.',
    read: (s) => s.tasks.map((task) => ({ labels: { task: task.name, state: task.state }, value: 1 })),
  },
  {
    name: 'millrace_task_fault',
    type: 'gauge',
    labels: ['task', 'code'],
    help: 'Which fault stopped this task (millrace explain CODE)? 1 while it stands.',
    read: (s) =>
      s.tasks.flatMap((task) => (task.fault === undefined ? [] : [{ labels: { task: task.name, code: task.fault.code }, value: 1 }])),
  },
  {
    name: 'millrace_records_total',
    type: 'counter',
    labels: ['task', 'outcome'],
    help: 'How many input records ended as processed, filtered, late or refused?',
    read: (s) => s.tasks.flatMap((task) => OUTCOMES.map((outcome) => ({ labels: { task: task.name, outcome }, value: task[outcome] }))),
  },
  {
    name: 'millrace_dead_letters_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many records were written to the dead-letter topic?',
    read: perTask((task) => task.deadLetters),
  },
  {
    name: 'millrace_commits_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many transactions were committed?',
    read: perTask((task) => task.commits.count),
  },
  {
    name: 'millrace_last_commit_time_seconds',
    type: 'gauge',
    labels: ['task'],
    help: 'When was the last commit, as Unix time?',
    read: perTask((task) => (task.commits.lastAt === null ? null : task.commits.lastAt / 1000)),
  },
  {
    name: 'millrace_aborts_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many transactions were thrown away and done again?',
    read: perTask((task) => task.aborts),
  },
  {
    name: 'millrace_fenced_total',
    type: 'counter',
    labels: ['task'],
    help: 'How often did another owner take the task from this worker?',
    read: perTask((task) => task.fenced),
  },
  {
    name: 'millrace_epoch',
    type: 'gauge',
    labels: ['task'],
    help: 'Which epoch does the state of the task belong to? It rises by each reset; 0 while the task holds no state.',
    read: perTask((task) => task.epoch),
  },
  {
    name: 'millrace_resets_total',
    type: 'counter',
    labels: ['task'],
    help: 'How often was the state cleared and begun anew, because somebody moved the offsets back?',
    read: perTask((task) => task.resets),
  },
  {
    name: 'millrace_dropped_records_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many repartition records were dropped because their epoch is over, or Millrace did not write them?',
    read: perTask((task) => task.dropped),
  },
  {
    name: 'millrace_shed_records_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many records were left out because the application was behind, as their source says?',
    read: perTask((task) => task.shed),
  },
  {
    name: 'millrace_effects_total',
    type: 'counter',
    labels: ['task', 'outcome'],
    help: 'How many calls of effect steps were made, failed, were only listed (in_shadow), or left out after a reset (repeated)?',
    read: (s) =>
      s.tasks.flatMap(({ name, effects }) => [
        { labels: { task: name, outcome: 'made' }, value: effects.made },
        { labels: { task: name, outcome: 'failed' }, value: effects.failed },
        { labels: { task: name, outcome: 'in_shadow' }, value: effects.inShadow },
        { labels: { task: name, outcome: 'repeated' }, value: effects.repeated },
      ]),
  },
  {
    name: 'millrace_effects_waiting',
    type: 'gauge',
    labels: ['task'],
    help: 'How many calls of effect steps are committed and not yet made?',
    read: perTask((task) => task.effects.waiting),
  },
  {
    name: 'millrace_replay_remaining_records',
    type: 'gauge',
    labels: ['task'],
    help: 'How many records is this version, in shadow, behind the live one?',
    read: perTask((task) => task.replayRemaining),
  },
  {
    name: 'millrace_left_out_records_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many records will nobody process, left out with consent (onSkip, onGap)?',
    read: perTask((task) => task.leftOut),
  },
]

const inputs: readonly MetricDefinition[] = [
  {
    name: 'millrace_lag_records',
    type: 'gauge',
    labels: INPUT,
    help: 'How many records of this input are not yet committed as processed?',
    read: perInput((input) => input.lagRecords),
  },
  {
    name: 'millrace_lag_seconds',
    type: 'gauge',
    labels: INPUT,
    help: 'How old is the oldest record of this input that is not yet processed? 0 when read to the end.',
    read: perInput((input) => input.lagSeconds),
  },
  {
    name: 'millrace_watermark_seconds',
    type: 'gauge',
    labels: ['task'],
    help: 'Up to which event time, as Unix time, is the input of this task complete?',
    read: perTask((task) => (task.watermark === null ? null : task.watermark / 1000)),
  },
  {
    name: 'millrace_watermark_delay_seconds',
    type: 'gauge',
    labels: ['task'],
    help: 'How far is the watermark behind the wall clock? Windows of this task close that much after their end.',
    read: perTask((task) => task.watermarkDelaySeconds),
  },
  {
    name: 'millrace_input_holds_back',
    type: 'gauge',
    labels: INPUT,
    help: 'Does the watermark of the task wait for this input? 1 if so.',
    read: perInput((input) => Number(input.holdsBack)),
  },
  {
    name: 'millrace_input_paused',
    type: 'gauge',
    labels: INPUT,
    help: 'Is fetching paused because the buffer of this input is full? 1 if so.',
    read: perInput((input) => Number(input.paused)),
  },
  {
    name: 'millrace_buffered_records',
    type: 'gauge',
    labels: INPUT,
    help: 'How many fetched records of this input wait in memory?',
    read: perInput((input) => input.bufferedRecords),
  },
  {
    name: 'millrace_buffered_bytes',
    type: 'gauge',
    labels: INPUT,
    help: 'How many fetched bytes of this input wait in memory?',
    read: perInput((input) => input.bufferedBytes),
  },
]

const steps: readonly MetricDefinition[] = [
  {
    name: 'millrace_step_records_total',
    type: 'counter',
    labels: ['task', 'step'],
    help: 'How many records reached this step?',
    read: perStep((step) => step.records),
  },
  {
    name: 'millrace_step_results_total',
    type: 'counter',
    labels: ['task', 'step'],
    help: 'How many results did this step pass on?',
    read: perStep((step) => step.results),
  },
  {
    name: 'millrace_step_late_total',
    type: 'counter',
    labels: ['task', 'step'],
    help: 'How many records came too late for their window in this step?',
    read: perStep((step) => step.late),
  },
]

const state: readonly MetricDefinition[] = [
  {
    name: 'millrace_restore_remaining_records',
    type: 'gauge',
    labels: ['task', 'step'],
    help: 'How much of the changelog does the restore still have to read, in offsets?',
    read: perRestore((restore) => restore.remaining),
  },
  {
    name: 'millrace_restore_read_bytes',
    type: 'gauge',
    labels: ['task', 'step'],
    help: 'How many bytes has the running restore read from the broker?',
    read: perRestore((restore) => restore.bytesRead),
  },
  {
    name: 'millrace_restore_eta_seconds',
    type: 'gauge',
    labels: ['task', 'step'],
    help: 'How long will the running restore take yet?',
    read: perRestore((restore) => restore.etaSeconds),
  },
  {
    name: 'millrace_store_size_bytes',
    type: 'gauge',
    labels: ['task'],
    help: 'How much disk does the state of this task take?',
    read: perTask((task) => task.stores.sizeBytes),
  },
  {
    name: 'millrace_cache_hits_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many reads of state were answered from memory?',
    read: perTask((task) => task.stores.cacheHits),
  },
  {
    name: 'millrace_cache_misses_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many reads of state went to the store?',
    read: perTask((task) => task.stores.cacheMisses),
  },
  {
    name: 'millrace_store_sync_reads_total',
    type: 'counter',
    labels: ['task'],
    help: 'How many reads of state could not be foreseen and blocked the thread?',
    read: perTask((task) => task.stores.syncReads),
  },
]

/** Read from the status document at each scrape. */
export const metricDefinitions: readonly MetricDefinition[] = [...workerMetrics, ...tasks, ...inputs, ...steps, ...state, ...storeMetrics]

export interface HistogramDefinition {
  readonly name: `millrace_${string}`
  readonly labels: readonly string[]
  readonly help: string
  readonly buckets: readonly number[]
}

/** Observed while the engine runs. */
export const commitDuration: HistogramDefinition = {
  name: 'millrace_commit_duration_seconds',
  labels: ['subtopology'],
  help: 'How long does a commit take, from the first request of its end to the answer?',
  buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
}
