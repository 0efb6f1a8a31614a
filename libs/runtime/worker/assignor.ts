/**
 * Who gets which task: sticky and balanced (engine.md 3). Pure, runs on the group's leader.
 *
 * Every member gets floor(tasks / members) or one more. A task stays where it runs, else goes where its state is kept on disk,
 * else to the member with the fewest tasks (and the fewest of the same sub-topology, so that the load of a stage is spread).
 */
export interface TaskName {
  readonly subTopology: string
  readonly partition: number
}

export interface Candidate {
  readonly memberId: string
  /** Names of tasks that the member runs now. */
  readonly running: readonly string[]
  /** Names of tasks whose store the member keeps. */
  readonly kept: readonly string[]
}

export const taskId = (task: TaskName): string => `${task.subTopology}.${task.partition}`

export function assignTasks(tasks: readonly TaskName[], candidates: readonly Candidate[]): ReadonlyMap<string, readonly TaskName[]> {
  const members = candidates.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const given = new Map<string, TaskName[]>(members.map((m) => [m.memberId, []]))
  if (members.length === 0) return given
  const least = Math.floor(tasks.length / members.length)
  let extra = tasks.length % members.length

  const hasRoom = (memberId: string): boolean => {
    const load = loadOf(given, memberId)
    return load < least || (load === least && extra > 0)
  }
  const give = (memberId: string, task: TaskName): void => {
    const list = given.get(memberId)
    if (list === undefined) return
    if (list.length === least) extra -= 1
    list.push(task)
  }

  let left: readonly TaskName[] = tasks
  for (const preference of [(m: Candidate) => m.running, (m: Candidate) => m.kept]) {
    const wanted = new Map(members.map((m) => [m.memberId, new Set(preference(m))]))
    left = left.filter((task) => {
      const member = members.find((m) => wanted.get(m.memberId)?.has(taskId(task)) === true && hasRoom(m.memberId))
      if (member === undefined) return true
      give(member.memberId, task)
      return false
    })
  }
  for (const task of left) {
    const open = members.filter((m) => hasRoom(m.memberId))
    const sameStage = (m: Candidate): number => (given.get(m.memberId) ?? []).filter((t) => t.subTopology === task.subTopology).length
    const best = open.toSorted((a, b) => loadOf(given, a.memberId) - loadOf(given, b.memberId) || sameStage(a) - sameStage(b))[0]
    if (best !== undefined) give(best.memberId, task)
  }
  return given
}

const loadOf = (given: ReadonlyMap<string, readonly TaskName[]>, memberId: string): number => given.get(memberId)?.length ?? 0
