/** Follows the prices as they are committed: the live view shows where the city is hot. */
import type { Log, PartitionReader } from '../../libs/runtime/ports/log.ts'
import { districtOf } from '../surge-pricing/districts.ts'
import type { SurgePrice } from '../surge-pricing/topics.ts'

export class HottestCells {
  readonly #reader: PartitionReader
  readonly #newest = new Map<string, SurgePrice>()
  #seen = 0

  constructor(log: Log, topic: string, partitions: number) {
    this.#reader = log.openReader({
      onBatch: (batch) => {
        for (const { value } of batch.records) if (value !== null) this.#take(value)
      },
      onOutOfRange: () => undefined,
      onFault: () => undefined,
    })
    for (let partition = 0; partition < partitions; partition += 1) this.#reader.assign({ topic, partition }, 0)
  }

  get seen(): number {
    return this.#seen
  }

  #take(value: Uint8Array): void {
    // Written by the topology under its own schema.
    const price = JSON.parse(Buffer.from(value).toString('utf8')) as SurgePrice
    this.#seen += 1
    this.#newest.set(price.cell, price)
  }

  /** The cells with the highest multiplier now. */
  top(count: number): string[] {
    return [...this.#newest.values()]
      .toSorted((a, b) => b.multiplier - a.multiplier || b.demand - a.demand)
      .slice(0, count)
      .map(
        (price) =>
          `${price.multiplier.toFixed(2)} x  ${(districtOf(price.cell) ?? 'elsewhere').padEnd(14)} cell ${price.cell}: ${price.demand} requests, ${price.drivers} free drivers`,
      )
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }
}
