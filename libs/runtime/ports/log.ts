/**
 * The log port: all that the engine knows of Kafka.
 *
 * Two homes: libs/kafka (a real cluster) and libs/memory (deterministic, for tests, demo and simulation). Both pass
 * test/support/log-conformance.ts. Words: a *position* is the next offset to read; an *offset* is the offset of a record.
 *
 * Offsets are safe integers (asserted below 2^53 where they are decoded): a partition would need 285 years at a million
 * records a second to leave that range, and bigint arithmetic on the hot path costs too much.
 *
 * Errors of every call are `Fault`s; `action` says what to do (libs/faults/fault.ts).
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `topic:partition`, for maps. Topic names hold no colon. */
export type PartitionId = `${string}:${number}`
export const partitionId = (topic: string, partition: number): PartitionId => `${topic}:${partition}`

/** Header names may repeat; order is kept. */
export type Header = readonly [name: string, value: Uint8Array]
export const NO_HEADERS: readonly Header[] = Object.freeze([])

export interface LogRecord {
  readonly offset: number
  /** Epoch milliseconds as written by the producer (or the broker). May be negative or absurd: the source decides. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
}

export interface OutgoingRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: readonly Header[]
}

/** In the order in which they are sent. An array of them is one; many that wait are a PackedOutgoing. */
export interface OutgoingRecords extends Iterable<OutgoingRecord> {
  readonly length: number
  at(index: number): OutgoingRecord | undefined
}

/** Key and value of a record as parts of the memory in which they stand, which is the log's: only for the time of the call. NULL_SIZE: it is null. */
export type SeeRecord = (
  memory: Buffer,
  keyFrom: number,
  keySize: number,
  valueFrom: number,
  valueSize: number,
  headers: readonly Header[],
) => void

/** Records in offset order, made when they are asked for. */
export interface Records extends Iterable<LogRecord> {
  readonly length: number
  /** Without making the record; undefined: there is none. */
  offsetAt(index: number): number | undefined
  timestampAt(index: number): number | undefined
  slice(from: number, to: number): readonly LogRecord[]
  /** Shows records without making them: for those who read millions and keep none. */
  look(from: number, to: number, see: SeeRecord): void
}

const NOTHING = Buffer.alloc(0)
/** Size of a key or value that is null. */
export const NULL_SIZE = -1

/** Records that are there already. */
export const recordsOf = (list: readonly LogRecord[]): Records => ({
  length: list.length,
  offsetAt: (index) => list[index]?.offset,
  timestampAt: (index) => list[index]?.timestamp,
  slice: (from, to) => list.slice(from, to),
  look: (from, to, see) => {
    for (const { key, value, headers } of list.slice(from, to)) {
      const keySize = key?.length ?? 0
      const memory = Buffer.concat([key ?? NOTHING, value ?? NOTHING])
      see(memory, 0, key === null ? NULL_SIZE : keySize, keySize, value?.length ?? NULL_SIZE, headers)
    }
  },
  [Symbol.iterator]: () => list[Symbol.iterator](),
})

/** The answer to one fetch of one partition: committed data records only (read_committed), in offset order. */
export interface FetchedBatch extends TopicPartition {
  /** The position that was asked for. A batch for another position than the expected one must be dropped by the receiver. */
  readonly fetchedFrom: number
  /** The position after everything in this answer, also after control and aborted records, at which nothing is left to deliver. */
  readonly next: number
  readonly records: Records
  readonly logStart: number
  readonly highWatermark: number
  /** Last stable offset: below it no transaction is open. `next === highWatermark` means "read to the end". */
  readonly lastStable: number
  /** What its records hold in memory: the answer, and what was unpacked of it. */
  readonly bytes: number
}

export interface ReaderEvents {
  /** Called for every answer that has records, or moves `next`, or changes a watermark. Synchronous: queue it and return. */
  onBatch(batch: FetchedBatch): void
  /** The position is below the log start or beyond its end. Reading of the partition has stopped; nothing is reset in silence. */
  onOutOfRange(partition: TopicPartition, position: number, logStart: number, logEnd: number): void
  /** A fault that lasts (authorization, topic gone). Passing ones are retried inside, without end, with a bounded pause. */
  onFault(partition: TopicPartition, fault: Error): void
}

/** Reads partitions from given positions, read_committed. Never resets an offset, never commits one. */
export interface PartitionReader {
  /** Starts, or starts again at another position. After it returns no batch of an earlier assignment is delivered. */
  assign(partition: TopicPartition, position: number): void
  unassign(partition: TopicPartition): void
  /** Stops fetching; what was fetched is still delivered. */
  pause(partition: TopicPartition): void
  resume(partition: TopicPartition): void
  close(): Promise<void>
}

export interface ReaderOptions {
  /** Upper bound of one answer for one partition, bytes. Default 1 MiB. */
  readonly partitionBytesMax?: number
  /** How long the broker may wait for data, ms. Default 500; the wait ends as soon as there is a byte. */
  readonly waitMsMax?: number
}

/** Who commits offsets: an expelled or stale member is refused by the broker (`release-task`). */
export interface GroupIdentity {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
}

export interface PositionToCommit extends TopicPartition {
  readonly position: number
  readonly metadata: string
}

export interface PartitionRecords extends TopicPartition {
  readonly records: OutgoingRecords
}

/**
 * One transactional producer = one owner of one task (engine.md P3). It exists only initialised: opening it has ended any
 * open transaction of a former owner of the same transactional id and fenced that owner.
 *
 * A transaction begins with the first `send` or `sendPositions` after opening or after `commit`. There is no abort: after any
 * failure the caller closes this producer and opens a new one, and that initialisation is the abort (engine-holes.md H11).
 * Nothing is sent twice after a time-out or disconnect. Calls must not overlap.
 */
export interface TransactionalProducer {
  readonly transactionalId: string
  /**
   * Appends; order within a partition is kept. Answers, for every partition that was sent to, the offset of the first and of
   * the last record of this call.
   * Faults: `refuse-record` with place {topic, partition, offset = index in records} when the broker refuses a record for good (too large).
   */
  send(batches: readonly PartitionRecords[]): Promise<ReadonlyMap<PartitionId, { readonly first: number; readonly last: number }>>
  /** Adds the group's positions to the transaction. `identity` without a member (control work) has memberId '' and generation -1. */
  sendPositions(identity: GroupIdentity, positions: readonly PositionToCommit[]): Promise<void>
  /** Ends the transaction. Resolved: it happened. Rejected: unknown or not; close and acquire again. */
  commit(): Promise<void>
  /** Frees connections. Does not end an open transaction. */
  close(): Promise<void>
}

export interface ProducerOptions {
  /** The coordinator aborts a transaction that is open for longer. Default 10,000 ms. */
  readonly transactionTimeoutMs?: number
}

export interface AssignmentOf {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array
}

export interface MemberOf {
  readonly memberId: string
  readonly userData: Uint8Array
}

/** A member's own view of the group's life. Heartbeats go on while the callbacks are awaited (bounded by rebalanceTimeoutMs). */
export interface GroupEvents {
  /** What this member tells the leader at each join (kept state, capacity). */
  userData(): Uint8Array
  /** Run on the leader only: pure, gives every member an assignment. */
  assign(members: readonly MemberOf[]): Promise<ReadonlyMap<string, AssignmentOf>>
  /** The group rebalances: finish or abandon what is in flight; when it resolves the member joins again. */
  onRebalancing(): Promise<void>
  /** A new generation. The former assignment, minus what is given again, is lost. */
  onAssigned(identity: GroupIdentity, assignment: AssignmentOf): Promise<void>
  /** Expelled or session timed out: everything is lost at once; the member joins again by itself with a new id. */
  onLost(reason: Error): void
  /** The member cannot work at all (authorization). It has stopped. */
  onFault(fault: Error): void
}

export interface GroupOptions {
  readonly groupId: string
  /** Written in the group's metadata, so that stock tools show which topics the group reads. */
  readonly topics: readonly string[]
  /** Name of the assignor, equal for all members. */
  readonly protocol: string
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number
  /** Default 3,000. */
  readonly heartbeatIntervalMs?: number
  /** Default 60,000. */
  readonly rebalanceTimeoutMs?: number
}

export interface GroupMember {
  /** Asks for a rebalance (partition counts changed, a task was closed). */
  rejoin(): void
  /** Leaves the group so that others take over at once. */
  leave(): Promise<void>
}

export interface CommittedPosition {
  readonly position: number
  readonly metadata: string
}

export interface TopicDescription {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  /** Topic id where the client can read it, else undefined. */
  readonly id: string | undefined
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
}

export interface PartitionRange {
  readonly logStart: number
  /** High watermark. */
  readonly end: number
  /** Last stable offset. */
  readonly lastStable: number
}

export interface BrokerFacts {
  readonly clusterId: string
  readonly brokers: readonly { readonly id: number; readonly address: string }[]
  readonly controller: number | undefined
}

export interface LogAdmin {
  /** Topics that do not exist are absent from the answer. */
  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>>
  listTopics(): Promise<readonly string[]>
  /** Creating a topic that exists is no fault (it is left as it is). Resolves when every partition has a leader. */
  createTopics(specs: readonly TopicSpec[]): Promise<void>
  deleteTopics(names: readonly string[]): Promise<void>
  /** Settings in force, defaults included. */
  topicConfig(name: string): Promise<Readonly<Record<string, string>>>
  ranges(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, PartitionRange>>
  /** The first position at or after a timestamp; the end where there is none. */
  positionsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<PartitionId, number>>
  /** Positions of a group with their metadata; absent where there is none. Waits (bounded) while a transaction is pending on them. */
  committed(groupId: string, partitions: readonly TopicPartition[]): Promise<ReadonlyMap<PartitionId, CommittedPosition>>
  /** Writes positions from outside the group (tools, tests); refused by the broker while the group has members. */
  commitFromOutside(groupId: string, positions: readonly PositionToCommit[]): Promise<void>
  /** State and members of a group, for status and doctor. */
  describeGroup(groupId: string): Promise<{ readonly state: string; readonly members: number }>
  /** Deletes records below the positions (repartition topics only). Where the broker refuses, it throws a Fault. */
  deleteRecords(positions: readonly (TopicPartition & { readonly position: number })[]): Promise<void>
  brokers(): Promise<BrokerFacts>
}

export interface Log {
  readonly admin: LogAdmin
  openReader(events: ReaderEvents, options?: ReaderOptions): PartitionReader
  /** Initialises: ends a former owner's open transaction and fences it (step 1 of the acquire barrier). */
  openProducer(transactionalId: string, options?: ProducerOptions): Promise<TransactionalProducer>
  /** Resolves when the member has started to join; events follow. */
  joinGroup(options: GroupOptions, events: GroupEvents): Promise<GroupMember>
  /** Appends outside any transaction (loaders, tests), idempotent, acks=all. */
  append(batches: readonly PartitionRecords[]): Promise<void>
  close(): Promise<void>
}
