/** What the input was, read from its log as records come and before retention takes them: the oracle computes from this alone. */
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'
import type { History, Received } from './scenario.ts'

export class InputHistory {
  readonly #log: MemoryLog
  readonly #topic: string
  readonly #partitions: { next: number; readonly records: Received[] }[]

  constructor(log: MemoryLog, topic: string, partitions: number) {
    this.#log = log
    this.#topic = topic
    this.#partitions = Array.from({ length: partitions }, () => ({ next: 0, records: [] }))
  }

  get records(): History {
    return this.#partitions.map(({ records }) => records)
  }

  /** Takes what was committed since the last call. */
  catchUp(): void {
    for (const [partition, held] of this.#partitions.entries()) {
      for (const { record, kind, state } of this.#log.entries(this.#topic, partition)) {
        if (record.offset < held.next) continue
        // From here on the outcome is not known yet.
        if (state === 'open') break
        held.next = record.offset + 1
        if (kind !== 'data' || state !== 'committed') continue
        held.records.push({ partition, offset: record.offset, key: textOf(record.key) ?? '', value: textOf(record.value) })
      }
    }
  }
}

const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))
