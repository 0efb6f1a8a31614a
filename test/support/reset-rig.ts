/**
 * The ledger (one stage or two) on a real broker, whose offsets are moved back: orders, workers as processes, and the check that the newest
 * epoch in the outputs is what plain loops make of the records from the target on, with no result of an older epoch behind one of a newer.
 */
import { EngineRig, textOf } from './engine-rig.ts'
import type { ReadRecord } from './engine-rig.ts'
import type { EngineWorker } from './engine-worker.ts'
import { consumerGroups } from './kafka-tool.ts'
import { EPOCH, expectedLedger, foundLedger, ledgerDifference, orderRecords, ordersOf, seededRandom } from './ledger-orders.ts'
import type { LedgerOrder } from './ledger-orders.ts'

export const LEDGER = 'test/integration/engine/topologies/ledger.ts'
const DRAINED_WITHIN_MS = 120_000

export interface ResetRigRequest {
  readonly brokers: readonly string[]
  readonly stages: 1 | 2
  readonly partitions: number
  readonly seed: number
}

interface NewestLines {
  readonly lines: readonly { readonly partition: number; readonly key: string | null; readonly value: string | null }[]
  readonly backwards: readonly string[]
}

export class ResetRig {
  readonly rig: EngineRig
  readonly stages: 1 | 2
  readonly partitions: number
  readonly orders: LedgerOrder[] = []
  readonly random: () => number
  readonly #seed: number

  private constructor(rig: EngineRig, { stages, partitions, seed }: ResetRigRequest) {
    this.rig = rig
    this.stages = stages
    this.partitions = partitions
    this.random = seededRandom(seed)
    this.#seed = seed
  }

  static async open(request: ResetRigRequest): Promise<ResetRig> {
    const { brokers, partitions } = request
    const topics = { orders: partitions, balances: partitions, regions: partitions }
    return new ResetRig(await EngineRig.open({ brokers, module: LEDGER, topics }), request)
  }

  start(seat = 'seat-0', failPoint?: string): EngineWorker {
    const armed = failPoint === undefined ? {} : { FAIL_POINT: failPoint }
    return this.rig.start({ seat, environment: { ENGINE_TEST_STAGES: String(this.stages), ...armed } })
  }

  async more(count: number): Promise<void> {
    const fresh = ordersOf(this.random, count, this.partitions)
    await this.rig.append('orders', orderRecords(fresh, this.orders.length))
    this.orders.push(...fresh)
  }

  /** The time of the first order of the last `1 / part`, as Kafka's tool takes it, and where each partition begins then. */
  timeAt(part: number): { readonly time: string; readonly target: readonly number[] } {
    const cut = Math.floor(this.orders.length / part)
    const target = Array.from({ length: this.partitions }, (_, partition) => countIn(this.orders.slice(0, cut), partition))
    return { time: new Date(EPOCH + cut).toISOString().replace('Z', ''), target }
  }

  /** kafka-consumer-groups.sh --reset-offsets ... --execute. */
  async tool(...words: readonly string[]): Promise<string> {
    return await consumerGroups(this.rig.brokers, '--group', this.rig.group, '--reset-offsets', ...words, '--execute')
  }

  async drained(): Promise<void> {
    const repartition = this.stages === 1 ? [] : [[this.rig.internal('by-region.repartition'), this.partitions] as const]
    await this.rig.drained([[this.rig.topic('orders'), this.partitions], ...repartition], DRAINED_WITHIN_MS)
  }

  /** `target`: where each input partition began. Answers the newest epoch of each input partition, as their results say. */
  async differenceFrom(
    target: readonly number[],
  ): Promise<{ readonly difference: string | undefined; readonly epochs: readonly number[] }> {
    await this.drained()
    const balances = await this.rig.read(this.rig.topic('balances'))
    const regions = await this.rig.read(this.rig.topic('regions'))
    const epochs = Array.from({ length: this.partitions }, (_, partition) =>
      Math.max(0, ...balances.filter((record) => this.#inputOf(record) === partition).map(epochIn)),
    )
    const last = Math.max(...epochs)
    const one = newest(balances, (record) => (this.stages === 1 ? (epochs[this.#inputOf(record)] ?? 0) : last))
    const two = newest(regions, () => last)
    const orders = this.#from(target)
    const wanted = expectedLedger(orders)
    const difference =
      ledgerDifference(foundLedger(one.lines, two.lines), this.stages === 1 ? { ...wanted, regions: {} } : wanted) ??
      (one.lines.length === orders.length ? undefined : `${one.lines.length} balances, and ${orders.length} orders`) ??
      [...one.backwards, ...two.backwards][0]
    return { difference: difference === undefined ? undefined : `${difference}; seed ${this.#seed}, epochs ${epochs.join()}`, epochs }
  }

  /** Of a balance: the input partition of its account (ordersOf), whichever partition its result has. */
  #inputOf({ key }: ReadRecord): number {
    return Number(textOf(key)?.split('-')[1]) % this.partitions
  }

  #from(offsets: readonly number[]): LedgerOrder[] {
    const seen = Array.from({ length: this.partitions }, () => 0)
    return this.orders.filter(({ partition }) => {
      const offset = seen[partition] ?? 0
      seen[partition] = offset + 1
      return offset >= (offsets[partition] ?? 0)
    })
  }
}

const countIn = (list: readonly LedgerOrder[], partition: number): number => list.filter((one) => one.partition === partition).length

const epochIn = ({ headers }: ReadRecord): number =>
  Number(
    Buffer.from(headers.find(([name]) => name === 'millrace')?.[1] ?? [])
      .toString()
      .split('/')[1],
  )

/** What the newest epoch has written; older ones must stand before it, key by key. */
function newest(records: readonly ReadRecord[], epochOf: (record: ReadRecord) => number): NewestLines {
  const last = new Map<string, number>()
  const backwards: string[] = []
  for (const record of records) {
    const key = String(textOf(record.key))
    if (epochIn(record) < (last.get(key) ?? 0)) backwards.push(`${key} goes back to an older epoch at ${record.partition}@${record.offset}`)
    last.set(key, epochIn(record))
  }
  const own = records.filter((record) => epochIn(record) === epochOf(record))
  return { lines: own.map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) })), backwards }
}
