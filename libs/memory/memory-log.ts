/**
 * The in-memory home of the log port, for tests, the test kit, the demo and the simulator. It behaves as a Kafka cluster does
 * and passes the same conformance suite (test/support/log-conformance.ts).
 *
 * One `MemoryLog` is one cluster and a first connection to it; `connect` opens more, one for each worker, so that a worker can be
 * closed or killed while the cluster lives on.
 */
import { assert } from '../faults/fault.ts'
import type { Clock } from '../runtime/ports/clock.ts'
import { systemClock } from '../runtime/ports/clock.ts'
import type {
  GroupEvents,
  GroupMember,
  GroupOptions,
  Log,
  LogAdmin,
  PartitionReader,
  PartitionRecords,
  ProducerOptions,
  ReaderEvents,
  ReaderOptions,
  TransactionalProducer,
} from '../runtime/ports/log.ts'
import { compactEntries } from './compaction.ts'
import type { LogFaults } from './log-faults.ts'
import { MemoryAdmin } from './memory-admin.ts'
import { MemoryBroker } from './memory-broker.ts'
import type { ConnectionState } from './memory-broker.ts'
import { cannotDelete, closed } from './memory-faults.ts'
import { MemoryMember } from './memory-member.ts'
import { groupByPartition, MemoryProducer } from './memory-producer.ts'
import { MemoryReader } from './memory-reader.ts'
import type { Entry } from './memory-topic.ts'
import { toWire } from './memory-topic.ts'
import { topicSettings } from './topic-settings.ts'

export interface MemoryLogOptions {
  /** Default: the system's clock. */
  readonly clock?: Clock
  /** Size of the cluster that is played, for replication factors. Default 1. */
  readonly brokers?: number
  /** Whether `describeTopics` tells topic ids. Default false, as with the client of the real home. */
  readonly topicIds?: boolean
  /**
   * When a request reaches the broker and a notice its member. Default: as a microtask where a clock is given, so that nothing but the clock
   * makes a test wait; as a macrotask with the system's clock, so that timers and I/O get their turns. The simulator gives a seeded order.
   */
  readonly schedule?: (task: () => void) => void
}

/** A client of the cluster: what one worker process holds. */
export class MemoryConnection implements Log {
  readonly name: string
  readonly admin: LogAdmin
  protected readonly broker: MemoryBroker
  readonly #state: ConnectionState
  readonly #readers = new Set<MemoryReader>()
  readonly #members = new Set<MemoryMember>()

