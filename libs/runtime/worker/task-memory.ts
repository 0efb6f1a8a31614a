/**
 * What the tasks of a worker may hold in memory. Each gets its part as if this worker had all tasks of the application: it may come to that.
 */
import { getHeapStatistics } from 'node:v8'
import type { Settings } from '../settings/settings.ts'
import type { TaskWiring } from './wiring.ts'

/** Bounds that may change at any time, bytes. */
export interface TaskMemory {
  /** Of the cache of decoded values. */
  cacheBytesMax(): number
  /** Of outputs and changed state that wait for a commit. */
  commitBytesMax(): number
}

/**
 * Commits of all tasks together may take an eighth of the budget. Each has two layers, one on the wire while the other fills, and of a layer
 * there are about three copies: as it is held, with room to grow, and encoded, which the requests refer to.
 */
const COMMIT_PARTS = 8 * 2 * 3
const COMMIT_BYTES_MIN = 64 * 1024

/** Decoded values may take this part of the heap of their thread, whatever the settings say: a heap that is full ends the process. */
const OF_HEAP = 1 / 2

/** `share`: what is left of it while memory is short, 0-1. `heapBytesMax`: where V8 ends the heap of this thread. */
export function taskMemory(
  settings: Settings,
  tasks: readonly TaskWiring[],
  share: () => number,
  heapBytesMax = getHeapStatistics().heap_size_limit,
): TaskMemory {
  const stateful = tasks.filter((task) => task.changelogs.size > 0).length
  // Half of the memory for state is for decoded values, half for RocksDB.
  const cacheBytes = Math.min(settings.stateMemoryBytes / 2, OF_HEAP * heapBytesMax) / Math.max(1, stateful)
  const commitBytes = Math.min(settings.commitBytesMax, settings.memoryBytes / COMMIT_PARTS / Math.max(1, tasks.length))
  return {
    cacheBytesMax: () => share() * cacheBytes,
    commitBytesMax: () => Math.max(COMMIT_BYTES_MIN, share() * commitBytes),
  }
}
