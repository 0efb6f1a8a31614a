/**
 * A member of a consumer group: join, sync, heartbeats, leave (the port's GroupMember).
 *
 *     join ──► assigned ──► (rebalance asked for) onRebalancing ──► join ...
 *      ▲           │
 *      └── onLost ◄┘ expelled, session over, callback too slow
 *
 * Promises:
 *  1. onAssigned and onRebalancing never overlap; each waits for the one before, at most rebalanceTimeoutMs.
 *  2. Heartbeats go on from the moment the generation is known until the next join is sent, whatever the callbacks do.
 *  3. onLost comes at once, also while a callback runs, and only when there was something to lose.
 *  4. After `leave` or onFault no callback begins.
 */
import { Fault } from '../../faults/fault.ts'
import { systemClock } from '../../runtime/ports/clock.ts'
import type { AssignmentOf, GroupEvents, GroupIdentity, GroupMember, GroupOptions } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { faultOf, isCoordinatorMoved, isUntouched } from '../failures.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { JoinAnswer } from '../wire/group-apis.ts'
import { joinGroupApi, leaveGroupApi, syncGroupApi } from '../wire/group-apis.ts'
import { decodeAssignment, decodeUserData, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { Heartbeats, SessionOver } from './heartbeats.ts'

const REJOIN_PAUSE_MS = 200
/** A join is answered when all members have joined or their time is over: beyond that the network needs some time. */
const JOIN_SLACK_MS = 5_000
const EXPELLED: ReadonlySet<number> = new Set([code.UNKNOWN_MEMBER_ID, code.ILLEGAL_GENERATION, code.FENCED_INSTANCE_ID])
const FIRST_ID = ''

interface Generation {
  readonly identity: GroupIdentity
  readonly assignment: AssignmentOf
  readonly heartbeats: Heartbeats
}

/** A callback did not come back in time. */
class TooSlow extends Error {}

export async function joinKafkaGroup(cluster: Cluster, options: GroupOptions, events: GroupEvents): Promise<GroupMember> {
  try {
    await cluster.coordinator('group', options.groupId)
  } catch (error) {
    throw faultOf(error, `for group ${options.groupId}`, 'retry')
  }
  return new KafkaGroupMember(cluster, options, events)
}

class KafkaGroupMember implements GroupMember {
  readonly #cluster: Cluster
  readonly #links: Links
  readonly #options: Required<GroupOptions>
  readonly #events: GroupEvents
  #memberId = FIRST_ID
  #rejoins = 0
  #askForRebalance: () => void = () => undefined
  #rebalanceAsked: Promise<void> = Promise.resolve()
  #hasAssignment = false
  #isOver = false
  /** Settles with the callback that runs. */
  #callback: Promise<unknown> = Promise.resolve()

  constructor(cluster: Cluster, options: GroupOptions, events: GroupEvents) {
    this.#cluster = cluster
    this.#links = cluster.openLinks()
    this.#options = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000, rebalanceTimeoutMs: 60_000, ...options }
    this.#events = events
    void this.#run()
  }

  rejoin(): void {
    this.#rejoins++
    this.#askForRebalance()
  }

  async leave(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#askForRebalance()
    await this.#sendLeave()
    this.#links.close()
  }

  async #sendLeave(): Promise<void> {
    const { groupId } = this.#options
    if (this.#memberId === FIRST_ID) return
    // An own connection: a join that waits at the broker would hold the request up on the other.
    const links = this.#cluster.openLinks()
    try {
      const coordinator = await this.#cluster.coordinator('group', groupId)
      await links.send(coordinator, leaveGroupApi, { groupId, memberId: this.#memberId })
    } catch (error) {
      this.#cluster.settings.log('warn', `leaving group ${groupId} failed; the session time-out will end the membership`, { error })
    } finally {
      links.close()
    }
  }

  async #run(): Promise<void> {
    let failingSince: number | undefined
    while (!this.#isOver) {
      let generation: Generation | undefined
      try {
        this.#rebalanceAsked = new Promise((resolve) => {
          this.#askForRebalance = resolve
        })
        generation = await this.#join()
        failingSince = undefined
        await this.#live(generation)
      } catch (error) {
        if (this.#isOver) break
        failingSince ??= performance.now()
        await this.#onFailure(error, failingSince)
      } finally {
        generation?.heartbeats.stop()
      }
    }
  }

  /** From the assignment to the next rebalance. */
  async #live({ identity, assignment, heartbeats }: Generation): Promise<void> {
    this.#hasAssignment = true
    await this.#call(heartbeats, () => this.#events.onAssigned(identity, assignment))
    await Promise.race([heartbeats.rebalancing, this.#rebalanceAsked, heartbeats.lost])
    await this.#call(heartbeats, () => this.#events.onRebalancing())
  }

  /** Runs a callback after the one before; gives up on it when the member is lost or its time is over. */
  async #call(heartbeats: Heartbeats, callback: () => Promise<void>): Promise<void> {
    if (this.#isOver) return
    const before = this.#callback
    const running = before.then(() => (this.#isOver ? undefined : callback()))
    this.#callback = running.catch(() => undefined) // told below
    await Promise.race([running, heartbeats.lost, this.#tooSlow()])
  }

  async #tooSlow(): Promise<never> {
    // Not cleared when the callback wins: one idle timer per rebalance is cheaper than its bookkeeping, and it holds no process open.
    await new Promise((resolve) => setTimeout(resolve, this.#options.rebalanceTimeoutMs).unref())
    throw new TooSlow(`a callback of the group took longer than ${this.#options.rebalanceTimeoutMs} ms`)
  }

  async #join(): Promise<Generation> {
    const joined = await this.#sendJoin()
    const { groupId } = this.#options
    const identity: GroupIdentity = { groupId, memberId: this.#memberId, generation: joined.generation }
    // The leader's work may take longer than a session: heartbeats begin with the generation.
    const heartbeats = new Heartbeats(this.#cluster, this.#links, identity, this.#options)
    try {
      const assignments = joined.leaderId === joined.memberId ? await this.#assign(joined) : []
      const coordinator = await this.#cluster.coordinator('group', groupId)
      const { errorCode, assignment } = await this.#links.send(coordinator, syncGroupApi, { ...identity, assignments }, this.#joinTimeoutMs)
      if (errorCode !== code.NONE) throw new Refused('SyncGroup', errorCode)
      return { identity, assignment: decodeAssignment(assignment), heartbeats }
    } catch (error) {
      heartbeats.stop()
      throw error
    }
  }

  async #sendJoin(): Promise<JoinAnswer> {
    const { groupId, topics, protocol, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const metadata = encodeSubscription(topics, this.#rejoins, this.#events.userData())
    for (;;) {
      const request = { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId: this.#memberId, protocol, metadata }
      const coordinator = await this.#cluster.coordinator('group', groupId)
      const joined = await this.#links.send(coordinator, joinGroupApi, request, this.#joinTimeoutMs)
      if (joined.errorCode === code.MEMBER_ID_REQUIRED && this.#memberId === FIRST_ID) {
        this.#memberId = joined.memberId
        continue
      }
      if (joined.errorCode !== code.NONE) throw new Refused('JoinGroup', joined.errorCode)
      this.#memberId = joined.memberId
      return joined
    }
  }

  async #assign({ members }: JoinAnswer): Promise<{ memberId: string; assignment: Buffer }[]> {
    const assignments = await this.#events.assign(
      members.map(({ memberId, metadata }) => ({ memberId, userData: this.#userDataOf(metadata) })),
    )
    return [...assignments].map(([memberId, assignment]) => ({ memberId, assignment: encodeAssignment(assignment) }))
  }

  #userDataOf(metadata: Buffer): Buffer {
    try {
      return decodeUserData(metadata)
    } catch (cause) {
      const { groupId, protocol } = this.#options
      throw new Fault('MR3013', 'stop', `group ${groupId} has a member of another program, which uses the protocol name ${protocol} too.`, {
        cause,
      })
    }
  }

  get #joinTimeoutMs(): number {
    return this.#options.rebalanceTimeoutMs + JOIN_SLACK_MS
  }

  async #onFailure(error: unknown, failingSince: number): Promise<void> {
    const { groupId, sessionTimeoutMs } = this.#options
    if (error instanceof TooSlow || (error instanceof Refused && EXPELLED.has(error.code))) {
      this.#lose(error)
      // The others should not have to wait until the session of one that gave up is over.
      if (error instanceof TooSlow) await this.#sendLeave()
      this.#memberId = FIRST_ID
      return
    }
    // Others may be the owners by now. Whoever goes on would fence them, and they him, again and again.
    if (error instanceof SessionOver) {
      this.#lose(error)
      this.#cluster.forgetCoordinator('group', groupId)
      return
    }
    // The rebalance went on while this member synchronised: it only has to join again.
    if (error instanceof Refused && error.code === code.REBALANCE_IN_PROGRESS) return
    if (isCoordinatorMoved(error)) this.#cluster.forgetCoordinator('group', groupId)
    const mayPass = error instanceof NoAnswer || isUntouched(error) || (error instanceof Fault && error.action === 'retry')
    if (!mayPass) return this.#fail(error)
    if (performance.now() - failingSince > sessionTimeoutMs) this.#lose(error)
    await systemClock.sleep(REJOIN_PAUSE_MS)
  }

  #lose(reason: unknown): void {
    if (!this.#hasAssignment) return
    this.#hasAssignment = false
    const { groupId } = this.#options
    this.#events.onLost(
      new Fault(
        'MR3031',
        'release-task',
        `member ${this.#memberId} of group ${groupId} was expelled: ${reason instanceof Error ? reason.message : String(reason)}`,
        { cause: reason },
      ),
    )
  }

  #fail(error: unknown): void {
    this.#isOver = true
    this.#links.close()
    const { groupId, protocol } = this.#options
    this.#events.onFault(faultOf(error, `for group ${groupId} with protocol ${protocol}`, 'stop'))
  }
}
