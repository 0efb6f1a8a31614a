/** What tests of the log port look through: records as text, a reader and a group member that remember all they were told. */
import { Fault } from '../../libs/faults/fault.ts'
import { NO_HEADERS } from '../../libs/runtime/ports/log.ts'
import type {
  AssignmentOf,
  FetchedBatch,
  GroupEvents,
  GroupIdentity,
  Header,
  Log,
  LogRecord,
  MemberOf,
  OutgoingRecord,
  PartitionReader,
  ReaderOptions,
  TopicPartition,
} from '../../libs/runtime/ports/log.ts'
import { eventually } from './eventually.ts'

const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text))
const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('latin1'))

/** A record to send: value first, because most tests look at nothing else. */
export function outgoing(
  value: string | null,
  more: { key?: string | null; timestamp?: number; headers?: readonly Header[] } = {},
): OutgoingRecord {
  return { key: bytesOf(more.key ?? null), value: bytesOf(value), timestamp: more.timestamp ?? 1_000, headers: more.headers ?? NO_HEADERS }
}

export const values = (records: readonly LogRecord[]): readonly (string | null)[] => records.map((record) => textOf(record.value))
export const keys = (records: readonly LogRecord[]): readonly (string | null)[] => records.map((record) => textOf(record.key))
export const headerTexts = (record: LogRecord | undefined): readonly (readonly [string, string | null])[] =>
  (record?.headers ?? []).map(([name, value]) => [name, textOf(value)])

/** The fault that a call must end with. */
export async function faultOf(call: Promise<unknown>): Promise<Fault> {
  try {
    await call
  } catch (failure) {
    if (failure instanceof Fault) return failure
    throw new Error('the call failed, but not with a Fault', { cause: failure })
  }
  throw new Error('the call was to fail, and did not')
}

/** Reads one partition and keeps all that was told. */
export class ReaderProbe {
  readonly batches: FetchedBatch[] = []
  readonly outOfRange: { readonly position: number; readonly logStart: number; readonly logEnd: number }[] = []
  readonly faults: Error[] = []
  readonly reader: PartitionReader
  readonly partition: TopicPartition

  constructor(log: Log, topic: string, partition: number, position: number, options?: ReaderOptions) {
    this.partition = { topic, partition }
    this.reader = log.openReader(
      {
        onBatch: (batch) => void this.batches.push(batch),
        onOutOfRange: (_, at, logStart, logEnd) => void this.outOfRange.push({ position: at, logStart, logEnd }),
        onFault: (_, fault) => void this.faults.push(fault),
      },
      options,
    )
    this.reader.assign(this.partition, position)
  }

  get records(): readonly LogRecord[] {
    return this.batches.flatMap((batch) => [...batch.records])
  }

  get last(): FetchedBatch | undefined {
    return this.batches.at(-1)
  }

  /** Waits until nothing is left to deliver below a position. */
  async untilNext(position: number): Promise<void> {
    await eventually(() => {
      if ((this.last?.next ?? -1) < position) throw new Error(`the reader is at ${this.last?.next}, not yet at ${position}`)
    })
  }

  /** Waits until all that stands in the partition by now is read. */
  async untilEnd(log: Log): Promise<void> {
    await this.untilNext(await endOf(log, this.partition))
  }
}

export async function endOf(log: Log, { topic, partition }: TopicPartition): Promise<number> {
  const range = (await log.admin.ranges([{ topic, partition }])).get(`${topic}:${partition}`)
  if (range === undefined) throw new Error(`${topic}:${partition} has no range`)
  return range.end
}

/** Reads a partition from a position to its end, once. */
export async function readAll(log: Log, topic: string, partition: number, position = 0): Promise<ReaderProbe> {
  const probe = new ReaderProbe(log, topic, partition, position)
  try {
    await probe.untilEnd(log)
  } finally {
    await probe.reader.close()
  }
  return probe
}

/** A member that deals the partitions of `topic` out in the order of member ids, tells its name as user data, and gives each member's own back. */
export class MemberProbe implements GroupEvents {
  readonly told: string[] = []
  readonly faults: Error[] = []
  identity: GroupIdentity | undefined
  assignment: AssignmentOf | undefined
  /** What the leader saw at the last assignment; undefined where this member never led. */
  seen: readonly MemberOf[] | undefined
  /** Awaited by onRebalancing. */
  beforeRebalancing: Promise<void> = Promise.resolve()
  readonly name: string
  readonly #topic: string
  readonly #partitions: number

  constructor(name: string, topic: string, partitions: number) {
    this.name = name
    this.#topic = topic
    this.#partitions = partitions
  }

  /** Partitions held now; none between a rebalance and the next assignment. */
  get held(): readonly number[] {
    return (this.assignment?.partitions ?? []).map(({ partition }) => partition)
  }

  userData(): Uint8Array {
    return Buffer.from(this.name)
  }

  async assign(members: readonly MemberOf[]): Promise<ReadonlyMap<string, AssignmentOf>> {
    this.seen = members
    const sorted = [...members].sort((left, right) => (left.memberId < right.memberId ? -1 : 1))
    const all = Array.from({ length: this.#partitions }, (_, partition) => ({ topic: this.#topic, partition }))
    return new Map(
      sorted.map(({ memberId, userData }, index) => [
        memberId,
        { partitions: all.filter(({ partition }) => partition % sorted.length === index), userData },
      ]),
    )
  }

  async onRebalancing(): Promise<void> {
    this.told.push('rebalancing')
    this.assignment = undefined
    await this.beforeRebalancing
  }

  async onAssigned(identity: GroupIdentity, assignment: AssignmentOf): Promise<void> {
    this.told.push('assigned')
    this.identity = identity
    this.assignment = assignment
  }

  onLost(): void {
    this.told.push('lost')
    this.identity = undefined
    this.assignment = undefined
  }

  onFault(fault: Error): void {
    this.faults.push(fault)
  }
}

/** What members hold together, each partition as often as it is held. */
export const heldBy = (...probes: readonly MemberProbe[]): readonly number[] =>
  probes.flatMap((probe) => probe.held).sort((left, right) => left - right)
