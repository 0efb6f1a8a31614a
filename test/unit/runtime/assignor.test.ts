import { describe, expect, it } from '@jest/globals'
import { assignTasks, taskId } from '../../../libs/runtime/worker/assignor.ts'
import type { Candidate, TaskName } from '../../../libs/runtime/worker/assignor.ts'
import {
  NOTHING_HELD,
  candidatesOf,
  decodeMembers,
  decodeTasks,
  encodeMember,
  encodeTasks,
} from '../../../libs/runtime/worker/group-data.ts'

const tasks = (subTopology: string, count: number): TaskName[] =>
  Array.from({ length: count }, (_, partition) => ({ subTopology, partition }))
const member = (memberId: string, running: string[] = [], stores: Readonly<Record<string, number>> = {}): Candidate => ({
  memberId,
  running,
  stores: new Map(Object.entries(stores)),
  following: [],
})
const assigned = (list: TaskName[], members: Candidate[]): Record<string, string[]> =>
  Object.fromEntries([...assignTasks(list, members)].map(([id, { active }]) => [id, active.map(taskId).toSorted()]))

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
  it('gives a joining member its share of each stage, not one whole stage', () => {
    const list = [...tasks('a', 4), ...tasks('b', 4)]
    const given = assigned(list, [member('m0', list.map(taskId)), member('m1')])
    for (const names of Object.values(given)) expect(names.map((name) => name[0])).toEqual(['a', 'a', 'b', 'b'])
  })
  it('gives a member that returns the tasks whose stores it still has', () => {
    const list = tasks('a', 4)
    const given = assigned(list, [member('m0', list.map(taskId)), member('m1', [], { 'a.0': 10, 'a.1': 10 })])
    expect(given['m1']).toEqual(['a.0', 'a.1'])
  })
  it('prefers the member that keeps the state when the owner is gone', () => {
    const given = assigned(tasks('a', 2), [member('m0', [], { 'a.1': 0 }), member('m1', [], { 'a.0': 0 })])
    expect(given).toEqual({ m0: ['a.1'], m1: ['a.0'] })
  })
  it('prefers the most complete copy, not the first name', () => {
    const given = assigned(tasks('a', 2), [
      member('m0', [], { 'a.0': 10, 'a.1': 900 }),
      member('m1', [], { 'a.0': 11, 'a.1': 800 }),
      member('m2', [], { 'a.0': 9 }),
    ])
    expect(given).toEqual({ m0: ['a.1'], m1: ['a.0'], m2: [] })
  })
  it('takes from who came first and had all for a moment what others have whole, also where they have a beginning of the rest', () => {
    const first = member('m1', ['a.0', 'a.1', 'a.2', 'a.3'], { 'a.0': 0, 'a.1': 100, 'a.2': 0, 'a.3': 100 })
    const second = member('m0', [], { 'a.0': 100, 'a.1': 3, 'a.2': 100, 'a.3': 3 })
    expect(assigned(tasks('a', 4), [first, second])).toEqual({ m0: ['a.0', 'a.2'], m1: ['a.1', 'a.3'] })
  })
  it('does not depend on the order of the members', () => {
    const members = [member('m2', ['a.0']), member('m0'), member('m1', [], { 'a.3': 5 })]
    expect(assigned(tasks('a', 5), members)).toEqual(assigned(tasks('a', 5), members.toReversed()))
  })
  it('hands out no copies of tasks without state, and none where there is one member', () => {
    const wish = { replicas: 2, hasState: (task: TaskName) => task.subTopology === 'a' }
    const list = [...tasks('a', 2), ...tasks('b', 2)]
    const alone = assignTasks(list, [member('m0')], wish)
    expect(alone.get('m0')?.standby).toEqual([])
    const two = assignTasks(list, [member('m0'), member('m1')], wish)
    expect([...two.values()].flatMap(({ standby }) => standby.map(taskId)).toSorted()).toEqual(['a.0', 'a.1'])
  })
})

describe('what members tell each other', () => {
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

  it('comes back as it was said', () => {
    const said = { running: ['a.0'], stores: new Map([['a.1', 7]]), following: ['a.1'] }
    expect(decodeMembers([{ memberId: 'm', userData: encodeMember({ ...said, unwell: false }) }])).toEqual([{ memberId: 'm', ...said }])
    const given = { active: ['a.0'], standby: ['a.1'] }
    expect(decodeTasks(encodeTasks(given))).toEqual(given)
  })
  it('leaves out who says that its disk is not well, unless nobody is well', () => {
    const member = (memberId: string, unwell: boolean) => ({ memberId, userData: encodeMember({ ...NOTHING_HELD, unwell }) })
    const candidates = (...members: ReturnType<typeof member>[]) => candidatesOf(members).map(({ memberId }) => memberId)
    expect(candidates(member('a', true), member('b', false))).toEqual(['b'])
    expect(candidates(member('a', true), member('b', true))).toEqual(['a', 'b'])
  })
  it('is understood of a release that knows no standbys, and of one that says nothing sensible', () => {
    const [older, odd] = decodeMembers([
      { memberId: 'older', userData: bytes({ running: ['a.0'], kept: ['a.0', 'a.1'] }) },
      { memberId: 'odd', userData: Buffer.from('?') },
    ])
    expect(older).toEqual({
      memberId: 'older',
      running: ['a.0'],
      stores: new Map([
        ['a.0', 0],
        ['a.1', 0],
      ]),
      following: [],
    })
    expect(odd).toEqual({ memberId: 'odd', running: [], stores: new Map(), following: [] })
    expect(decodeTasks(bytes({ tasks: ['a.0'] }))).toEqual({ active: ['a.0'], standby: [] })
  })
})
