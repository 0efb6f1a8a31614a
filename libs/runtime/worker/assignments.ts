/** From what the members say to what each of them is told: the leader's part of a rebalance, around the assignor. Pure. */
import type { AssignmentOf, MemberOf } from '../ports/log.ts'
import { assignTasks, taskId } from './assignor.ts'
import type { TaskName } from './assignor.ts'
import { candidatesOf, encodeTasks } from './group-data.ts'
import type { Wiring } from './wiring.ts'

export function assignmentsOf(
  wiring: Wiring | undefined,
  members: readonly MemberOf[],
  replicas: number,
): ReadonlyMap<string, AssignmentOf> {
  if (wiring === undefined) return new Map()
  const tasks = wiring.tasks.map((task) => ({ subTopology: task.subTopology.name, partition: task.partition }))
  const stateful = new Set(wiring.tasks.filter((task) => task.changelogs.size > 0).map((task) => task.name))
  const hasState = (task: TaskName): boolean => stateful.has(taskId(task))
  const given = assignTasks(tasks, candidatesOf(members), { replicas, hasState })
  return new Map(
    members.map(({ memberId }) => {
      const { active, standby } = given.get(memberId) ?? { active: [], standby: [] }
      const names = active.map(taskId)
      const partitions = wiring.tasks
        .filter((task) => names.includes(task.name))
        .flatMap((task) => task.inputs.map(({ topic, partition }) => ({ topic, partition })))
      return [memberId, { partitions, userData: encodeTasks({ active: names, standby: standby.map(taskId) }) }]
    }),
  )
}
