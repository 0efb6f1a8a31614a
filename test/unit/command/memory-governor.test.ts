import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { MemoryGovernor, governMemory, memoryBudget, shapeHeaps, withinContainer } from '../../../libs/command/memory-governor.ts'

const MIB = 2 ** 20

/** A process: what is fixed, what lives in its heaps, its caches, and as much garbage as it may have. Answers the memory after each look. */
function looks(governor: MemoryGovernor, process: { fixed: number; lives: number; caches: number }, count: number): readonly number[] {
  const seen: number[] = []
  for (let index = 0; index < count; index += 1) {
    const { heapGrowthPercent, memoryShare } = governor.view
    const lives = process.lives + memoryShare * process.caches
    const resident = process.fixed + lives * (1 + heapGrowthPercent / 100)
    seen.push(resident)
    governor.look(resident)
  }
  return seen
}

describe('the memory governor', () => {
  it('lets garbage gather where there is room, and not without end', () => {
    const governor = new MemoryGovernor(1024 * MIB)
    looks(governor, { fixed: 200 * MIB, lives: 40 * MIB, caches: 40 * MIB }, 100)
    expect(governor.view).toMatchObject({ heapGrowthPercent: 400, memoryShare: 1 })
  })

  it('collects more often rather than shrink the caches', () => {
    const governor = new MemoryGovernor(1024 * MIB)
    const seen = looks(governor, { fixed: 400 * MIB, lives: 100 * MIB, caches: 200 * MIB }, 100)
    expect(governor.view.memoryShare).toBe(1)
    expect(governor.view.heapGrowthPercent).toBeLessThanOrEqual(150)
    expect(Math.max(...seen.slice(20))).toBeLessThanOrEqual(1024 * MIB)
  })

  it('shrinks the caches when that is not enough, and gives them their size back', () => {
    const governor = new MemoryGovernor(512 * MIB)
    const seen = looks(governor, { fixed: 300 * MIB, lives: 50 * MIB, caches: 400 * MIB }, 200)
    expect(governor.view.heapGrowthPercent).toBe(40)
    expect(governor.view.memoryShare).toBeLessThan(0.3)
    expect(Math.max(...seen.slice(100))).toBeLessThanOrEqual(512 * MIB)
    looks(governor, { fixed: 100 * MIB, lives: 50 * MIB, caches: 10 * MIB }, 200)
    expect(governor.view.memoryShare).toBe(1)
  })

  it('keeps a sixteenth of the caches, however short memory is', () => {
    const governor = new MemoryGovernor(128 * MIB)
    looks(governor, { fixed: 300 * MIB, lives: 50 * MIB, caches: 400 * MIB }, 200)
    expect(governor.view).toMatchObject({ heapGrowthPercent: 40, memoryShare: 1 / 16 })
  })
})

describe('the memory budget', () => {
  it.each([
    ['without a container', 1024 * MIB, 0, 1024 * MIB],
    ['with a limit beyond all memory', 1024 * MIB, 2 ** 63, 1024 * MIB],
    ['in a roomy container', 1024 * MIB, 4096 * MIB, 1024 * MIB],
    ['in a tight container', 1024 * MIB, 512 * MIB, Math.floor(512 * MIB * 0.85)],
  ])('%s', (_, memoryBytes, container, budget) => {
    expect(memoryBudget(memoryBytes, container)).toBe(budget)
  })
})

describe('settings within a container', () => {
  it.each([
    ['are as they are where there is room', 1024, 256, 4096, 1024, 256],
    ['keep state to half of what the container leaves', 1024, 256, 512, 435.2, 217.6],
  ])('%s', (_, memory, state, container, memoryWanted, stateWanted) => {
    const set = { memoryBytes: memory * MIB, stateMemoryBytes: state * MIB, workers: 2 }
    expect(withinContainer(set, container * MIB)).toEqual({
      memoryBytes: Math.floor(memoryWanted * MIB),
      stateMemoryBytes: Math.floor(stateWanted * MIB),
      workers: 2,
    })
  })
})

describe('governing', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  function governed(residentBytes: number) {
    const flags: string[] = []
    const shares: number[] = []
    const memory = governMemory({
      memoryBytes: 256 * MIB,
      world: { residentBytes: () => residentBytes, setHeapFlag: (flag) => void flags.push(flag) },
      onShare: ({ memoryShare }) => shares.push(memoryShare),
    })
    return { memory, flags, shares }
  }

  it('sets the flags of the heap at once and when they change, until it is stopped', () => {
    const { memory, flags, shares } = governed(300 * MIB)
    // A quarter at first.
    expect(shares).toEqual([0.25])
    expect(flags).toEqual(['--heap-growing-percent=100'])
    jest.advanceTimersByTime(1_000)
    expect(flags.slice(1)).toEqual(['--heap-growing-percent=80', '--heap-growing-percent=64'])
    jest.advanceTimersByTime(4_000)
    expect(flags.at(-1)).toBe('--heap-growing-percent=40')
    expect(shares.length).toBeGreaterThan(2)
    expect(memory.view).toMatchObject({ budgetBytes: 256 * MIB, residentBytes: 300 * MIB, memoryShare: shares.at(-1) })
    memory.stop()
    const { length } = shares
    jest.advanceTimersByTime(10_000)
    expect(shares).toHaveLength(length)
  })
})

describe('the shape of the heaps', () => {
  const flagsFor = (memoryBytes: number, workers: number, processorsToSpare: number): readonly string[] => {
    const flags: string[] = []
    shapeHeaps({ memoryBytes, workers, processorsToSpare, world: { setHeapFlag: (flag) => void flags.push(flag) } })
    return flags
  }

  it.each([
    ['a roomy process', 1024, 2, '--max-semi-space-size=16'],
    ['little memory', 256, 2, '--max-semi-space-size=4'],
    ['many workers', 256, 16, '--max-semi-space-size=1'],
  ])('%s', (_, memory, workers, flag) =>
    expect(flagsFor(memory * MIB, workers, 1)).toEqual([flag, '--external-memory-accounted-in-global-limit']),
  )

  it('leaves young garbage to several threads only where there are processors to spare', () => {
    expect(flagsFor(1024 * MIB, 2, 1)).not.toContain('--no-parallel-scavenge')
    expect(flagsFor(1024 * MIB, 2, 0)).toContain('--no-parallel-scavenge')
  })
})
