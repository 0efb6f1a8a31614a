/**
 * Which batches of a read_committed answer belong to aborted transactions.
 *
 * The broker answers with every transaction, aborted later, that has records in the range, in the order in which they were
 * aborted. A producer has at most one open transaction, so one set of producers is enough, under three rules that kafkajs
 * breaks (kafka-client.md K1):
 *  1. the list is taken by *first offset*, not in the order of the answer;
 *  2. *every* entry at or below the present offset counts: an answer may begin inside several open transactions;
 *  3. only a control batch ends a transaction; a data record's key says nothing.
 */

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export class AbortedFilter {
  readonly #pending: readonly AbortedTransaction[]
  readonly #open = new Set<number>()
  #taken = 0

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = aborted.length < 2 ? aborted : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** True if the transactional data batch must not be delivered. Batches are asked about in offset order. */
  isAborted(producerId: number, lastOffset: number): boolean {
    this.#openUpTo(lastOffset)
    return this.#open.has(producerId)
  }

  /** A control batch was passed: the producer's transaction is over. */
  onMarker(producerId: number, lastOffset: number, isAbort: boolean): void {
    this.#openUpTo(lastOffset)
    if (isAbort) this.#open.delete(producerId)
  }

  #openUpTo(offset: number): void {
    for (let next = this.#pending[this.#taken]; next && next.firstOffset <= offset; next = this.#pending[this.#taken]) {
      this.#open.add(next.producerId)
      this.#taken++
    }
  }
}
