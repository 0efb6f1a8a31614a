/**
 * Who gets which task, and who keeps a copy of its state (engine.md 3): balanced, then sticky. Pure, runs on the group's leader.
 *
 * 1. Every member gets floor(tasks / members) or one more.
 * 2. A task stays where it runs, as long as 1 allows. Who must give tasks up keeps its share of each stage, so that a joining member does
 *    not get one whole stage, and gives away first what others have a more complete copy of than itself (it has only begun to acquire it),
 *    then what they have a copy of at all.
 * 3. A task that moves goes to the most complete copy that may take it, else to the member with the fewest tasks (and the fewest of its stage).
 * 4. A copy is never on the owner's member. It stays where it is, else it is made from the most complete remains; it moves only to a member
 *    with at least two copies fewer.
 * 5. The same question again, with the answer carried out, gives the same answer.
 */
export interface TaskName {
  readonly subTopology: string
  readonly partition: number
}

export interface Candidate {
  readonly memberId: string
  /** Names of tasks that the member runs now. */
  readonly running: readonly string[]
  /**
   * Tasks whose store lies on the member's disk, with how much of the changelogs is in it: the sum of the positions, which can be compared
   * among members. 0: not known.
   */
  readonly stores: ReadonlyMap<string, number>
  /** Names of tasks that the member follows as a standby now. */
  readonly following: readonly string[]
}

export interface AssignedTasks {
  readonly active: readonly TaskName[]
  readonly standby: readonly TaskName[]
}

export interface StandbyWish {
  /** Copies of each task, beside the owner. */
  readonly replicas: number
  /** A task without state has nothing to copy. */
  hasState(task: TaskName): boolean
}

export const taskId = (task: TaskName): string => `${task.subTopology}.${task.partition}`

const NO_STANDBYS: StandbyWish = { replicas: 0, hasState: () => false }

export function assignTasks(
  tasks: readonly TaskName[],
  candidates: readonly Candidate[],
  standbys: StandbyWish = NO_STANDBYS,
): ReadonlyMap<string, AssignedTasks> {
  const members = candidates.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const active = assignOwners(tasks, members)
  const standby = assignCopies(tasks, members, active, standbys)
  return new Map(members.map(({ memberId }) => [memberId, { active: active.of(memberId), standby: standby.get(memberId) ?? [] }]))
}

/** What was given out so far, and who may still get something. */
class Shares {
  readonly #given = new Map<string, TaskName[]>()
  readonly #least: number
  #extra: number

  constructor(members: readonly Candidate[], count: number) {
    for (const { memberId } of members) this.#given.set(memberId, [])
    this.#least = Math.floor(count / Math.max(1, members.length))
    this.#extra = count % Math.max(1, members.length)
  }

  of(memberId: string): readonly TaskName[] {
    return this.#given.get(memberId) ?? []
  }

  ofStage(memberId: string, stage: string): number {
    return this.of(memberId).filter((task) => task.subTopology === stage).length
  }

  has(memberId: string, task: TaskName): boolean {
    return this.of(memberId).includes(task)
  }

  hasRoom(memberId: string): boolean {
    const load = this.of(memberId).length
    return load < this.#least || (load === this.#least && this.#extra > 0)
  }

