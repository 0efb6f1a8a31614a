/**
 * The commit order (engine.md 4.5): this one function holds it.
 *
 * What is true after a crash between two steps:
 *   after 1, 2   nothing happened: the transaction is open, the next owner's initialisation aborts it
 *   in 3         unknown to us, known to the log: the acquire barrier reads it there
 *   after 3      it happened; RocksDB is one commit behind and the restore brings exactly that commit (P2)
 *   after 4      log and RocksDB agree
 *
 * Any failure in 1-3 makes producer, overlays and prefetches useless: the caller throws them away and acquires again. A failure in 4
 * likewise: commit n+1 is never sent before 4 of n is done.
 */
import { failPoint } from '../../faults/fail-points.ts'
import type { AnnounceStep } from '../reset/announcement.ts'
import type { GroupIdentity, PartitionId, PartitionRecords, PositionToCommit, TransactionalProducer } from '../ports/log.ts'

export type CommitPoint = 'before-send' | 'after-send' | 'before-end-of-transaction' | 'after-end-of-transaction' | 'after-store-write'

export type ProbePoint = CommitPoint | AnnounceStep

/** Called at each point; a test throws there, or ends the process. Steps of an announcement are told with the control topic as task. */
export type CommitProbe = (task: string, point: ProbePoint) => void

/** Transactions of which there is one at each turn of a task's life: a test must be able to hit this one, so their points have a name more. */
export type CommitTurn = 'halt' | 'follow' | 'reset'

export interface Transaction {
  readonly task: string
  readonly turn?: CommitTurn | undefined
  readonly batches: readonly PartitionRecords[]
  readonly identity: GroupIdentity
  readonly positions: readonly PositionToCommit[]
  /** Throws where the log gave offsets that cannot be: nothing is committed then. */
  readonly ledger?: { checkSent(sent: SentOffsets): void }
}

export type SentOffsets = ReadonlyMap<PartitionId, { readonly first: number; readonly last: number }>

/** `apply` brings the committed layer into the local store, in one atomic write. */
export async function commitTransaction(
  producer: TransactionalProducer,
  transaction: Transaction,
  apply: (sent: SentOffsets) => Promise<void>,
  probe: CommitProbe,
): Promise<void> {
  const { task, turn } = transaction
  const at = (point: CommitPoint): void => {
    if (turn !== undefined) failPoint(`${turn}:${point}`)
    probe(task, point)
  }
  at('before-send')
  const sent = await producer.send(transaction.batches) // 1
  at('after-send')
  transaction.ledger?.checkSent(sent)
  await producer.sendPositions(transaction.identity, transaction.positions) // 2
  at('before-end-of-transaction')
  await producer.commit() // 3
  at('after-end-of-transaction')
  await apply(sent) // 4
  at('after-store-write')
}
