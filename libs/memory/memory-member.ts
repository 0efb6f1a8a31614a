/**
 * A member's own side of the group: joins, runs the callbacks one after another, joins again.
 *
 *   join ──▶ (leader: assign) ──▶ sync ──▶ onAssigned ──▶ wait ──notice──▶ onRebalancing ──▶ join
 *     ▲                                                     │
 *     └───────── onLost, at once, whatever runs ◀──removed──┘
 *
 * `freeze` stops all traffic with the coordinator, as a stopped process or a cut network does: the session time-out runs, no
 * notice comes in and no request goes out until `thaw`.
 */
import type { AssignmentOf, GroupEvents, GroupMember, GroupOptions } from '../runtime/ports/log.ts'
import { Fault } from '../faults/fault.ts'
import type { Deadline } from './deadlines.ts'
import type { ConnectionState, MemoryBroker } from './memory-broker.ts'
import type { Answer, JoinAnswer, MemberSpec, MemoryGroup, Notice } from './memory-group.ts'

const RETRY_MS = 100

export class MemoryMember implements GroupMember {
  readonly #broker: MemoryBroker
  readonly #connection: ConnectionState
  readonly #group: MemoryGroup
  readonly #options: GroupOptions
  readonly #events: GroupEvents
  #memberId: string | undefined
  #stopped = false
  /** The newest rebalance that this member was told of, and the one that it has joined. */
  #roundTold = 0
  #roundJoined = 0
  /** Wakes the loop when it waits for a notice. */
  #wake: (() => void) | undefined
  #frozen:
    { readonly notices: Notice[]; readonly deadline: Deadline; readonly thawed: Promise<void>; readonly thaw: () => void } | undefined

  constructor(broker: MemoryBroker, connection: ConnectionState, options: GroupOptions, events: GroupEvents) {
    this.#broker = broker
    this.#connection = connection
    this.#group = broker.group(options.groupId)
    this.#options = options
    this.#events = events
  }

