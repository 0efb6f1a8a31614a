/**
 * `millrace demo` (operations.md): the first minute with Millrace, on the in-memory log: no Kafka, no Docker, about ten seconds.
 * The real engine runs; one worker dies on the way, and the sums are compared with plain loops.
 */
import { partitionOf } from '../dataflow/murmur2.ts'
import { planOf } from '../dataflow/topology.ts'
import type { MemoryConnection, MemoryLog } from '../memory/memory-log.ts'
import { memoryLog } from '../memory/memory-log.ts'
import { resolveSettings } from '../runtime/settings/configuration.ts'
import { systemClock } from '../runtime/ports/clock.ts'
import { NO_HEADERS } from '../runtime/ports/log.ts'
import { Worker } from '../runtime/worker/worker.ts'
import { memoryHome } from '../state/memory-store.ts'
import { expectedTakings, market, marketDay, purchases, takings } from './demo-market.ts'
import type { Purchase, Takings } from './demo-market.ts'

export interface DemoOptions {
  /** Lines of the story. */
  say(line: string): void
  /** How long the market day takes, ms. Default 6,000. */
  readonly dayMs?: number
}

export interface DemoResult {
  readonly windows: number
  readonly purchases: number
  /** Undefined: all equal. */
  readonly difference: string | undefined
}

const PARTITIONS = 4
const PURCHASES = 30_000
const MINUTES = 5
const BATCHES = 60
const DONE_WITHIN_MS = 20_000

interface Running {
  readonly worker: Worker
  readonly connection: MemoryConnection
}

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { say } = options
  const log = memoryLog()
  const disk = memoryHome()
  await log.admin.createTopics(
    [purchases, takings].map(({ topic }) => ({ name: topic, partitions: PARTITIONS, replicationFactor: 1, config: {} })),
  )
  say(
    `A market day on the in-memory log: ${PURCHASES.toLocaleString('en')} purchases → by stall (a repartition topic) → ten-second windows → takings`,
  )
  let running = await startWorker(log, disk, 'worker-1')
  const board = new Board(log, say)
  const byPartition: Purchase[][] = Array.from({ length: PARTITIONS }, () => [])
  const dayMs = options.dayMs ?? 6_000
  let batch = 0
  for (const lines of batches()) {
    await write(log, lines, byPartition)
    await systemClock.sleep(dayMs / BATCHES)
    batch += 1
    if (batch === BATCHES / 2) {
      running.connection.kill()
      disk.crash()
      say('worker-1 is dead (as by kill -9): its open transaction stays behind, what it had not committed is lost. worker-2 finds its disk')
      running = await startWorker(log, disk, 'worker-2')
    }
  }
  const expected = expectedTakings(byPartition)
  const difference = await settle(board, expected, running)
  await board.close()
  await running.worker.stop()
  await log.close()
  return { windows: board.all.length, purchases: PURCHASES, difference }
}

async function startWorker(log: MemoryLog, disk: ReturnType<typeof memoryHome>, id: string): Promise<Running> {
  const connection = log.connect(id)
  const settings = {
    ...resolveSettings({ readSecret: () => '' }),
    sessionTimeoutMs: 1_000,
    heartbeatIntervalMs: 300,
    rebalanceTimeoutMs: 3_000,
    markerIntervalMs: 50,
  }
  const worker = new Worker({
    plan: planOf(market),
    log: connection,
    stores: disk,
    clock: systemClock,
    settings,
    id,
    note: () => undefined,
  })
  await worker.start()
  return { worker, connection }
}

type Line = ReturnType<typeof marketDay> extends Generator<infer L> ? L : never

function* batches(): Generator<readonly Line[]> {
  let batch: Line[] = []
  for (const line of marketDay(PURCHASES, MINUTES)) {
    batch.push(line)
    if (batch.length < PURCHASES / BATCHES) continue
    yield batch
    batch = []
  }
}

async function write(log: MemoryLog, lines: readonly Line[], byPartition: readonly Purchase[][]): Promise<void> {
  const records = Array.from({ length: PARTITIONS }, (_, partition) => {
    const own = lines.filter(({ customer }) => partitionOf(customer, PARTITIONS) === partition)
    byPartition[partition]?.push(...own.map(({ purchase }) => purchase))
    return {
      topic: purchases.topic,
      partition,
      records: own.map(({ customer, purchase }) => ({
        key: Buffer.from(customer),
        value: Buffer.from(JSON.stringify(purchase)),
        timestamp: purchase.at,
        headers: NO_HEADERS,
      })),
    }
  })
  await log.append(records)
}

/** Follows the results as they are committed, and tells each window when its last stall has come. */
class Board {
  readonly all: Takings[] = []
  readonly #reader
  readonly #say: (line: string) => void
  #shown = -Infinity

  constructor(log: MemoryLog, say: (line: string) => void) {
    this.#say = say
    this.#reader = log.openReader({
      onBatch: (batch) => {
        for (const { value } of batch.records) if (value !== null) this.#take(value)
      },
      onOutOfRange: () => undefined,
      onFault: () => undefined,
    })
    for (let partition = 0; partition < PARTITIONS; partition += 1) this.#reader.assign({ topic: takings.topic, partition }, 0)
  }

  #take(value: Uint8Array): void {
    // Written by the topology above.
    const result = JSON.parse(Buffer.from(value).toString('utf8')) as Takings
    this.all.push(result)
    if (result.from <= this.#shown || result.from % 30_000 !== 0) return
    this.#shown = result.from
    const time = (at: number): string => new Date(at).toISOString().slice(11, 19)
    this.#say(
      `  window ${time(result.from)} to ${time(result.to)} closes: ${result.stall.padEnd(8)} ${String(result.purchases).padStart(4)} purchases, ${(result.cents / 100).toFixed(2).padStart(9)}`,
    )
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }
}

/** Waits until all windows have come; answers the first difference. */
async function settle(board: Board, expected: ReadonlyMap<string, Takings>, { worker }: Running): Promise<string | undefined> {
  const until = systemClock.monotonic() + DONE_WITHIN_MS
  while (board.all.length < expected.size && systemClock.monotonic() < until) {
    if (worker.fault !== undefined) return worker.fault.message
    await systemClock.sleep(50)
  }
  const seen = new Set<string>()
  for (const result of board.all) {
    const id = `${result.stall} ${result.from}`
    if (seen.has(id)) return `the window ${id} came twice`
    seen.add(id)
    if (JSON.stringify(result) !== JSON.stringify(expected.get(id)))
      return `the window ${id} is ${JSON.stringify(result)} and should be ${JSON.stringify(expected.get(id))}`
  }
  const missing = [...expected.keys()].find((id) => !seen.has(id))
  return missing === undefined ? undefined : `the window ${missing} is missing`
}
