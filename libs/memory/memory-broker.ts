/**
 * The in-memory broker: owns topics, transactions and groups, and the way by which requests reach them.
 *
 * Deterministic: given the same calls in the same order, everything happens in the same order. Nothing is done inside a call
 * of a client; each request takes one turn of `schedule` first, so that an answer is never synchronous, as with a real broker.
 */
import { assert } from '../faults/fault.ts'
import type { Clock } from '../runtime/ports/clock.ts'
import type { TopicSpec } from '../runtime/ports/log.ts'
import { Deadlines } from './deadlines.ts'
import type { LogCall, LogFaults } from './log-faults.ts'
import { closed, noSuchPartition } from './memory-faults.ts'
import { MemoryGroup } from './memory-group.ts'
import { MemoryPartition } from './memory-topic.ts'
import type { MemoryTopic } from './memory-topic.ts'
import { MemoryTransactions } from './memory-transactions.ts'
import { checkTopicSpec, topicSettings } from './topic-settings.ts'

/** The state of a client's connection: `killed` is a process that ended by kill -9. */
export interface ConnectionState {
  readonly name: string
  life: 'open' | 'closed' | 'killed'
}

export class MemoryBroker {
  readonly clock: Clock
  readonly brokers: number
  readonly schedule: (task: () => void) => void
  readonly deadlines: Deadlines
  readonly transactions: MemoryTransactions
  readonly topics = new Map<string, MemoryTopic>()
  readonly groups = new Map<string, MemoryGroup>()
  faults: LogFaults = {}
  #topicsCreated = 0
  #members = 0

  constructor(clock: Clock, brokers: number, schedule: (task: () => void) => void) {
    this.clock = clock
    this.brokers = brokers
    this.schedule = schedule
    this.deadlines = new Deadlines(clock)
    this.transactions = new MemoryTransactions(this)
  }

  /** Carries one request: a turn, `before`, the effect, `after`. For a killed connection no answer ever comes. */
  async request<Answer>(connection: ConnectionState, call: LogCall, effect: () => Answer | Promise<Answer>): Promise<Answer> {
    if (connection.life === 'closed') throw closed()
    await new Promise<void>((resolve) => this.schedule(resolve))
    if (connection.life === 'killed') return noAnswer()
    if (this.faults.before !== undefined) {
      const disturbed = await this.faults.before(call)
      if (disturbed !== undefined) {
        const arrives = 'again' in disturbed ? disturbed.again : disturbed.arrives
        void arrives.then(effect).catch((fault: unknown) => this.#onUnseenFault(fault))
        if ('fault' in disturbed) throw disturbed.fault
      }
      if (stateOf(connection) === 'killed') return noAnswer()
    }
    const answer = await effect()
    if (this.faults.after !== undefined) await this.faults.after(call)
    return stateOf(connection) === 'killed' ? noAnswer() : answer
  }

  /** The faults of requests that nobody waits for any more, newest last: the simulator may look at them. */
  readonly unseenFaults: unknown[] = []

  topic(name: string): MemoryTopic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw noSuchPartition(name)
    return topic
  }

  partition(topic: string, partition: number): MemoryPartition {
    const found = this.topics.get(topic)?.partitions[partition]
    if (found === undefined) throw noSuchPartition(topic, partition)
    return found
  }

  group(groupId: string): MemoryGroup {
    let group = this.groups.get(groupId)
    if (group === undefined) {
      group = new MemoryGroup(groupId, this)
      this.groups.set(groupId, group)
    }
    return group
  }

  createTopic(spec: TopicSpec): void {
    if (this.topics.has(spec.name)) return
    checkTopicSpec(spec, this.brokers)
    const topic: MemoryTopic = {
      name: spec.name,
      id: `memory-${++this.#topicsCreated}`,
      replicationFactor: spec.replicationFactor === -1 ? 1 : spec.replicationFactor,
      settings: topicSettings(spec.name, spec.config),
      partitions: [],
    }
    this.topics.set(spec.name, topic)
    this.addPartitions(spec.name, spec.partitions)
  }

  addPartitions(name: string, count: number): void {
    const topic = this.topic(name)
    assert(count >= topic.partitions.length, 'partitions are never taken away')
    while (topic.partitions.length < count) topic.partitions.push(new MemoryPartition(name, topic.partitions.length, () => topic.settings))
  }

  /** Positions of groups go with the topic, as in Kafka. */
  deleteTopic(name: string): void {
    const topic = this.topic(name)
    this.topics.delete(name)
    for (const group of this.groups.values()) group.positions.forgetTopic(name)
    for (const partition of topic.partitions) partition.delete()
  }

  nextMemberId(connection: ConnectionState): string {
    return `${connection.name}-${++this.#members}`
  }

  #onUnseenFault(fault: unknown): void {
    this.unseenFaults.push(fault)
  }
}

/** Read anew: the state may have changed during an await, which the compiler cannot see. */
const stateOf = (connection: ConnectionState): ConnectionState['life'] => connection.life

const noAnswer = (): Promise<never> => new Promise(() => undefined)
