/** A status document with one running and one restoring task, typed as the real one. */
import { STATUS_VERSION, totalsOf, type TaskStatus, type WorkerStatus } from '../../../libs/runtime/worker/status.ts'

export const NOW = 1_700_000_000_000

export const runningTask: TaskStatus = {
  name: 'rides.0',
  subTopology: 'rides',
  partition: 0,
  state: 'running',
  since: NOW - 60_000,
  epoch: 1,
  n: 7,
  inputs: [
    {
      topic: 'rides',
      partition: 0,
      position: 90,
      committed: 80,
      end: 100,
      lagRecords: 20,
      lagSeconds: 1.5,
      watermark: NOW - 5_000,
      bufferedRecords: 10,
      bufferedBytes: 1_000,
      paused: false,
      holdsBack: true,
    },
  ],
  watermark: NOW - 5_000,
  watermarkDelaySeconds: 5,
  restore: [],
  commits: { count: 7, lastAt: NOW - 100, lastMs: 12 },
  aborts: 1,
  fenced: 0,
  processed: 80,
  filtered: 3,
  late: 2,
  refused: 1,
  deadLetters: 1,
  shed: 3,
  dropped: 0,
  leftOut: 0,
  resets: 0,
  effects: { made: 0, failed: 0, inShadow: 0, repeated: 0, waiting: 0 },
  replayRemaining: 12,
  steps: [{ step: 'demand', records: 80, results: 40, late: 2 }],
  stores: { sizeBytes: 4_096, cacheHits: 60, cacheMisses: 20, syncReads: 1 },
}

export const restoringTask: TaskStatus = {
  ...runningTask,
  name: 'rides.1',
  partition: 1,
  state: 'restoring',
  inputs: [],
  watermark: null,
  watermarkDelaySeconds: null,
  restore: [{ step: 'demand', position: 400, end: 1_000, remaining: 600, bytesRead: 5_000, startedAt: NOW - 1_000, etaSeconds: 3 }],
  steps: [],
}

export function statusOf(tasks: readonly TaskStatus[], change: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    version: STATUS_VERSION,
    at: NOW,
    application: 'surge',
    applicationVersion: 1,
    role: 'live',
    worker: {
      id: 'w1',
      member: 'm1',
      generation: 3,
      state: 'running',
      startedAt: NOW - 60_000,
      nodeVersion: '24.0.0',
      millraceVersion: '0.1.0',
      lastTurnAt: NOW - 10,
    },
    tasks,
    totals: totalsOf(tasks),
    standbys: [{ task: 'rides.2', state: 'following', lagRecords: 3, sizeBytes: 2_048 }],
    kept: { stores: 1, bytes: 1_024, removed: 2 },
    eventLoopDelay: { meanMs: 1, p99Ms: 5, maxMs: 20 },
    busySeconds: 12.5,
    memory: { budgetBytes: 2 ** 30, residentBytes: 2 ** 29, heapGrowthPercent: 150, memoryShare: 0.5 },
    doNotScale: tasks.some((task) => task.state === 'restoring'),
    ...change,
  }
}
