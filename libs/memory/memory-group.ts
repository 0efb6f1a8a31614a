/**
 * The group coordinator's side of one consumer group (the classic protocol).
 *
 *   empty ──join──▶ preparing ──all joined, or time-out──▶ completing ──leader's assignment──▶ stable
 *                      ▲                                       │                                 │
 *                      └──────────── a member joins, leaves, is expelled, or asks for it ◀───────┘
 *
 * Invariants:
 * 1. Entering `completing` raises the generation; only members that have joined since `preparing` are of it.
 * 2. A member that was removed is told so at its next heartbeat (here: as soon as it is not frozen), and never comes back under its id.
 * 3. Positions are taken from members of the current generation only, or, without any member, from outside.
 */
import { BrokenPromise } from '../faults/fault.ts'
import type { AssignmentOf, GroupIdentity, MemberOf } from '../runtime/ports/log.ts'
import type { Deadline } from './deadlines.ts'
import type { MemoryBroker } from './memory-broker.ts'
import { notOfGeneration, otherProtocol } from './memory-faults.ts'
import { MemoryPositions } from './memory-positions.ts'

/** What the coordinator tells a member by way of its heartbeats. */
export type Notice = { readonly kind: 'rebalance'; readonly round: number } | { readonly kind: 'removed'; readonly reason: Error }

export interface JoinAnswer {
  readonly generation: number
  readonly round: number
  /** On the leader: all members; else undefined. */
  readonly members: readonly MemberOf[] | undefined
}

/** A request that waits for others: answered, or sent back to join again (`again`), or without a member any more (`removed`). */
export type Answer<Value> = { readonly kind: 'answer'; readonly value: Value } | { readonly kind: 'again' } | { readonly kind: 'removed' }

export interface MemberSpec {
  readonly memberId: string
  readonly protocol: string
  readonly rebalanceTimeoutMs: number
  readonly notify: (notice: Notice) => void
}

interface Member extends MemberSpec {
  userData: Uint8Array
  joining: ((answer: Answer<JoinAnswer>) => void) | undefined
  syncing: ((answer: Answer<AssignmentOf>) => void) | undefined
  /** Has joined since the rebalance began; in `completing`: has asked for its assignment. */
  present: boolean
  assignment: AssignmentOf
}

const NOTHING: AssignmentOf = Object.freeze({ partitions: Object.freeze([]), userData: new Uint8Array(0) })

export class MemoryGroup {
  readonly groupId: string
  readonly positions = new MemoryPositions()
  readonly #broker: MemoryBroker
  readonly #members = new Map<string, Member>()
  #state: 'empty' | 'preparing' | 'completing' | 'stable' = 'empty'
  #generation = 0
  /** Number of rebalances begun: a notice of an older one is of no interest. */
  #round = 0
  #leader: string | undefined
  #deadline: Deadline | undefined

