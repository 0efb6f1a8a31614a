import { describe, expect, it } from '@jest/globals'
import { resolveSettings } from '../../../libs/runtime/settings/configuration.ts'
import { taskMemory } from '../../../libs/runtime/worker/task-memory.ts'
import type { TaskWiring } from '../../../libs/runtime/worker/wiring.ts'

const MIB = 2 ** 20
const budget = {
  ...resolveSettings({ readSecret: () => '' }),
  memoryBytes: 512 * MIB,
  stateMemoryBytes: 128 * MIB,
  commitBytesMax: 16 * MIB,
}

/** As many tasks, so many of them with state. Only their changelogs are looked at. */
const tasks = (count: number, stateful: number): TaskWiring[] =>
  Array.from(
    { length: count },
    (_, nth) => ({ changelogs: new Map(nth < stateful ? [['sum', 'changelog']] : []) }) as unknown as TaskWiring,
  )

describe('the memory of a task', () => {
  it('is its part of that for state, and of an eighth of the budget', () => {
    const one = taskMemory(budget, tasks(8, 4), () => 1)
    expect(one.cacheBytesMax()).toBe(16 * MIB)
    // Two layers of each task, three copies of each.
    expect(one.commitBytesMax() * 8 * 2 * 3).toBeCloseTo(64 * MIB)
  })

  it('leaves half of the heap to all else, whatever is set: a full heap would end the process', () => {
    const much = { ...budget, memoryBytes: 32_768 * MIB, stateMemoryBytes: 16_384 * MIB }
    expect(taskMemory(much, tasks(8, 4), () => 1, 4_096 * MIB).cacheBytesMax()).toBe(512 * MIB)
    expect(taskMemory(much, tasks(8, 4), () => 1, 65_536 * MIB).cacheBytesMax()).toBe(2_048 * MIB)
  })

  it('is never more than commitBytesMax', () => {
    expect(taskMemory({ ...budget, commitBytesMax: MIB }, tasks(2, 2), () => 1).commitBytesMax()).toBe(MIB)
  })

  it('follows the share, down to commits of 64 KiB', () => {
    let share = 1
    const one = taskMemory(budget, tasks(50, 0), () => share)
    const whole = one.commitBytesMax()
    expect(whole).toBeGreaterThan(200_000)
    share = 1 / 2
    expect(one.commitBytesMax()).toBe(whole / 2)
    expect(one.cacheBytesMax()).toBe(32 * MIB)
    share = 1 / 16
    expect(one.commitBytesMax()).toBe(64 * 1024)
  })
})
