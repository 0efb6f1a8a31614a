/**
 * Orders all the time, straight to the brokers. What could not be written is written again, perhaps twice: the oracle reads the input
 * topic, not this feed.
 */
import { record } from '../engine-rig.ts'
import { seededRandom } from '../ledger-orders.ts'
import type { Log, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import type { Order } from './topology.ts'

const PAUSE_MS = 200
/** 2024-01-01T00:00:00Z: the past of every clock. */
const EPOCH = 1_704_067_200_000
const ACCOUNTS = 400
/** So many accounts are busy at a time, and others after so many orders: those that are left fall quiet. */
const BUSY = 60
const BUSY_FOR_ORDERS = 2_000
const REGIONS = 12
/** Some orders come late, within what is allowed and beyond it. */
const LATE_CHANCE = 0.02
const LATE_MS_MAX = 20_000

export class ProofFeed {
  written = 0
  retries = 0
  #id = 0
  #wanted = false
  #loop: Promise<void> = Promise.resolve()
  readonly #log: Log
  readonly #topic: string
  readonly #partitions: number
  readonly #perSecond: number
  readonly #random: () => number

  constructor(log: Log, topic: string, options: { readonly partitions: number; readonly perSecond: number; readonly seed: number }) {
    this.#log = log
    this.#topic = topic
    this.#partitions = options.partitions
    this.#perSecond = options.perSecond
    this.#random = seededRandom(options.seed)
  }

  start(): void {
    this.#wanted = true
    this.#loop = this.#run()
  }

  /** Resolves when what was begun is written; `start` goes on. */
  async pause(): Promise<void> {
    this.#wanted = false
    await this.#loop
  }

  /** Then one last order for each partition, an hour later: it makes every window and timer due. */
  async stop(): Promise<void> {
    await this.pause()
    const at = this.#time() + 3_600_000
    for (let partition = 0; partition < this.#partitions; partition++) {
      await this.#write(partition, [orderRecord(`last-${partition}`, { id: this.#id++, region: 'last', at })])
    }
  }

  #time(): number {
    return EPOCH + Math.round((this.#id * 1_000) / this.#perSecond)
  }

  async #run(): Promise<void> {
    const begun = performance.now()
    const before = this.written
    let due = before
    while (this.#wanted) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      // After a time in which nothing could be written, what was missed comes at once, but not all of it.
      const now = before + ((performance.now() - begun) * this.#perSecond) / 1_000
      due = Math.min(now, due + this.#perSecond)
      const batches = new Map<number, OutgoingRecord[]>()
      for (let left = Math.round(due - this.written); left > 0; left--) this.#order(batches)
      for (const [partition, records] of batches) await this.#write(partition, records)
      due = Math.max(due, this.written)
    }
  }

  #order(batches: Map<number, OutgoingRecord[]>): void {
    const account = (Math.floor(this.#id / BUSY_FOR_ORDERS) * 37 + Math.floor(this.#random() * BUSY)) % ACCOUNTS
    const late = this.#random() < LATE_CHANCE ? Math.floor(this.#random() * LATE_MS_MAX) : 0
    const order: Order = { id: this.#id, region: `region-${Math.floor(this.#random() * REGIONS)}`, at: this.#time() - late }
    this.#id++
    const partition = account % this.#partitions
    const list = batches.get(partition) ?? []
    list.push(orderRecord(`account-${account}`, order))
    batches.set(partition, list)
  }

  /** Until it is there: brokers come back. */
  async #write(partition: number, records: readonly OutgoingRecord[]): Promise<void> {
    for (;;) {
      try {
        await this.#log.append([{ topic: this.#topic, partition, records }])
        this.written += records.length
        return
      } catch {
        this.retries++ // A broker is away; the run's own deadline bounds this.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
}

const orderRecord = (key: string, order: Order): OutgoingRecord => record(key, JSON.stringify(order), { timestamp: order.at })