  get #sessionTimeoutMs(): number {
    return this.#options.sessionTimeoutMs ?? 10_000
  }

  get memberId(): string | undefined {
    return this.#memberId
  }

  start(): void {
    void this.#run().catch((fault: unknown) => this.#fail(fault))
  }

  rejoin(): void {
    const memberId = this.#memberId
    if (memberId === undefined || this.#stopped || this.#frozen !== undefined) return
    this.#broker.schedule(() => this.#group.rebalance(memberId))
  }

  async leave(): Promise<void> {
    if (this.#stopped) return
    this.#stop()
    const memberId = this.#frozen === undefined ? this.#memberId : undefined
    await new Promise<void>((resolve) => this.#broker.schedule(resolve))
    if (memberId !== undefined) this.#group.leave(memberId)
  }

  freeze(): void {
    if (this.#frozen !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const deadline = this.#broker.deadlines.after(this.#sessionTimeoutMs, () => {
      if (this.#memberId !== undefined) this.#group.expel(this.#memberId, 'its session timed out')
    })
    this.#frozen = { notices: [], deadline, thawed: promise, thaw: resolve }
  }

  thaw(): void {
    const frozen = this.#frozen
    if (frozen === undefined) return
    this.#frozen = undefined
    this.#broker.deadlines.cancel(frozen.deadline)
    const memberId = this.#memberId
    if (memberId !== undefined) for (const notice of frozen.notices) this.#hear(notice, memberId)
    frozen.thaw()
  }

  /** The process is gone without a word: frozen for ever, no callback any more. */
  kill(): void {
    this.freeze()
    this.#stop()
  }

  #stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const joined = await this.#join()
      if (joined === undefined || this.#stopped) continue
      const assignments = joined.members === undefined ? undefined : await this.#events.assign(joined.members)
      const memberId = this.#memberId
      if (memberId === undefined) continue
      const synced = await this.#sync(memberId, joined, assignments)
      if (synced === undefined || this.#stopped) continue
      await this.#events.onAssigned({ groupId: this.#options.groupId, memberId, generation: joined.generation }, synced)
      await this.#untilNotice(memberId)
      if (!this.#stopped && this.#memberId === memberId) await this.#events.onRebalancing()
    }
  }

  /** One request to join; undefined: try again. */
  async #join(): Promise<JoinAnswer | undefined> {
    await this.#frozen?.thawed
    const isKnown = this.#memberId !== undefined
    const memberId = this.#memberId ?? this.#broker.nextMemberId(this.#connection)
    this.#memberId = memberId
    const spec: MemberSpec = {
      memberId,
      protocol: this.#options.protocol,
      rebalanceTimeoutMs: this.#options.rebalanceTimeoutMs ?? 60_000,
      notify: (notice) => this.#broker.schedule(() => this.#hear(notice, memberId)),
    }
    const call = { operation: 'join', connection: this.#connection.name, groupId: this.#options.groupId, memberId } as const
    try {
      const answer = await this.#broker.request<Answer<JoinAnswer>>(this.#connection, call, () =>
        this.#stopped ? { kind: 'removed' } : this.#group.join(spec, this.#events.userData(), isKnown),
      )
      await this.#frozen?.thawed
      const joined = this.#valueOf(answer, memberId)
      if (joined !== undefined) this.#roundJoined = joined.round
      return joined
    } catch (fault) {
      if (!(fault instanceof Fault && fault.action === 'retry')) throw fault
      // The coordinator may know this id or not. It is not used again, and if it is known its session times out there.
      if (!isKnown) {
        this.#memberId = undefined
        this.#broker.deadlines.after(this.#sessionTimeoutMs, () => this.#group.expel(memberId, 'its session timed out'))
      }
      await this.#broker.clock.sleep(RETRY_MS)
      return undefined
    }
  }

  async #sync(
    memberId: string,
    joined: JoinAnswer,
    assignments: ReadonlyMap<string, AssignmentOf> | undefined,
  ): Promise<AssignmentOf | undefined> {
    await this.#frozen?.thawed
    if (this.#stopped) return undefined
    const answer = await this.#group.sync(memberId, joined.generation, assignments)
    await this.#frozen?.thawed
    return this.#memberId === memberId ? this.#valueOf(answer, memberId) : undefined
  }

  #valueOf<Value>(answer: Answer<Value>, memberId: string): Value | undefined {
    if (answer.kind === 'answer') return answer.value
    if (answer.kind === 'removed')
      this.#lose(memberId, new Error(`member ${memberId} is no longer known to group ${this.#options.groupId}`))
    return undefined
  }

  #hear(notice: Notice, memberId: string): void {
    if (this.#stopped || this.#memberId !== memberId) return
    if (this.#frozen !== undefined) {
      this.#frozen.notices.push(notice)
    } else if (notice.kind === 'removed') {
      this.#lose(memberId, notice.reason)
    } else {
      this.#roundTold = Math.max(this.#roundTold, notice.round)
      this.#wake?.()
    }
  }

  #lose(memberId: string, reason: Error): void {
    if (this.#stopped || this.#memberId !== memberId) return
    this.#memberId = undefined
    this.#wake?.()
    this.#events.onLost(reason)
  }

  #fail(fault: unknown): void {
    if (this.#stopped) return
    this.#stop()
    if (this.#memberId !== undefined) this.#group.leave(this.#memberId)
    this.#events.onFault(fault instanceof Error ? fault : new Error(`the group member failed: ${String(fault)}`, { cause: fault }))
  }

  /** Waits until a newer rebalance than the joined one is known, or the id is lost. */
  async #untilNotice(memberId: string): Promise<void> {
    while (!this.#stopped && this.#memberId === memberId && this.#roundTold <= this.#roundJoined) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#wake = undefined
  }
}
