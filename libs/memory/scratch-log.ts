/**
 * A log that only reads from a cluster: given topics are read there, and everything else (groups, transactions, internal and output topics)
 * happens in memory. A topology that runs on it computes what it would compute, and leaves no trace.
 */
import { Fault } from '../faults/fault.ts'
import type {
  FetchedBatch,
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
  TopicPartition,
  TransactionalProducer,
} from '../runtime/ports/log.ts'

export interface ScratchOptions {
  /** The cluster. Closed by whoever opened it. */
  readonly base: Log
  /** Topics of the cluster that are read; nobody writes them here. */
  readonly read: readonly string[]
  /** Takes all the rest. */
  readonly memory: Log
}

export class ScratchLog implements Log {
  readonly admin: LogAdmin
  readonly #base: Log
  readonly #memory: Log
  readonly #read: ReadonlySet<string>

  private constructor(options: ScratchOptions) {
    this.#base = options.base
    this.#memory = options.memory
    this.#read = new Set(options.read)
    this.admin = this.#administration()
  }

  /** `outputs`: topics of the cluster that the topology would write; they get a double in memory with the same number of partitions. */
  static async open(options: ScratchOptions & { readonly outputs: readonly string[] }): Promise<ScratchLog> {
    const described = await options.base.admin.describeTopics(options.outputs)
    await options.memory.admin.createTopics(
      [...described.values()].map(({ name, partitions }) => ({ name, partitions, replicationFactor: 1, config: {} })),
    )
    return new ScratchLog(options)
  }

  openReader(events: ReaderEvents, options?: ReaderOptions): PartitionReader {
    // Batches say which topic they are of: whose reader they come from does not matter.
    const own: ReaderEvents = {
      onBatch: (batch: FetchedBatch) => events.onBatch(batch),
      onOutOfRange: (partition, position, logStart, logEnd) => events.onOutOfRange(partition, position, logStart, logEnd),
      onFault: (partition, fault) => events.onFault(partition, fault),
    }
    const base = this.#base.openReader(own, options)
    const memory = this.#memory.openReader(own, options)
    const of = ({ topic }: TopicPartition): PartitionReader => (this.#read.has(topic) ? base : memory)
    return {
      assign: (partition, position) => of(partition).assign(partition, position),
      unassign: (partition) => of(partition).unassign(partition),
      pause: (partition) => of(partition).pause(partition),
      resume: (partition) => of(partition).resume(partition),
      close: async () => void (await Promise.all([base.close(), memory.close()])),
    }
  }

  async openProducer(transactionalId: string, options?: ProducerOptions): Promise<TransactionalProducer> {
    const producer = await this.#memory.openProducer(transactionalId, options)
    return {
      transactionalId,
      send: async (batches) => {
        this.#refuseWrites(batches)
        return await producer.send(batches)
      },
      sendPositions: (identity, positions) => producer.sendPositions(identity, positions),
      commit: () => producer.commit(),
      close: () => producer.close(),
    }
  }

  joinGroup(options: GroupOptions, events: GroupEvents): Promise<GroupMember> {
    return this.#memory.joinGroup(options, events)
  }

  async append(batches: readonly PartitionRecords[]): Promise<void> {
    this.#refuseWrites(batches)
    await this.#memory.append(batches)
  }

  /** The cluster's connection stays open. */
  async close(): Promise<void> {
    await this.#memory.close()
  }

  #refuseWrites(batches: readonly PartitionRecords[]): void {
    const wrong = batches.find(({ topic }) => this.#read.has(topic))
    if (wrong === undefined) return
    throw new Fault('MR3060', 'stop', `${wrong.topic} is only read by this run, and something would be written to it`, {
      place: { topic: wrong.topic },
    })
  }

  #administration(): LogAdmin {
    const base = this.#base.admin
    const memory = this.#memory.admin
    const isRead = (topic: string): boolean => this.#read.has(topic)
    const split = <T extends { readonly topic: string }>(all: readonly T[]): readonly [read: T[], rest: T[]] => [
      all.filter(({ topic }) => isRead(topic)),
      all.filter(({ topic }) => !isRead(topic)),
    ]
    const both = async <T extends { readonly topic: string }, K, V>(
      all: readonly T[],
      ask: (admin: LogAdmin, some: readonly T[]) => Promise<ReadonlyMap<K, V>>,
    ): Promise<ReadonlyMap<K, V>> => {
      const [read, rest] = split(all)
      const answers = await Promise.all([ask(base, read), ask(memory, rest)])
      return new Map(answers.flatMap((answer) => [...answer]))
    }
    return {
      describeTopics: (names) =>
        both(
          names.map((topic) => ({ topic })),
          (admin, some) => admin.describeTopics(some.map(({ topic }) => topic)),
        ),
      listTopics: async () => [...this.#read, ...(await memory.listTopics())],
      createTopics: (specs) => memory.createTopics(specs.map((spec) => ({ ...spec, replicationFactor: 1 }))),
      deleteTopics: (names) => memory.deleteTopics(names),
      topicConfig: (name) => (isRead(name) ? base : memory).topicConfig(name),
      ranges: (partitions) => both(partitions, (admin, some) => admin.ranges(some)),
      positionsAt: (partitions, timestamp) => both(partitions, (admin, some) => admin.positionsAt(some, timestamp)),
      committed: (groupId, partitions) => memory.committed(groupId, partitions),
      commitFromOutside: (groupId, positions) => memory.commitFromOutside(groupId, positions),
      describeGroup: (groupId) => memory.describeGroup(groupId),
      deleteRecords: (positions) => memory.deleteRecords(positions),
      brokers: () => base.brokers(),
    }
  }
}
