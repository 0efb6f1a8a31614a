/**
 * The heartbeats of one generation: they prove to the coordinator that the member lives, and bring back whether the group goes
 * on without it. Independent of what the member does meanwhile.
 */
import type { Cluster, Links } from '../cluster.ts'
import { isCoordinatorMoved, isUntouched } from '../failures.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import { heartbeatApi } from '../wire/group-apis.ts'

export interface Membership {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
}

export interface HeartbeatOptions {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

const HURRY_MS = 250
/**
 * Members that start together come one after another: the first has all tasks for a moment, and what it begins to restore is for nothing.
 * So a young generation is asked more often whether it is over, the more often the younger it is: workers of one process come within 50 ms.
 */
const YOUNG_MS = 3_000
const YOUNG_INTERVAL_MS_MIN = 20
const YOUNG_INTERVAL_MS_MAX = 100

/** Milliseconds to the next heartbeat of a generation of this age; never more than is set. */
export function heartbeatPause(ageMs: number, heartbeatIntervalMs: number): number {
  if (ageMs >= YOUNG_MS) return heartbeatIntervalMs
  return Math.min(heartbeatIntervalMs, YOUNG_INTERVAL_MS_MAX, Math.max(YOUNG_INTERVAL_MS_MIN, ageMs / 2))
}

/** No heartbeat was answered for a whole session: the coordinator has given this member up, or will before it hears of it again. */
export class SessionOver extends Error {}

export class Heartbeats {
  /** Resolves at the first answer that a rebalance is under way. */
  readonly rebalancing: Promise<void>
  /** Rejects when the member is expelled, the session has timed out, or the coordinator refuses for good. Never resolves. */
  readonly lost: Promise<never>
  readonly #cluster: Cluster
  readonly #links: Links
  readonly #membership: Membership
  readonly #options: HeartbeatOptions
  #announce: () => void = () => undefined
  #lose: (reason: Error) => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  /** Does not wait for the answer of a request: a request may hang for longer than a session. */
  #session: NodeJS.Timeout | undefined
  #isStopped = false
  readonly #bornAt = performance.now()

  constructor(cluster: Cluster, links: Links, membership: Membership, options: HeartbeatOptions) {
    this.#cluster = cluster
    this.#links = links
    this.#membership = membership
    this.#options = options
    this.rebalancing = new Promise((resolve) => {
      this.#announce = resolve
    })
    this.lost = new Promise((_resolve, reject) => {
      this.#lose = reject
    })
    // Whoever waits for it sees the rejection; it may come while nobody does.
    this.lost.catch(() => undefined)
    this.#next(this.#interval)
    this.#provenAt(performance.now())
  }

  get #interval(): number {
    return heartbeatPause(performance.now() - this.#bornAt, this.#options.heartbeatIntervalMs)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#session)
  }

  /** The coordinator cannot have counted from an earlier time than when the request was sent. */
  #provenAt(sentAt: number): void {
    if (this.#isStopped) return
    clearTimeout(this.#session)
    const { sessionTimeoutMs } = this.#options
    this.#session = setTimeout(
      () => {
        this.stop()
        this.#lose(new SessionOver(`no heartbeat was answered for ${sessionTimeoutMs} ms`))
      },
      Math.max(0, sentAt + sessionTimeoutMs - performance.now()),
    )
  }

  #next(milliseconds: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => void this.#beat(), milliseconds)
  }

  async #beat(): Promise<void> {
    const { groupId } = this.#membership
    const sentAt = performance.now()
    try {
      const coordinator = await this.#cluster.coordinator('group', groupId)
      const { errorCode } = await this.#links.send(coordinator, heartbeatApi, this.#membership)
      if (errorCode !== code.NONE && errorCode !== code.REBALANCE_IN_PROGRESS) throw new Refused('Heartbeat', errorCode)
      this.#provenAt(sentAt)
      if (errorCode === code.REBALANCE_IN_PROGRESS) this.#announce()
      this.#next(this.#interval)
    } catch (error) {
      if (this.#isStopped) return
      if (isCoordinatorMoved(error)) this.#cluster.forgetCoordinator('group', groupId)
      if (error instanceof NoAnswer || isUntouched(error)) return this.#next(HURRY_MS)
      this.stop()
      this.#lose(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
