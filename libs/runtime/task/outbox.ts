/**
 * What one transaction sends: outputs, repartition records, dead letters, changelog entries, the commit record. Filled while
 * records are processed, taken whole by the commit.
 */
import type { KeyBytes } from '../../dataflow/cells.ts'
import type { OutgoingRecord, PartitionRecords } from '../ports/log.ts'
import { PackedOutgoing } from '../ports/packed-outgoing.ts'

/** About what a record costs besides its key and value, bytes. */
const RECORD_OVERHEAD_BYTES = 32

/** A key may be the text of its bytes. */
type OutboxRecord = Omit<OutgoingRecord, 'key'> & { readonly key: OutgoingRecord['key'] | KeyBytes }

export class Outbox {
  readonly #batches = new Map<string, PackedOutgoing[]>()
  #bytes = 0
  #count = 0

  get bytes(): number {
    return this.#bytes
  }
  get count(): number {
    return this.#count
  }

  /** Copies key and value. */
  add(topic: string, partition: number, { key, value, timestamp, headers }: OutboxRecord): void {
    let partitions = this.#batches.get(topic)
    if (partitions === undefined) {
      partitions = []
      this.#batches.set(topic, partitions)
    }
    const records = (partitions[partition] ??= new PackedOutgoing())
    records.add(key, value, timestamp, headers)
    this.#bytes += RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
    this.#count += 1
  }

  batches(): PartitionRecords[] {
    const batches: PartitionRecords[] = []
    for (const [topic, partitions] of this.#batches) {
      partitions.forEach((records, partition) => batches.push({ topic, partition, records }))
    }
    return batches
  }
}
