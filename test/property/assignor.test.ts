/** Laws of the assignor, over random clusters that live: members come, go, return with stores, and carry out what they are told. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { assignTasks, taskId } from '../../libs/runtime/worker/assignor.ts'
import type { AssignedTasks, Candidate, TaskName } from '../../libs/runtime/worker/assignor.ts'
import { scaled } from '../support/test-scale.ts'

type Given = ReadonlyMap<string, AssignedTasks>

const stages = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 })
const replicas = fc.integer({ min: 0, max: 3 })
/** Which members are there, round after round. */
const rounds = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 })

const tasksOf = (counts: readonly number[]): TaskName[] =>
  counts.flatMap((count, stage) => Array.from({ length: count }, (_, partition) => ({ subTopology: `s${stage}`, partition })))
const hasState = (task: TaskName): boolean => task.subTopology !== 's1'

/** What the members say after they have done as they were told; who was away has its stores still. */
class Cluster {
  readonly #stores = new Map<number, Map<string, number>>()
  #given: Given = new Map()
  #time = 0

  candidates(ids: readonly number[]): Candidate[] {
    return ids.map((id) => {
      const memberId = `m${id}`
      const given = this.#given.get(memberId)
      return {
        memberId,
        running: given?.active.map(taskId) ?? [],
        stores: this.#stores.get(id) ?? new Map<string, number>(),
        following: given?.standby.map(taskId) ?? [],
      }
    })
  }

  carryOut(given: Given): void {
    this.#time += 100
    for (const [memberId, { active, standby }] of given) {
      const id = Number(memberId.slice(1))
      const stores = new Map(this.#stores.get(id))
      for (const task of active) if (hasState(task)) stores.set(taskId(task), this.#time)
      for (const task of standby) stores.set(taskId(task), this.#time - 10)
      this.#stores.set(id, stores)
    }
    this.#given = given
  }
}

const eachRound = (check: (tasks: readonly TaskName[], candidates: readonly Candidate[], given: Given, replicas: number) => void): void =>
  fc.assert(
    fc.property(stages, replicas, rounds, (counts, count, history) => {
      const tasks = tasksOf(counts)
      const cluster = new Cluster()
      for (const ids of history) {
        const candidates = cluster.candidates(ids)
        const given = assignTasks(tasks, candidates, { replicas: count, hasState })
        check(tasks, candidates, given, count)
        cluster.carryOut(given)
      }
    }),
    { numRuns: scaled(300, 5_000) },
  )

const names = (list: readonly TaskName[]): string[] => list.map(taskId).toSorted()
const spread = (sizes: readonly number[]): number => Math.max(...sizes) - Math.min(...sizes)

describe('the assignor, whatever happens to the group', () => {
  it('gives every task to one member, balanced to a difference of one', () => {
    eachRound((tasks, _, given) => {
      expect([...given.values()].flatMap(({ active }) => active.map(taskId)).toSorted()).toEqual(names(tasks))
      expect(spread([...given.values()].map(({ active }) => active.length))).toBeLessThanOrEqual(1)
    })
  })

  it('makes as many copies as wished and possible, never two on one member, never beside the owner', () => {
    eachRound((tasks, candidates, given, count) => {
      for (const { active, standby } of given.values()) {
        const own = names(active)
        expect(standby.filter((task) => own.includes(taskId(task)))).toEqual([])
        expect(new Set(names(standby)).size).toBe(standby.length)
      }
      const copies = [...given.values()].flatMap(({ standby }) => standby.map(taskId))
      const possible = Math.min(count, candidates.length - 1)
      for (const task of tasks) expect(copies.filter((name) => name === taskId(task))).toHaveLength(hasState(task) ? possible : 0)
    })
  })

  it('leaves no copy on a member where another one, that may have it, has two fewer', () => {
    eachRound((_, __, given) => {
      for (const { standby } of given.values()) {
        for (const task of standby) {
          const others = [...given.values()].filter((other) => !other.active.includes(task) && !other.standby.includes(task))
          for (const other of others) expect(other.standby.length).toBeGreaterThanOrEqual(standby.length - 1)
        }
      }
    })
  })

  it('gives the same answer again once it was carried out', () => {
    eachRound((tasks, candidates, given, count) => {
      const after = candidates.map(({ memberId, stores }) => ({
        memberId,
        running: given.get(memberId)?.active.map(taskId) ?? [],
        stores,
        following: given.get(memberId)?.standby.map(taskId) ?? [],
      }))
      const again = assignTasks(tasks, after, { replicas: count, hasState })
      for (const [memberId, { active, standby }] of given) {
        expect(names(again.get(memberId)?.active ?? [])).toEqual(names(active))
        expect(names(again.get(memberId)?.standby ?? [])).toEqual(names(standby))
      }
    })
  })

  it('moves no more running tasks than balance asks for', () => {
    eachRound((tasks, candidates, given) => {
      const least = Math.floor(tasks.length / candidates.length)
      const extra = tasks.length % candidates.length
      const loads = candidates.map(({ running }) => running.length).toSorted((a, b) => b - a)
      const mayStay = loads.reduce((sum, load, index) => sum + Math.min(load, least + (index < extra ? 1 : 0)), 0)
      const stayed = candidates.reduce(
        (sum, { memberId, running }) => sum + (given.get(memberId)?.active.filter((task) => running.includes(taskId(task))).length ?? 0),
        0,
      )
      expect(stayed).toBe(mayStay)
    })
  })

  it('moves a task whose owner is gone to a member with a copy while that one has room, and to the best of those', () => {
    eachRound((tasks, candidates, given) => {
      const least = Math.floor(tasks.length / candidates.length)
      for (const task of tasks) {
        if (candidates.some(({ running }) => running.includes(taskId(task)))) continue
        const mine = candidates.find(({ memberId }) => given.get(memberId)?.active.includes(task))
        const had = mine?.stores.get(taskId(task)) ?? -1
        const better = candidates.filter(({ stores }) => (stores.get(taskId(task)) ?? -1) > had)
        for (const { memberId } of better) expect(given.get(memberId)?.active.length).toBeGreaterThanOrEqual(Math.max(1, least))
      }
    })
  })
})
