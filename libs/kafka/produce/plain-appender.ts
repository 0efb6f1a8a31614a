/**
 * Appending outside transactions (loaders, tests): idempotent, acks=all, one call after the other. After a failure the next
 * call begins with a new producer id.
 */
import type { PartitionRecords } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { faultOf, isUntouched } from '../failures.ts'
import { INITIALISE_MS_MAX } from '../limits.ts'
import { persist } from '../persist.ts'
import { code, Refused } from '../wire/api.ts'
import { initProducerIdApi } from '../wire/transaction-apis.ts'
import { Appender } from './appender.ts'

export class PlainAppender {
  readonly #cluster: Cluster
  #links: Links | undefined
  #appender: Appender | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  append(batches: readonly PartitionRecords[]): Promise<void> {
    const turn = this.#last.then(() => this.#append(batches))
    this.#last = turn.catch(() => undefined) // told to the caller of that turn
    return turn
  }

  async #append(batches: readonly PartitionRecords[]): Promise<void> {
    try {
      this.#links ??= this.#cluster.openLinks()
      this.#appender ??= new Appender(this.#cluster, this.#links, await this.#initialise())
      await this.#appender.append(batches)
    } catch (error) {
      this.#appender = undefined
      const place = batches[0] && { topic: batches[0].topic, partition: batches[0].partition }
      throw faultOf(error, 'while appending', 'acquire-again', place)
    }
  }

  async #initialise(): Promise<{ transactionalId: null; producerId: number; producerEpoch: number }> {
    const { producerId, producerEpoch } = await persist(
      { deadlineMs: INITIALISE_MS_MAX, pauseMs: 20, pauseMsMax: 500, mayRepeat: isUntouched },
      async () => {
        // Without a transactional id any broker gives out ids; the time-out is not used.
        const answer = await this.#cluster.ask(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 60_000 })
        if (answer.errorCode !== code.NONE) throw new Refused('InitProducerId', answer.errorCode)
        return answer
      },
    )
    return { transactionalId: null, producerId, producerEpoch }
  }
}
