/** Another program that writes into the input by transactions: some commit, some are aborted, some stay open until their time-out. */
import type { MemoryConnection } from '../../../libs/memory/memory-log.ts'
import type { TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import type { Draft } from './scenario.ts'

const ID = 'bulk-loader'

export const batchOf = (topic: string, { partition, key, value }: Draft) => ({
  topic,
  partition,
  records: [{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value), timestamp: 0, headers: [] }],
})

export class BulkLoader {
  readonly #log: MemoryConnection
  readonly #topic: string
  readonly #timeoutMs: number
  #producer: TransactionalProducer | undefined

  constructor(log: MemoryConnection, topic: string, timeoutMs: number) {
    this.#log = log
    this.#topic = topic
    this.#timeoutMs = timeoutMs
  }

  /** A transaction that may still be open is aborted by the next one's initialisation. */
  async load(drafts: readonly Draft[], end: 'commit' | 'abort' | 'leave open'): Promise<void> {
    this.#producer = await this.#log.openProducer(ID, { transactionTimeoutMs: this.#timeoutMs })
    await this.#producer.send(drafts.map((draft) => batchOf(this.#topic, draft)))
    if (end === 'commit') await this.#producer.commit()
    if (end === 'abort') await this.close()
  }

  /** Nothing of it stays open. */
  async close(): Promise<void> {
    if (this.#producer === undefined) return
    await this.#producer.close()
    this.#producer = undefined
    const last = await this.#log.openProducer(ID, { transactionTimeoutMs: this.#timeoutMs })
    await last.close()
  }
}
