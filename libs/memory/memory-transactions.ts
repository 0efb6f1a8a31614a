/**
 * The transaction coordinator: transactional ids, their epochs, and what each open transaction has touched.
 *
 *   none ──first send──▶ open ──commit, abort, time-out──▶ completing ──all markers written──▶ none
 *
 * Invariants:
 * 1. Opening an id and a time-out raise its epoch; whoever holds an older epoch is refused from then on, with whatever it asks.
 * 2. The outcome is decided at once and never changes; the markers follow, and may be late one by one (`marker` in log-faults.ts).
 * 3. While markers are missing nothing new begins and no owner is opened under that id.
 */
import { partitionId } from '../runtime/ports/log.ts'
import type { GroupIdentity, PartitionId, PositionToCommit } from '../runtime/ports/log.ts'
import type { Deadline } from './deadlines.ts'
import type { MemoryBroker } from './memory-broker.ts'
import { badTransactionTimeout, takenOver } from './memory-faults.ts'
import type { MemoryGroup } from './memory-group.ts'
import type { MemoryPartition, Outcome, WireRecord } from './memory-topic.ts'

/** Default of transaction.max.timeout.ms. */
const TRANSACTION_TIMEOUT_MS_MAX = 900_000

interface OpenTransaction {
  readonly partitions: Set<MemoryPartition>
  readonly groups: Set<MemoryGroup>
  readonly deadline: Deadline
}

interface TransactionalId {
  readonly name: string
  readonly producerId: number
  epoch: number
  timeoutMs: number
  open: OpenTransaction | undefined
  /** Resolves when the last marker is written. */
  completing: Promise<void> | undefined
}

/** First and last offset of what was appended, by partition. */
export type Appended = ReadonlyMap<PartitionId, { readonly first: number; readonly last: number }>

/** Proof of ownership: an id at the epoch at which it was opened. */
export interface Ownership {
  readonly id: TransactionalId
  readonly epoch: number
}

export class MemoryTransactions {
  readonly #broker: MemoryBroker
  readonly #ids = new Map<string, TransactionalId>()

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  async open(name: string, timeoutMs: number): Promise<Ownership> {
    if (!(timeoutMs > 0 && timeoutMs <= TRANSACTION_TIMEOUT_MS_MAX)) throw badTransactionTimeout(timeoutMs, TRANSACTION_TIMEOUT_MS_MAX)
    const id = this.#ids.get(name) ?? { name, producerId: this.#ids.size, epoch: -1, timeoutMs, open: undefined, completing: undefined }
    this.#ids.set(name, id)
    // As in Kafka a decided transaction is finished first; only then is the former owner refused, and what it has begun meanwhile aborted.
    await completed(id)
    const epoch = ++id.epoch
    if (id.open !== undefined) this.#complete(id, id.open, 'abort')
    await completed(id)
    id.timeoutMs = timeoutMs
    return { id, epoch }
  }

  async append(owner: Ownership, batches: ReadonlyMap<MemoryPartition, readonly WireRecord[]>): Promise<Appended> {
    while (owner.id.completing !== undefined) await owner.id.completing
    const transaction = this.#begin(owner)
    const now = this.#broker.clock.now()
    const appended = new Map<PartitionId, { first: number; last: number }>()
    for (const [partition, records] of batches) {
      transaction.partitions.add(partition)
      appended.set(partitionId(partition.topic, partition.partition), partition.append(records, owner.id.producerId, now))
    }
    return appended
  }

  async addPositions(owner: Ownership, group: MemoryGroup, identity: GroupIdentity, positions: readonly PositionToCommit[]): Promise<void> {
    while (owner.id.completing !== undefined) await owner.id.completing
    const transaction = this.#begin(owner)
    transaction.groups.add(group)
    group.checkTransactionalCommit(identity)
    group.positions.writePending(owner.id.producerId, positions)
  }

  async commit(owner: Ownership): Promise<void> {
    this.check(owner)
    if (owner.id.open !== undefined) this.#complete(owner.id, owner.id.open, 'commit')
  }

  /** Throws if somebody else owns the id by now. */
  check(owner: Ownership): void {
    if (owner.id.epoch !== owner.epoch) throw takenOver(owner.id.name)
  }

  /** Synchronous, as is what its callers do then: with a turn in between, the transaction could be over before it is written to, and would hang. */
  #begin(owner: Ownership): OpenTransaction {
    const id = owner.id
    this.check(owner)
    if (id.open !== undefined) return id.open
    const transaction: OpenTransaction = {
      partitions: new Set(),
      groups: new Set(),
      deadline: this.#broker.deadlines.after(id.timeoutMs, () => this.#expire(id, transaction)),
    }
    id.open = transaction
    return transaction
  }

  #expire(id: TransactionalId, transaction: OpenTransaction): void {
    if (id.open !== transaction) return
    id.epoch++
    this.#complete(id, transaction, 'abort')
  }

  /** Decides the outcome and writes the markers, all at once unless a hook makes some of them late. */
  #complete(id: TransactionalId, transaction: OpenTransaction, outcome: Outcome): void {
    id.open = undefined
    this.#broker.deadlines.cancel(transaction.deadline)
    const late: Promise<void>[] = []
    for (const partition of transaction.partitions) {
      const write = (): void => partition.endTransaction(id.producerId, outcome, this.#broker.clock.now())
      const waits = this.#mark(id, { topic: partition.topic, partition: partition.partition }, write)
      if (waits !== undefined) late.push(waits)
    }
    for (const group of transaction.groups) {
      const waits = this.#mark(id, { groupId: group.groupId }, () => group.positions.endTransaction(id.producerId, outcome))
      if (waits !== undefined) late.push(waits)
    }
    if (late.length === 0) return
    id.completing = Promise.all(late).then(() => {
      id.completing = undefined
    })
  }

  #mark(
    id: TransactionalId,
    place: { topic?: string; partition?: number; groupId?: string },
    write: () => void,
  ): Promise<void> | undefined {
    const delay = this.#broker.faults.before?.({ operation: 'marker', connection: '', transactionalId: id.name, ...place })
    if (delay === undefined) {
      write()
      return undefined
    }
    // A marker is written in the end, whatever happens: that is what "decided" means.
    return Promise.resolve(delay instanceof Promise ? delay : 'again' in delay ? delay.again : delay.arrives).then(write, write)
  }
}

/** Until all markers are written. What follows it must not rely on that still being so: another transaction may have begun. */
async function completed(id: TransactionalId): Promise<void> {
  while (id.completing !== undefined) await id.completing
}
