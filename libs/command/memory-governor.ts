/**
 * Keeps a process within its memory budget (setting memoryBytes), by what it sees: the resident memory.
 *
 *     resident memory, of the budget       garbage may grow to       the tasks' share (caches, commits)
 *     under 75 %                           more                      larger, up to all
 *     75 to 85 %                           as it is                  larger, up to all
 *     85 to 95 %                           less                      as it is
 *     over 95 %                            less                      smaller, when garbage is at its least
 *
 * 1. A full collection looks at all that lives, so its cost for each record falls with the garbage that may gather in between: with
 *    60 % of what lives, two workers spent a third of their processor time on collections; with 300 % a tenth (100,000 keys, 2 cores).
 * 2. Soft: nothing fails when more is needed. A cache gives memory back only when its values are replaced, so it shrinks while records flow.
 * 3. The flags are the process's: they count for the heaps of all its threads, from their next full collection on.
 */
import type { Settings } from '../runtime/settings/settings.ts'
import type { MemoryStatus } from '../runtime/worker/status.ts'
import type { World } from './world.ts'

/** How far a heap may grow over what lived after its last full collection, percent. V8 itself goes to 300 and more. */
const GROWTH_MIN = 40
const GROWTH_MAX = 400
const GROWTH_FIRST = 100
const GROWS_BY = 1.15
const SHRINKS_BY = 0.8

const SHARE_MIN = 1 / 16
/** Nobody knows at the start what records and state will take; memory that was taken once is given back late. */
const SHARE_FIRST = 1 / 4
const SHARE_SHRINKS_BY = 0.9
const SHARE_GROWS_BY = 1.05

const ROOMY = 0.75
const TIGHT = 0.85
const SHORT = 0.95

const LOOK_EVERY_MS = 500

/** Young objects have two such spaces in each heap, and the collector fills a third. V8's own size is 16. */
const SEMI_SPACE_MIB_MAX = 16
/** The young objects of all workers take at most about an eighth of the budget. */
const SEMI_SPACE_PARTS = 3 * 8
const MIB = 2 ** 20

/** Of a container's limit, which also counts the files' pages that cannot be dropped: above it the system kills. */
const OF_CONTAINER = 0.85

/** The rule alone: a look at the resident memory moves growth and share by one step. */
export class MemoryGovernor {
  #view: MemoryStatus

  constructor(budgetBytes: number) {
    this.#view = { budgetBytes, residentBytes: 0, heapGrowthPercent: GROWTH_FIRST, memoryShare: SHARE_FIRST }
  }

  get view(): MemoryStatus {
    return this.#view
  }

  look(residentBytes: number): MemoryStatus {
    const { budgetBytes, heapGrowthPercent, memoryShare } = this.#view
    const used = residentBytes / budgetBytes
    this.#view = {
      budgetBytes,
      residentBytes,
      heapGrowthPercent: nextGrowth(heapGrowthPercent, used),
      memoryShare: nextShare(memoryShare, used, heapGrowthPercent),
    }
    return this.#view
  }
}

function nextGrowth(growth: number, used: number): number {
  if (used < ROOMY) return Math.min(GROWTH_MAX, Math.ceil(growth * GROWS_BY))
  return used > TIGHT ? Math.max(GROWTH_MIN, Math.floor(growth * SHRINKS_BY)) : growth
}

function nextShare(share: number, used: number, growth: number): number {
  if (used > SHORT && growth <= GROWTH_MIN) return Math.max(SHARE_MIN, share * SHARE_SHRINKS_BY)
  return used < TIGHT ? Math.min(1, share * SHARE_GROWS_BY) : share
}

/** Less than what is set where a container's limit says so. Bytes. */
export function memoryBudget(memoryBytes: number, containerBytes = process.constrainedMemory()): number {
  // Without a limit it is 0, or a number beyond all memory.
  return containerBytes > 0 ? Math.min(memoryBytes, Math.floor(containerBytes * OF_CONTAINER)) : memoryBytes
}

/** Settings of what one process may hold, which fit its container: state has at most half of the budget. */
export function withinContainer<S extends Pick<Settings, 'memoryBytes' | 'stateMemoryBytes'>>(
  settings: S,
  containerBytes = process.constrainedMemory(),
): S {
  const memoryBytes = memoryBudget(settings.memoryBytes, containerBytes)
  return { ...settings, memoryBytes, stateMemoryBytes: Math.min(settings.stateMemoryBytes, Math.floor(memoryBytes / 2)) }
}

export interface GovernedMemory {
  readonly view: MemoryStatus
  stop(): void
}

export interface HeapOptions {
  /** Setting memoryBytes. */
  readonly memoryBytes: number
  /** Each has a heap of its own. */
  readonly workers: number
  /** Processors that no worker of this process needs. */
  readonly processorsToSpare: number
  readonly world: Pick<World, 'setHeapFlag'>
}

/** To be called before the threads of the workers are born: these flags count from then on. */
export function shapeHeaps({ memoryBytes, workers, processorsToSpare, world }: HeapOptions): void {
  const semiSpace = memoryBudget(memoryBytes) / MIB / SEMI_SPACE_PARTS / workers
  // V8 would round it up to a power of two.
  const rounded = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(SEMI_SPACE_MIB_MAX, semiSpace))))
  world.setHeapFlag(`--max-semi-space-size=${rounded}`)
  // Else 64 MiB of new buffers begin a full collection, whatever lives: of all cached values, every other second. So they count as garbage does.
  world.setHeapFlag('--external-memory-accounted-in-global-limit')
  // Threads that collect young garbage together wait for one another; where each processor has its worker, that only costs.
  if (processorsToSpare <= 0) world.setHeapFlag('--no-parallel-scavenge')
}

export interface GovernOptions {
  /** Setting memoryBytes. */
  readonly memoryBytes: number
  readonly world: Pick<World, 'residentBytes' | 'setHeapFlag'>
  onShare(memory: MemoryStatus): void
}

/** Looks twice a second, from now until `stop`. */
export function governMemory({ memoryBytes, world, onShare }: GovernOptions): GovernedMemory {
  const governor = new MemoryGovernor(memoryBudget(memoryBytes))
  const look = (): void => {
    const before = governor.view
    const now = governor.look(world.residentBytes())
    if (now.heapGrowthPercent !== before.heapGrowthPercent) world.setHeapFlag(growthFlag(now))
    if (now.memoryShare !== before.memoryShare) onShare(now)
  }
  world.setHeapFlag(growthFlag(governor.view))
  onShare(governor.view)
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return {
    get view() {
      return governor.view
    },
    stop: () => clearInterval(timer),
  }
}

const growthFlag = ({ heapGrowthPercent }: MemoryStatus): string => `--heap-growing-percent=${heapGrowthPercent}`