  give(memberId: string, task: TaskName): void {
    const list = this.#given.get(memberId)
    if (list === undefined) return
    if (list.length === this.#least) this.#extra -= 1
    list.push(task)
  }

  /** Least first: tasks in all, then tasks of that stage. */
  byLoad(members: readonly Candidate[], stage: string): Candidate[] {
    return members.toSorted(
      (a, b) =>
        this.of(a.memberId).length - this.of(b.memberId).length || this.ofStage(a.memberId, stage) - this.ofStage(b.memberId, stage),
    )
  }
}

function assignOwners(tasks: readonly TaskName[], members: readonly Candidate[]): Shares {
  const shares = new Shares(members, tasks.length)
  const ownerOf = new Map<string, Candidate>()
  for (const member of members) for (const name of member.running) if (!ownerOf.has(name)) ownerOf.set(name, member)
  /** 0: nobody else has a copy. 1: others have one. 2: a more complete one than the owner. */
  const copied = (task: TaskName): number => {
    const name = taskId(task)
    const owner = ownerOf.get(name)
    const best = Math.max(-1, ...members.map((member) => (member === owner ? -1 : (member.stores.get(name) ?? -1))))
    return best < 0 ? 0 : best > (owner?.stores.get(name) ?? 0) ? 2 : 1
  }
  const perMember = (stage: string): number => tasks.filter((task) => task.subTopology === stage).length / members.length

  const degrees = new Map(tasks.map((task) => [task, copied(task)]))
  let left: readonly TaskName[] = [0, 1, 2].flatMap((degree) => tasks.filter((task) => degrees.get(task) === degree))
  for (const share of [(stage: string) => Math.floor(perMember(stage)), (stage: string) => Math.ceil(perMember(stage)), () => Infinity]) {
    left = left.filter((task) => {
      const memberId = ownerOf.get(taskId(task))?.memberId
      if (memberId === undefined || !shares.hasRoom(memberId)) return true
      if (shares.ofStage(memberId, task.subTopology) >= share(task.subTopology)) return true
      shares.give(memberId, task)
      return false
    })
  }
  for (const wantsCopy of [true, false]) {
    left = inOrder(tasks, left).filter((task) => {
      const open = members.filter(({ memberId, stores }) => shares.hasRoom(memberId) && (!wantsCopy || stores.has(taskId(task))))
      const best = byCopy(shares.byLoad(open, task.subTopology), task)[0]
      if (best === undefined) return true
      shares.give(best.memberId, task)
      return false
    })
  }
  return shares
}

function assignCopies(
  tasks: readonly TaskName[],
  members: readonly Candidate[],
  owners: Shares,
  wish: StandbyWish,
): ReadonlyMap<string, readonly TaskName[]> {
  const replicas = Math.min(wish.replicas, members.length - 1)
  const copies = new Map<string, TaskName[]>(members.map(({ memberId }) => [memberId, []]))
  const of = ({ memberId }: Candidate): TaskName[] => copies.get(memberId) ?? []
  const mayGet = (task: TaskName): Candidate[] =>
    members
      .filter((member) => !owners.has(member.memberId, task) && !of(member).includes(task))
      .toSorted((a, b) => of(a).length - of(b).length)
  const wanted = tasks.filter((task) => wish.hasState(task))
  for (const task of wanted) {
    const following = byCopy(mayGet(task), task).filter((member) => member.following.includes(taskId(task)))
    for (const member of following.slice(0, Math.max(0, replicas))) of(member).push(task)
  }
  for (const task of wanted) {
    const missing = replicas - members.filter((member) => of(member).includes(task)).length
    for (let nth = 0; nth < missing; nth += 1) {
      const best = byCopy(mayGet(task), task)[0]
      if (best !== undefined) of(best).push(task)
    }
  }
  // Each move makes the sum of the squares of the loads smaller, so this ends.
  for (let move = nextMove(members, of, mayGet); move !== undefined; move = nextMove(members, of, mayGet)) {
    const { task, from, to } = move
    of(from).splice(of(from).indexOf(task), 1)
    of(to).push(task)
  }
  return copies
}

interface Move {
  readonly task: TaskName
  readonly from: Candidate
  readonly to: Candidate
}

/** From a member that has at least two copies more than another one that may have them; first what costs least. */
function nextMove(
  members: readonly Candidate[],
  of: (member: Candidate) => readonly TaskName[],
  mayGet: (task: TaskName) => readonly Candidate[],
): Move | undefined {
  for (const from of members.toSorted((a, b) => of(b).length - of(a).length)) {
    const moves = of(from).flatMap((task) =>
      mayGet(task).flatMap((to) => (of(from).length - of(to).length < 2 ? [] : [{ task, from, to }])),
    )
    const cost = ({ task, to }: Move): number =>
      (from.following.includes(taskId(task)) ? 2 : 0) + (to.stores.has(taskId(task)) || to.following.includes(taskId(task)) ? 0 : 1)
    const cheapest = moves.toSorted((a, b) => cost(a) - cost(b) || of(a.to).length - of(b.to).length)[0]
    if (cheapest !== undefined) return cheapest
  }
  return undefined
}

const inOrder = (tasks: readonly TaskName[], some: readonly TaskName[]): TaskName[] => tasks.filter((task) => some.includes(task))

/** The most complete first; the order of equals stays. */
const byCopy = (members: readonly Candidate[], task: TaskName): Candidate[] => {
  const progress = ({ stores }: Candidate): number => stores.get(taskId(task)) ?? -1
  return members.toSorted((a, b) => progress(b) - progress(a))
}
