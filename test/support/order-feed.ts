/** Orders that keep coming, as from a city: load under which workers are stopped, frozen, killed and joined by others. */
import type { EngineRig } from './engine-rig.ts'
import { eventually } from './eventually.ts'
import { orderRecords, ordersOf } from './ledger-orders.ts'
import type { LedgerOrder } from './ledger-orders.ts'

const BATCH = 200
/** About 4,000 orders a second: enough that every commit has some, little enough that two busy cores keep up. */
const PAUSE_MS = 50
const WRITTEN_WITHIN_MS = 60_000

export class OrderFeed {
  readonly sent: LedgerOrder[] = []
  readonly #rig: EngineRig
  readonly #random: () => number
  readonly #partitions: number
  readonly #batch: number
  #wanted = false
  #loop: Promise<void> = Promise.resolve()

  /** `batch`: orders of each 50 ms. */
  constructor(rig: EngineRig, random: () => number, partitions: number, batch = BATCH) {
    this.#batch = batch
    this.#rig = rig
    this.#random = random
    this.#partitions = partitions
  }

  start(): void {
    if (this.#wanted) return
    this.#wanted = true
    this.#loop = this.#run()
  }

  /** Waits until that many more are in the topic. */
  async more(count = 1_000): Promise<void> {
    const until = this.sent.length + count
    await eventually(() => {
      if (this.sent.length < until) throw new Error(`${this.sent.length} of ${until} orders are written`)
    }, WRITTEN_WITHIN_MS)
  }

  /** Resolves when everything that is in `sent` is in the topic. Throws when something could not be written. */
  async stop(): Promise<void> {
    this.#wanted = false
    await this.#loop
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      const orders = ordersOf(this.#random, this.#batch, this.#partitions)
      await this.#rig.append('orders', orderRecords(orders, this.sent.length))
      this.sent.push(...orders)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}
