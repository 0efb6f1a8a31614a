/** A transactional producer of the in-memory log: one owner of one transactional id, until a newer one is opened. */
import { assert, Fault } from '../faults/fault.ts'
import type { GroupIdentity, PartitionRecords, PositionToCommit, TransactionalProducer } from '../runtime/ports/log.ts'
import type { LogCall } from './log-faults.ts'
import type { ConnectionState, MemoryBroker } from './memory-broker.ts'
import { closed, failedBefore, metadataTooLong } from './memory-faults.ts'
import type { MemoryPartition, WireRecord } from './memory-topic.ts'
import { toWire } from './memory-topic.ts'
import type { Appended, Ownership } from './memory-transactions.ts'

/** Default of offset.metadata.max.bytes. */
const METADATA_BYTES_MAX = 4096

export class MemoryProducer implements TransactionalProducer {
  readonly transactionalId: string
  readonly #broker: MemoryBroker
  readonly #connection: ConnectionState
  readonly #owner: Ownership
  #busy = false
  #life: 'open' | 'failed' | 'closed' = 'open'

  constructor(broker: MemoryBroker, connection: ConnectionState, owner: Ownership) {
    this.transactionalId = owner.id.name
    this.#broker = broker
    this.#connection = connection
    this.#owner = owner
  }

  async send(batches: readonly PartitionRecords[]): Promise<Appended> {
    const wire = batches
      .filter((batch) => batch.records.length > 0)
      .map(({ topic, partition, records }) => ({ topic, partition, records: Array.from(records, toWire) }))
    return this.#call('send', {}, async () => {
      this.#broker.transactions.check(this.#owner)
      const byPartition = groupByPartition(this.#broker, wire)
      if (byPartition.size === 0) return new Map()
      return this.#broker.transactions.append(this.#owner, byPartition)
    })
  }

  async sendPositions(identity: GroupIdentity, positions: readonly PositionToCommit[]): Promise<void> {
    const kept = positions.map((position) => ({ ...position }))
    return this.#call('sendPositions', { groupId: identity.groupId, memberId: identity.memberId }, async () => {
      this.#broker.transactions.check(this.#owner)
      checkMetadata(identity.groupId, kept)
      await this.#broker.transactions.addPositions(this.#owner, this.#broker.group(identity.groupId), identity, kept)
    })
  }

  async commit(): Promise<void> {
    return this.#call('commit', {}, () => this.#broker.transactions.commit(this.#owner))
  }

  async close(): Promise<void> {
    this.#life = 'closed'
  }

  async #call<Answer>(
    operation: LogCall['operation'],
    about: Pick<LogCall, 'groupId' | 'memberId'>,
    effect: () => Promise<Answer>,
  ): Promise<Answer> {
    assert(!this.#busy, `calls of the producer of ${this.transactionalId} do not overlap`)
    if (this.#life === 'closed') throw closed()
    if (this.#life === 'failed') throw failedBefore(this.transactionalId)
    this.#busy = true
    try {
      const call: LogCall = { operation, connection: this.#connection.name, transactionalId: this.transactionalId, ...about }
      return await this.#broker.request(this.#connection, call, effect)
    } catch (fault) {
      // A fenced producer goes on to say so; after any other failure a commit must not make half a transaction visible.
      if (!(fault instanceof Fault && fault.code === 'MR3001')) this.#life = 'failed'
      throw fault
    } finally {
      this.#busy = false
    }
  }
}

/** Finds the partitions and lets them check all records, so that a refusal leaves nothing behind. */
export function groupByPartition(
  broker: MemoryBroker,
  batches: readonly { readonly topic: string; readonly partition: number; readonly records: readonly WireRecord[] }[],
): ReadonlyMap<MemoryPartition, readonly WireRecord[]> {
  const grouped = new Map<MemoryPartition, readonly WireRecord[]>()
  const now = broker.clock.now()
  for (const { topic, partition, records } of batches) {
    const found = broker.partition(topic, partition)
    found.check(records, 0, now)
    const before = grouped.get(found)
    grouped.set(found, before === undefined ? records : [...before, ...records])
  }
  return grouped
}

export function checkMetadata(groupId: string, positions: readonly PositionToCommit[]): void {
  for (const { topic, partition, metadata } of positions) {
    const bytes = Buffer.byteLength(metadata)
    if (bytes > METADATA_BYTES_MAX) throw metadataTooLong(groupId, { topic, partition }, bytes)
  }
}
