/**
 * One transactional producer: the owner of one task (engine.md P3), and the transaction protocol of kafka-client.md 1.1.
 *
 *     open: FindCoordinator, InitProducerId          - ends the former owner's transaction and fences it
 *     send: AddPartitionsToTxn (new ones), Produce
 *     sendPositions: AddOffsetsToTxn (once), TxnOffsetCommit
 *     commit: EndTxn                                  - answered: it happened
 *
 * Rules, each from a counterexample (engine-holes.md H2d, H11):
 *  1. A request is sent again only after an answer that says that nothing was done, or when it never left. EndTxn even then only
 *     after CONCURRENT_TRANSACTIONS: its other errors may hide a decision that was written.
 *  2. After any failure the producer takes no more work; there is no abort. The next `open` is the abort.
 *  3. Only answered requests are behind us: a call waits for all that it has sent, also when it fails.
 */
import { failPoint, failPointSoon } from '../../faults/fail-points.ts'
import type { FailPoint } from '../../faults/fail-points.ts'
import { assert, Fault } from '../../faults/fault.ts'
import type {
  GroupIdentity,
  PartitionId,
  PartitionRecords,
  PositionToCommit,
  ProducerOptions,
  TopicPartition,
  TransactionalProducer,
} from '../../runtime/ports/log.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { isCoordinatorMoved, isUntouched, faultOf, transactionFault } from '../failures.ts'
import { CONCURRENT_PAUSE_MS, CONCURRENT_PAUSE_MS_MAX, INITIALISE_MS_MAX } from '../limits.ts'
import { persist } from '../persist.ts'
import type { Api } from '../wire/api.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { CoordinatorKind } from '../wire/cluster-apis.ts'
import type { PartitionError, TransactionOwner } from '../wire/transaction-apis.ts'
import { addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, initProducerIdApi, txnOffsetCommitApi } from '../wire/transaction-apis.ts'
import type { Appended } from './appender.ts'
import { Appender } from './appender.ts'

const TRANSACTION_TIMEOUT_MS = 10_000

export async function openTransactionalProducer(
  cluster: Cluster,
  transactionalId: string,
  { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS }: ProducerOptions,
): Promise<TransactionalProducer> {
  const links = cluster.openLinks()
  const ask = coordinatorCall(cluster, links, INITIALISE_MS_MAX)
  try {
    const asked = ask('transaction', transactionalId, initProducerIdApi, { transactionalId, transactionTimeoutMs })
    failPointSoon('aborting')
    const { producerId, producerEpoch } = await asked
    failPoint('after-initialise')
    return new KafkaTransactionalProducer(cluster, links, { transactionalId, producerId, producerEpoch }, transactionTimeoutMs)
  } catch (error) {
    links.close()
    throw faultOf(error, `at the initialisation of ${transactionalId}`, 'acquire-again')
  }
}

type CoordinatorCall = <Request, Answer extends Answered>(
  kind: CoordinatorKind,
  key: string,
  api: Api<Request, Answer>,
  request: Request,
) => Promise<Answer>

type Answered = { readonly errorCode: number } | readonly PartitionError[]

/** Calls a coordinator; repeats only what did nothing, bounded. */
function coordinatorCall(cluster: Cluster, links: Links, deadlineMs: number): CoordinatorCall {
  return (kind, key, api, request) => {
    const mayRepeat = (error: unknown): boolean => {
      if (isCoordinatorMoved(error)) cluster.forgetCoordinator(kind, key)
      return isUntouched(error)
    }
    return persist({ deadlineMs, pauseMs: CONCURRENT_PAUSE_MS, pauseMsMax: CONCURRENT_PAUSE_MS_MAX, mayRepeat }, async () => {
      const answer = await links.send(await cluster.coordinator(kind, key), api, request)
      throwRefusal(api.name, answer)
      return answer
    })
  }
}

/** OPERATION_NOT_ATTEMPTED only accompanies the true reason, which stands at another partition. */
function throwRefusal(apiName: string, answer: Answered): void {
  if ('errorCode' in answer) {
    if (answer.errorCode !== code.NONE) throw new Refused(apiName, answer.errorCode)
    return
  }
  const refused = answer.filter(({ errorCode }) => errorCode !== code.NONE)
  const reason = refused.find(({ errorCode }) => errorCode !== code.OPERATION_NOT_ATTEMPTED) ?? refused[0]
  if (reason) throw new Refused(apiName, reason.errorCode, `${reason.topic}:${reason.partition}`)
}

