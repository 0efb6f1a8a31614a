/**
 * The cluster as it is known now: brokers, leaders of partitions, coordinators. All of it is a cache that a failure empties.
 *
 * Its own questions (where is what) go over one control link per broker; every other part of this folder opens links of its
 * own through `openLinks`, so that no long poll and no join holds up another.
 */
import { Fault } from '../faults/fault.ts'
import type { PartitionId, TopicPartition } from '../runtime/ports/log.ts'
import { partitionId } from '../runtime/ports/log.ts'
import { systemClock } from '../runtime/ports/clock.ts'
import { isUntouched } from './failures.ts'
import type { Address, KafkaSettings } from './kafka-options.ts'
import { addressText } from './kafka-options.ts'
import { persist } from './persist.ts'
import type { Api } from './wire/api.ts'
import { code, NoAnswer, Refused } from './wire/api.ts'
import type { CoordinatorKind, Metadata, TopicMetadata } from './wire/cluster-apis.ts'
import { findCoordinatorApi, metadataApi } from './wire/cluster-apis.ts'
import { Link } from './wire/link.ts'

const COORDINATOR_WAIT_MS_MAX = 30_000

export class Cluster {
  readonly settings: KafkaSettings
  readonly #control = new Map<string, Link>()
  readonly #brokers = new Map<number, Address>()
  readonly #leaders = new Map<PartitionId, number>()
  readonly #coordinators = new Map<string, number>()
  readonly #refreshes = new Map<string, Promise<Metadata>>()
  readonly #opened = new Set<Links>()
  #isClosed = false

