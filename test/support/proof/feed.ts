/**
 * Orders all the time, straight to the brokers, and garbage among them. What could not be written is written again, perhaps twice, under
 * a new id each time: every record of the input has an id of its own (V1). The oracle reads the input topic, not this feed.
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
/** Records that must end as dead letters: no JSON, no value, no key. */
const GARBAGE_CHANCE = 0.004

export class ProofFeed {
  written = 0
  /** Event time of the last orders, an hour after all others; undefined before `stop`. */
  lastAt: number | undefined
  retries = 0
  /** Of the next record that is written. */
  #id = 0
  /** Orders made so far: their clock. */
  #made = 0
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
    this.lastAt = at
    for (let partition = 0; partition < this.#partitions; partition++) {
      await this.#write(partition, [{ key: `last-${partition}`, region: 'last', at }])
    }
  }

  #time(): number {
    return EPOCH + Math.round((this.#made * 1_000) / this.#perSecond)
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
      const batches = new Map<number, Draft[]>()
      for (let left = Math.round(due - this.written); left > 0; left--) this.#order(batches)
      for (const [partition, records] of batches) await this.#write(partition, records)
      due = Math.max(due, this.written)
    }
  }

  #order(batches: Map<number, Draft[]>): void {
    const account = (Math.floor(this.#made / BUSY_FOR_ORDERS) * 37 + Math.floor(this.#random() * BUSY)) % ACCOUNTS
    const late = this.#random() < LATE_CHANCE ? Math.floor(this.#random() * LATE_MS_MAX) : 0
    const garbage = this.#random() < GARBAGE_CHANCE ? Math.floor(this.#random() * garbageKinds.length) : -1
    const region = `region-${Math.floor(this.#random() * REGIONS)}`
    const partition = account % this.#partitions
    const list = batches.get(partition) ?? []
    list.push({ key: `account-${account}`, region, at: this.#time() - late, garbage: garbageKinds[garbage] })
    batches.set(partition, list)
    this.#made++
  }

  /** Until it is there: brokers come back. */
  async #write(partition: number, drafts: readonly Draft[]): Promise<void> {
    for (;;) {
      try {
        const records = drafts.map((draft) => recordOf(draft, this.#id++))
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

const garbageKinds = ['no JSON', 'no value', 'no key'] as const

interface Draft extends Omit<Order, 'id'> {
  readonly key: string
  readonly garbage?: (typeof garbageKinds)[number] | undefined
}

function recordOf({ key, region, at, garbage }: Draft, id: number): OutgoingRecord {
  const order: Order = { id, region, at }
  const text = JSON.stringify(order)
  const value = garbage === 'no JSON' ? text.slice(0, -1) : garbage === 'no value' ? null : text
  return record(garbage === 'no key' ? null : key, value, { timestamp: at })
}