class KafkaTransactionalProducer implements TransactionalProducer {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #links: Links
  readonly #owner: TransactionOwner
  readonly #appender: Appender
  readonly #call: CoordinatorCall
  readonly #deadlineMs: number
  /** What the open transaction holds already. */
  readonly #partitions = new Set<PartitionId>()
  readonly #groups = new Set<string>()
  /** The group of the last transaction: its next one will most likely have positions of the same. */
  #usualGroup: string | undefined
  #isBusy = false
  #failure: Fault | undefined

  constructor(cluster: Cluster, links: Links, owner: TransactionOwner, transactionTimeoutMs: number) {
    this.transactionalId = owner.transactionalId
    this.#cluster = cluster
    this.#links = links
    this.#owner = owner
    this.#appender = new Appender(cluster, links, owner)
    this.#deadlineMs = transactionTimeoutMs
    this.#call = coordinatorCall(cluster, links, transactionTimeoutMs)
  }

  send(batches: readonly PartitionRecords[]): Promise<ReadonlyMap<PartitionId, Appended>> {
    return this.#once(async () => {
      const filled = batches.filter(({ records }) => records.length > 0)
      await this.#join(filled, this.#usualGroup)
      return this.#appender.append(filled)
    })
  }

  sendPositions(identity: GroupIdentity, positions: readonly PositionToCommit[]): Promise<void> {
    return this.#once(async () => {
      if (positions.length === 0) return
      await this.#join([], identity.groupId)
      this.#usualGroup = identity.groupId
      await this.#call('group', identity.groupId, txnOffsetCommitApi, { ...this.#owner, identity, positions })
      failPoint('after-offsets')
    })
  }

  commit(): Promise<void> {
    return this.#once(async () => {
      // The coordinator knows no transaction that nothing was added to, and refuses to end it.
      if (this.#partitions.size === 0 && this.#groups.size === 0) return
      await this.#end()
      this.#partitions.clear()
      this.#groups.clear()
    })
  }

  async close(): Promise<void> {
    this.#failure ??= this.#spent('was closed')
    this.#links.close()
  }

  /** Adds what the transaction does not hold yet. Both requests are on their way together. */
  async #join(partitions: readonly TopicPartition[], groupId: string | undefined): Promise<void> {
    const fresh = new Map<PartitionId, TopicPartition>()
    for (const { topic, partition } of partitions) {
      const id = partitionId(topic, partition)
      if (!this.#partitions.has(id)) fresh.set(id, { topic, partition })
    }
    const requests: Promise<unknown>[] = []
    const then = (point: FailPoint) => (): void => failPoint(point)
    if (fresh.size > 0) {
      failPoint('before-add-partitions')
      const request = { ...this.#owner, partitions: [...fresh.values()] }
      requests.push(this.#call('transaction', this.transactionalId, addPartitionsToTxnApi, request).then(then('after-add-partitions')))
    }
    if (groupId !== undefined && !this.#groups.has(groupId)) {
      const request = { ...this.#owner, groupId }
      requests.push(this.#call('transaction', this.transactionalId, addOffsetsToTxnApi, request).then(then('after-add-offsets')))
    }
    for (const result of await Promise.allSettled(requests)) if (result.status === 'rejected') throw result.reason
    for (const id of fresh.keys()) this.#partitions.add(id)
    if (groupId !== undefined) this.#groups.add(groupId)
  }

  async #end(): Promise<void> {
    const mayRepeat = (error: unknown): boolean =>
      error instanceof NoAnswer ? !error.wasSent : error instanceof Refused && error.code === code.CONCURRENT_TRANSACTIONS
    await persist(
      { deadlineMs: this.#deadlineMs, pauseMs: CONCURRENT_PAUSE_MS, pauseMsMax: CONCURRENT_PAUSE_MS_MAX, mayRepeat },
      async () => {
        const coordinator = await this.#cluster.coordinator('transaction', this.transactionalId)
        const asked = this.#links.send(coordinator, endTxnApi, { ...this.#owner, commit: true })
        failPointSoon('end-sent')
        throwRefusal(endTxnApi.name, await asked)
      },
    )
  }

  async #once<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    assert(!this.#isBusy, `calls of the producer of ${this.transactionalId} do not overlap`)
    if (this.#failure) throw this.#failure
    this.#isBusy = true
    try {
      return await work()
    } catch (error) {
      this.#failure = this.#spent('has failed before')
      // The coordinator may have moved, or another owner come: the next one asks anew.
      this.#cluster.forgetCoordinator('transaction', this.transactionalId)
      throw transactionFault(error, `in the transaction of ${this.transactionalId}`)
    } finally {
      this.#isBusy = false
    }
  }

  #spent(what: string): Fault {
    return new Fault(
      'MR3011',
      'acquire-again',
      `the producer of ${this.transactionalId} ${what} and takes no more work; acquire the task again.`,
    )
  }
}