  constructor(settings: KafkaSettings) {
    this.settings = settings
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Links of one owner; closing them closes its connections. */
  openLinks(): Links {
    if (this.#isClosed) throw closedFault()
    const links = new Links(this, () => this.#opened.delete(links))
    this.#opened.add(links)
    return links
  }

  address(broker: number): Address | undefined {
    return this.#brokers.get(broker)
  }

  /** The leader as far as known; undefined: ask `refresh`. */
  leaderOf(topic: string, partition: number): number | undefined {
    return this.#leaders.get(partitionId(topic, partition))
  }

  forgetLeader(topic: string, partition: number): void {
    this.#leaders.delete(partitionId(topic, partition))
  }

  /** Reads brokers, topics and leaders anew. `null`: of all topics. Equal questions at the same time are asked once. */
  refresh(topics: readonly string[] | null): Promise<Metadata> {
    const key = topics === null ? '*' : [...topics].sort().join(',')
    const running = this.#refreshes.get(key)
    if (running) return running
    const refresh = this.#refresh(topics).finally(() => this.#refreshes.delete(key))
    this.#refreshes.set(key, refresh)
    return refresh
  }

  async #refresh(topics: readonly string[] | null): Promise<Metadata> {
    const metadata = await this.ask(metadataApi, { topics })
    this.#brokers.clear()
    for (const { id, host, port } of metadata.brokers) this.#brokers.set(id, { host, port })
    for (const topic of metadata.topics)
      for (const { partition, leader } of topic.partitions) {
        const id = partitionId(topic.name, partition)
        if (leader >= 0) this.#leaders.set(id, leader)
        else this.#leaders.delete(id)
      }
    return metadata
  }

  /** Leaders of all the partitions, asked for where unknown. Throws Refused for one that has none. */
  async leaders<Item extends TopicPartition>(items: readonly Item[]): Promise<Map<number, Item[]>> {
    const unknown = new Set(items.filter(({ topic, partition }) => this.leaderOf(topic, partition) === undefined).map(({ topic }) => topic))
    const fresh = unknown.size > 0 ? (await this.refresh([...unknown])).topics : []
    const groups = new Map<number, Item[]>()
    for (const item of items) {
      const leader = this.leaderOf(item.topic, item.partition)
      if (leader === undefined) throw new Refused('Metadata', whyNoLeader(fresh, item), `${item.topic}:${item.partition}`)
      const group = groups.get(leader)
      if (group) group.push(item)
      else groups.set(leader, [item])
    }
    return groups
  }

  /** Which broker coordinates the group or transactional id. Cached until `forgetCoordinator`. */
  async coordinator(kind: CoordinatorKind, key: string): Promise<number> {
    const known = this.#coordinators.get(`${kind}:${key}`)
    if (known !== undefined) return known
    const answer = await persist(
      { deadlineMs: COORDINATOR_WAIT_MS_MAX, pauseMs: 20, pauseMsMax: 500, mayRepeat: isUntouched },
      async () => {
        const found = await this.ask(findCoordinatorApi, { kind, key })
        if (found.errorCode !== code.NONE) throw new Refused('FindCoordinator', found.errorCode, found.message)
        return found
      },
    )
    this.#brokers.set(answer.id, { host: answer.host, port: answer.port })
    this.#coordinators.set(`${kind}:${key}`, answer.id)
    return answer.id
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind}:${key}`)
  }

  /** Asks any broker: for questions that may be asked twice. Throws MR3020 (`retry`) when none answers for `unreachableAfterMs`. */
  async ask<Request, Answer>(api: Api<Request, Answer>, request: Request): Promise<Answer> {
    const { unreachableAfterMs } = this.settings
    const end = performance.now() + unreachableAfterMs
    let last: unknown
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      for (const link of this.#candidates()) {
        if (this.#isClosed) throw closedFault()
        try {
          return await link.send(api, request)
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error
          last = error.cause
        }
        if (performance.now() >= end) break
      }
      if (this.#isClosed) throw closedFault()
      if (performance.now() + pauseMs >= end) break
      await systemClock.sleep(pauseMs)
    }
    throw new Fault(
      'MR3020',
      'retry',
      `no broker answers at ${this.settings.seeds.map(addressText).join(', ')} (after ${unreachableAfterMs} ms; last: ` +
        `${last instanceof Error ? last.message : String(last)}). Check that Kafka runs, the address, and whether the listener wants TLS.`,
      { cause: last },
    )
  }

  close(): void {
    this.#isClosed = true
    for (const link of this.#control.values()) link.close()
    for (const links of this.#opened) links.close()
  }

  /** Connected ones first, then the known brokers, then the seeds. */
  #candidates(): Link[] {
    const addresses = new Map<string, Address>()
    for (const address of [...this.#brokers.values(), ...this.settings.seeds]) addresses.set(addressText(address), address)
    for (const [text, link] of this.#control)
      if (!addresses.has(text)) {
        link.close()
        this.#control.delete(text)
      }
    const links = [...addresses].map(([text, address]) => {
      const link = this.#control.get(text) ?? new Link(address, this.settings)
      this.#control.set(text, link)
      return link
    })
    return links.sort((a, b) => Number(b.isConnected) - Number(a.isConnected))
  }
}

/** The connections of one owner, one for each broker that it speaks to. */
export class Links {
  readonly #cluster: Cluster
  readonly #onClose: () => void
  readonly #links = new Map<number, Link>()
  #isClosed = false

  constructor(cluster: Cluster, onClose: () => void) {
    this.#cluster = cluster
    this.#onClose = onClose
  }

  async send<Request, Answer>(broker: number, api: Api<Request, Answer>, request: Request, timeoutMs?: number): Promise<Answer> {
    return this.#to(broker, api.name).send(api, request, timeoutMs)
  }

  close(): void {
    this.#isClosed = true
    this.#onClose()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }

  #to(broker: number, apiName: string): Link {
    if (this.#isClosed)
      throw this.#cluster.isClosed ? closedFault() : new NoAnswer(apiName, `broker ${broker}`, false, new Error('closed by this side'))
    const address = this.#cluster.address(broker)
    if (!address) throw new NoAnswer(apiName, `broker ${broker}`, false, new Error('the cluster knows no such broker now'))
    const known = this.#links.get(broker)
    if (known?.address === addressText(address)) return known
    known?.close()
    const link = new Link(address, this.#cluster.settings)
    this.#links.set(broker, link)
    return link
  }
}

function whyNoLeader(topics: readonly TopicMetadata[], { topic, partition }: TopicPartition): number {
  const described = topics.find(({ name }) => name === topic)
  if (described === undefined) return code.LEADER_NOT_AVAILABLE
  if (described.errorCode !== code.NONE) return described.errorCode
  return described.partitions.some((one) => one.partition === partition) ? code.LEADER_NOT_AVAILABLE : code.UNKNOWN_TOPIC_OR_PARTITION
}

export function closedFault(): Fault {
  return new Fault('MR3012', 'stop', 'the log is closed: a call was made after close().')
}
