/**
 * The ledger application (two stages, state in both) with one worker behind a fault proxy. A test spoils one request, and asks what the
 * worker did about it and what the outcome is: every result recomputed from the input alone, no transaction left open.
 */
import { expect } from '@jest/globals'
import { EngineRig, textOf } from './engine-rig.ts'
import type { EngineWorker, LogLine } from './engine-worker.ts'
import { eventually } from './eventually.ts'
import { FaultProxy } from './fault-proxy/fault-proxy.ts'
import type { Match, Rule } from './fault-proxy/fault-rules.ts'
import type { Fault } from './fault-proxy/faults.ts'
import type { KafkaRequest } from './fault-proxy/kafka-request.ts'
import { expectedLedger, foundLedger, ledgerDifference, orderRecords, ordersOf, seededRandom } from './ledger-orders.ts'
import type { LedgerOrder } from './ledger-orders.ts'

export const PARTITIONS = 2
export const TASKS = 2 * PARTITIONS
const ACTED_WITHIN_MS = 40_000

/** A fault that is laid out: whom it will hit, and what that one did then. */
export interface Injection {
  readonly rule: Rule
  /** Transactional id of the task that was hit. Throws before. */
  victim(): string
}

export class FaultedLedger {
  readonly rig: EngineRig
  readonly proxy: FaultProxy
  readonly #words: readonly string[]
  #worker: EngineWorker
  readonly #random = seededRandom(20)
  readonly #orders: LedgerOrder[] = []
  /** Transactional id → epoch of the newest transaction that the broker says is committed. */
  readonly #epochs = new Map<string, number>()

  private constructor(rig: EngineRig, proxy: FaultProxy, words: readonly string[]) {
    this.rig = rig
    this.proxy = proxy
    proxy.watch({ api: 'EndTxn', on: 'response', where: (request, codes) => this.#note(request, codes) })
    this.#words = [`--brokers=${proxy.brokers.join(',')}`, ...words]
    this.#worker = rig.start({ words: this.#words })
  }

  static async open(brokers: readonly string[], words: readonly string[] = []): Promise<FaultedLedger> {
    const rig = await EngineRig.open({
      brokers,
      module: 'test/integration/engine/topologies/ledger.ts',
      topics: { orders: PARTITIONS, balances: PARTITIONS, regions: PARTITIONS },
    })
    return new FaultedLedger(rig, await FaultProxy.open(brokers), words)
  }

  async close(): Promise<void> {
    await this.rig.close()
    await this.proxy.close()
  }

  get worker(): EngineWorker {
    return this.#worker
  }

  /** After a worker that has ended, on its files. */
  restart(): void {
    this.#worker = this.rig.start({ words: this.#words })
  }

  get orderCount(): number {
    return this.#orders.length
  }

  /** More input. It goes past the proxy. */
  async feed(count = 200): Promise<void> {
    const orders = ordersOf(this.#random, count, PARTITIONS)
    await this.rig.append('orders', orderRecords(orders))
    this.#orders.push(...orders)
  }

  inject(match: Match, fault: Fault, times = 1): Injection {
    let victim: string | undefined
    const where = (request: KafkaRequest, codes: readonly number[] | undefined): boolean => {
      if (match.where !== undefined && !match.where(request, codes)) return false
      if (victim !== undefined && victim !== request.transactionalId) return false
      victim ??= request.transactionalId ?? undefined
      return true
    }
    return {
      rule: this.proxy.times(times, { ...match, where }, fault),
      victim: () => {
        if (victim === undefined) throw new Error('nobody was hit')
        return victim
      },
    }
  }

  /** Epoch of the newest committed transaction; -1 before the first. */
  epochOf(transactionalId: string): number {
    return this.#epochs.get(transactionalId) ?? -1
  }

  /** What the worker has said about acquiring this task again. */
  acquiredAgain(transactionalId: string): readonly LogLine[] {
    return this.worker.said('is acquired again').filter((line) => transactionalId.endsWith(`.${String(line['task'])}`))
  }

  /** The task has committed a transaction under an epoch that satisfies. */
  async untilCommitted(transactionalId: string, epoch: (epoch: number) => boolean): Promise<void> {
    await eventually(() => {
      const is = this.epochOf(transactionalId)
      if (!epoch(is)) throw new Error(`${transactionalId} has committed under epoch ${is}; ${this.rig.lastWords()}`)
    }, ACTED_WITHIN_MS)
  }

  /** Everything is processed, each record once, in order; nothing is open; the worker lives. */
  async verify(): Promise<void> {
    const { rig } = this
    await rig.drained([
      [rig.topic('orders'), PARTITIONS],
      [rig.internal('by-region.repartition'), PARTITIONS],
    ])
    // Markers follow the decision: until they are written, what is committed is not readable everywhere.
    await eventually(async () => expect(await rig.openTransactions()).toEqual([]))
    const [balances, regions] = await Promise.all([this.#lines('balances'), this.#lines('regions')])
    expect(ledgerDifference(foundLedger(balances, regions), expectedLedger(this.#orders))).toBe(undefined)
    expect(this.worker.running).toBe(true)
  }

  async #lines(topic: string): Promise<{ partition: number; offset: number; key: string | null; value: string | null }[]> {
    const records = await this.rig.read(this.rig.topic(topic))
    return records.map(({ partition, offset, key, value }) => ({ partition, offset, key: textOf(key), value: textOf(value) }))
  }

  #note(request: KafkaRequest, codes: readonly number[] | undefined): boolean {
    const { transactionalId, producerEpoch } = request
    if (transactionalId === null || producerEpoch === undefined || codes?.[0] !== 0) return false
    this.#epochs.set(transactionalId, producerEpoch)
    return true
  }
}