  constructor(groupId: string, broker: MemoryBroker) {
    this.groupId = groupId
    this.#broker = broker
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()]
  }

  get generation(): number {
    return this.#generation
  }

  /** As `kafka-consumer-groups --describe --state` writes it. */
  get state(): string {
    return { empty: 'Empty', preparing: 'PreparingRebalance', completing: 'CompletingRebalance', stable: 'Stable' }[this.#state]
  }

  /** Joins, or joins again as a known member. Answered when all members of the group have done so. */
  join(spec: MemberSpec, userData: Uint8Array, isKnown: boolean): Promise<Answer<JoinAnswer>> {
    if (isKnown && !this.#members.has(spec.memberId)) return Promise.resolve({ kind: 'removed' })
    const used = this.#members.values().next()
    if (!used.done && used.value.protocol !== spec.protocol) throw otherProtocol(this.groupId, used.value.protocol, spec.protocol)
    const member: Member = this.#members.get(spec.memberId) ?? {
      ...spec,
      userData,
      joining: undefined,
      syncing: undefined,
      present: false,
      assignment: NOTHING,
    }
    member.userData = userData
    this.#members.set(spec.memberId, member)
    this.#leader ??= spec.memberId
    if (this.#state !== 'preparing') this.#prepare(spec.memberId)
    return new Promise((resolve) => {
      member.joining = resolve
      member.present = true
      this.#completeJoin()
    })
  }

  /** The leader brings the assignments, the others ask for theirs. */
  sync(memberId: string, generation: number, assignments: ReadonlyMap<string, AssignmentOf> | undefined): Promise<Answer<AssignmentOf>> {
    const member = this.#members.get(memberId)
    if (member === undefined) return Promise.resolve({ kind: 'removed' })
    if (generation !== this.#generation || this.#state === 'preparing') return Promise.resolve({ kind: 'again' })
    if (this.#state === 'completing' && assignments !== undefined) this.#giveOut(assignments)
    if (this.#state === 'stable') return Promise.resolve({ kind: 'answer', value: member.assignment })
    return new Promise((resolve) => {
      member.syncing = resolve
      member.present = true
    })
  }

  /** A member asks for a rebalance. */
  rebalance(memberId: string): void {
    if (this.#members.has(memberId) && this.#state !== 'preparing') this.#prepare(undefined)
  }

  leave(memberId: string): void {
    this.#remove(memberId)
  }

  /** Removes a member as a session time-out does. */
  expel(memberId: string, why: string): void {
    const member = this.#members.get(memberId)
    this.#remove(memberId)
    member?.notify({ kind: 'removed', reason: new Error(`member ${memberId} of group ${this.groupId} was expelled: ${why}`) })
  }

  /** ClassicGroup.validateOffsetCommit of Kafka 4.1 for TxnOffsetCommit v3: without a member a transactional commit passes in every state. */
  checkTransactionalCommit({ memberId, generation }: GroupIdentity): void {
    if (memberId === '' && generation < 0) return
    if (!this.#members.has(memberId)) throw notOfGeneration(this.groupId, memberId, 'it is not a member')
    if (generation !== this.#generation)
      throw notOfGeneration(this.groupId, memberId, `its generation is ${generation}, the group is at ${this.#generation}`)
  }

  #remove(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#members.delete(memberId)
    member.joining?.({ kind: 'removed' })
    member.syncing?.({ kind: 'removed' })
    if (this.#leader === memberId) this.#leader = this.#members.keys().next().value
    if (this.#members.size === 0) {
      this.#broker.deadlines.cancel(this.#deadline)
      this.#state = 'empty'
      // A group that is left by all goes to a new generation, so that positions of the last one are refused.
      this.#generation++
    } else if (this.#state === 'preparing') {
      this.#completeJoin()
    } else {
      this.#prepare(undefined)
    }
  }

  #prepare(joining: string | undefined): void {
    this.#state = 'preparing'
    this.#round++
    let timeoutMs = 0
    for (const member of this.#members.values()) {
      timeoutMs = Math.max(timeoutMs, member.rebalanceTimeoutMs)
      member.present = false
      const syncing = member.syncing
      member.syncing = undefined
      if (syncing !== undefined) syncing({ kind: 'again' })
      if (member.memberId !== joining) member.notify({ kind: 'rebalance', round: this.#round })
    }
    this.#setDeadline(timeoutMs, 'it did not join in the time of the rebalance')
  }

  #completeJoin(): void {
    const members = [...this.#members.values()]
    if (this.#state !== 'preparing' || members.length === 0 || members.some((member) => !member.present)) return
    this.#state = 'completing'
    this.#generation++
    const timeoutMs = Math.max(...members.map((member) => member.rebalanceTimeoutMs))
    const list = members.map(({ memberId, userData }) => ({ memberId, userData }))
    for (const member of members) {
      const joining = member.joining
      if (joining === undefined) throw new BrokenPromise('a member that is present waits for its answer')
      member.joining = undefined
      member.present = false
      member.assignment = NOTHING
      joining({
        kind: 'answer',
        value: { generation: this.#generation, round: this.#round, members: member.memberId === this.#leader ? list : undefined },
      })
    }
    this.#setDeadline(timeoutMs, 'it did not ask for its assignment in the time of the rebalance')
  }

  #giveOut(assignments: ReadonlyMap<string, AssignmentOf>): void {
    this.#broker.deadlines.cancel(this.#deadline)
    this.#state = 'stable'
    for (const member of this.#members.values()) {
      member.assignment = assignments.get(member.memberId) ?? NOTHING
      const syncing = member.syncing
      member.syncing = undefined
      syncing?.({ kind: 'answer', value: member.assignment })
    }
  }

  #setDeadline(timeoutMs: number, why: string): void {
    this.#broker.deadlines.cancel(this.#deadline)
    this.#deadline = this.#broker.deadlines.after(timeoutMs, () => {
      // Taken down first: an expulsion may complete the rebalance, after which nobody is present any more.
      const absent = [...this.#members.values()].filter((member) => !member.present)
      for (const member of absent) this.expel(member.memberId, why)
    })
  }
}
