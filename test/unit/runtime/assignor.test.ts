import { describe, expect, it } from '@jest/globals'
import { assignTasks, taskId } from '../../../libs/runtime/worker/assignor.ts'
import type { Candidate, TaskName } from '../../../libs/runtime/worker/assignor.ts'

const tasks = (subTopology: string, count: number): TaskName[] =>
  Array.from({ length: count }, (_, partition) => ({ subTopology, partition }))
const member = (memberId: string, running: string[] = [], kept: string[] = []): Candidate => ({ memberId, running, kept })
const assigned = (list: TaskName[], members: Candidate[]): Record<string, string[]> =>
  Object.fromEntries([...assignTasks(list, members)].map(([id, given]) => [id, given.map(taskId).toSorted()]))

describe('the assignor', () => {
  it('gives every task once and balances to a difference of one', () => {
    for (const members of [1, 2, 3, 5, 8]) {
      const list = [...tasks('a', 4), ...tasks('b', 3)]
      const given = Object.values(
        assigned(
          list,
          Array.from({ length: members }, (_, i) => member(`m${i}`)),
        ),
      )
      expect(given.flat().toSorted()).toEqual(list.map(taskId).toSorted())
      const sizes = given.map((g) => g.length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }
  })
  it('spreads each stage over the members', () => {
    const given = assigned([...tasks('a', 2), ...tasks('b', 2)], [member('m0'), member('m1')])
    expect(given['m0']?.map((name) => name[0]).toSorted()).toEqual(['a', 'b'])
  })
  it('leaves running tasks where they are when a member joins, as far as balance allows', () => {
    const given = assigned(tasks('a', 4), [member('m0', ['a.0', 'a.1', 'a.2', 'a.3']), member('m1')])
    expect(given).toEqual({ m0: ['a.0', 'a.1'], m1: ['a.2', 'a.3'] })
  })
  it('prefers the member that keeps the state when the owner is gone', () => {
    const given = assigned(tasks('a', 2), [member('m0', [], ['a.1']), member('m1', [], ['a.0'])])
    expect(given).toEqual({ m0: ['a.1'], m1: ['a.0'] })
  })
  it('does not depend on the order of the members', () => {
    const members = [member('m2', ['a.0']), member('m0'), member('m1', [], ['a.3'])]
    expect(assigned(tasks('a', 5), members)).toEqual(assigned(tasks('a', 5), members.toReversed()))
  })
})