  constructor(broker: MemoryBroker, name: string, showsTopicIds: boolean) {
    this.name = name
    this.broker = broker
    this.#state = { name, life: 'open' }
    this.admin = new MemoryAdmin(broker, this.#state, showsTopicIds)
  }

  openReader(events: ReaderEvents, options?: ReaderOptions): PartitionReader {
    if (this.#state.life === 'closed') throw closed()
    const reader = new MemoryReader(this.broker, this.#state, events, options)
    this.#readers.add(reader)
    return reader
  }

  async openProducer(transactionalId: string, options: ProducerOptions = {}): Promise<TransactionalProducer> {
    const timeoutMs = options.transactionTimeoutMs ?? 10_000
    const call = { operation: 'openProducer', connection: this.name, transactionalId } as const
    const owner = await this.broker.request(this.#state, call, () => this.broker.transactions.open(transactionalId, timeoutMs))
    return new MemoryProducer(this.broker, this.#state, owner)
  }

  async joinGroup(options: GroupOptions, events: GroupEvents): Promise<GroupMember> {
    if (this.#state.life === 'closed') throw closed()
    const member = new MemoryMember(this.broker, this.#state, options, events)
    this.#members.add(member)
    member.start()
    return member
  }

  async append(batches: readonly PartitionRecords[]): Promise<void> {
    const filled = batches.filter((batch) => batch.records.length > 0)
    const wire = filled.map((batch) => ({ ...batch, records: Array.from(batch.records, toWire) }))
    return this.broker.request(this.#state, { operation: 'append', connection: this.name }, () => {
      const now = this.broker.clock.now()
      for (const [partition, records] of groupByPartition(this.broker, wire)) partition.append(records, -1, now)
    })
  }

  /** Ends readers and leaves groups. An open transaction stays open until it times out or its id is opened again. */
  async close(): Promise<void> {
    if (this.#state.life !== 'open') return
    for (const reader of this.#readers) await reader.close()
    for (const member of this.#members) await member.leave()
    this.#state.life = 'closed'
  }

  /** As kill -9 of the process: no call is answered any more and no callback comes; the cluster learns it by time-outs only. */
  kill(): void {
    this.#state.life = 'killed'
    for (const reader of this.#readers) void reader.close()
    for (const member of this.#members) member.kill()
  }

  findMember(memberId: string): MemoryMember | undefined {
    return [...this.#members].find((member) => member.memberId === memberId)
  }
}

/** The cluster with its first connection, and the levers of tests. */
export class MemoryLog extends MemoryConnection {
  readonly #showsTopicIds: boolean
  readonly #connections: MemoryConnection[] = []

  constructor(options: MemoryLogOptions) {
    const clock = options.clock ?? systemClock
    const schedule = options.schedule ?? (options.clock === undefined ? (task) => void setImmediate(task) : queueMicrotask)
    super(new MemoryBroker(clock, options.brokers ?? 1, schedule), 'client', options.topicIds ?? false)
    this.#showsTopicIds = options.topicIds ?? false
    this.#connections.push(this)
  }

  connect(name: string = `client-${this.#connections.length}`): MemoryConnection {
    const connection = new MemoryConnection(this.broker, name, this.#showsTopicIds)
    this.#connections.push(connection)
    return connection
  }

  /** Hooks that every request passes; may be exchanged at any time. */
  get faults(): LogFaults {
    return this.broker.faults
  }

  set faults(faults: LogFaults) {
    this.broker.faults = faults
  }

  /** Faults of late requests whose caller has given up, oldest first. */
  get unseenFaults(): readonly unknown[] {
    return this.broker.unseenFaults
  }

  /** Everything in a partition, with markers and with what is open or aborted. */
  entries(topic: string, partition: number): readonly Entry[] {
    return this.broker.partition(topic, partition).entries
  }

  /** Runs the log cleaner over all partitions of a compacted topic, up to the last stable offset. */
  compact(topic: string, options: { readonly purgeTombstones?: boolean } = {}): void {
    const { partitions, settings } = this.broker.topic(topic)
    assert(settings.compacted, `topic ${topic} is compacted`)
    for (const log of partitions) log.replaceEntries(compactEntries(log.entries, log.lastStable, options.purgeTombstones ?? false))
  }

  /** Retention: the log start moves, whatever the clean-up policy. */
  expire(topic: string, partition: number, position: number): void {
    const log = this.broker.partition(topic, partition)
    if (position > log.end) throw cannotDelete(topic, partition, `${position} is beyond the end of the log, ${log.end}`)
    log.moveLogStart(position)
  }

  /** The log loses its tail, as after an unclean election of a leader. */
  truncate(topic: string, partition: number, end: number): void {
    this.broker.partition(topic, partition).truncate(end)
  }

  addPartitions(topic: string, count: number): void {
    this.broker.addPartitions(topic, count)
  }

  /** Changes settings of a topic; those that are not named stay. */
  alterTopic(topic: string, config: Readonly<Record<string, string>>): void {
    const found = this.broker.topic(topic)
    found.settings = topicSettings(topic, { ...found.settings.config, ...config })
  }

  /** The group's positions are gone, as after `offsets.retention.minutes`. */
  expirePositions(groupId: string): void {
    this.broker.group(groupId).positions.forgetAll()
  }

  membersOf(groupId: string): readonly string[] {
    return this.broker.groups.get(groupId)?.memberIds ?? []
  }

  /** The coordinator removes a member; it hears of it at once, unless it is frozen. */
  expel(groupId: string, memberId: string): void {
    this.broker.group(groupId).expel(memberId, 'by request')
  }

  /** Cuts a member off from the coordinator (a stopped process, a lost network): its session time-out runs from now on. */
  freeze(memberId: string): void {
    this.#memberOf(memberId).freeze()
  }

  thaw(memberId: string): void {
    this.#memberOf(memberId).thaw()
  }

  /** Ends all connections and the cluster with them. */
  override async close(): Promise<void> {
    for (const connection of this.#connections) {
      if (connection !== this) await connection.close()
    }
    await super.close()
    this.broker.deadlines.clear()
  }

  #memberOf(memberId: string): MemoryMember {
    for (const connection of this.#connections) {
      const member = connection.findMember(memberId)
      if (member !== undefined) return member
    }
    throw new Error(`no connection has a group member ${memberId}`)
  }
}

/** A cluster of its own, empty. */
export function memoryLog(options: MemoryLogOptions = {}): MemoryLog {
  return new MemoryLog(options)
}
