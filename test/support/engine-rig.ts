/**
 * An application under test on a real broker: its topics and names (all its own, since brokers are shared), its workers as
 * processes, and what is in its topics.
 */
import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaLog } from '../../libs/kafka/kafka-log.ts'
import { systemClock } from '../../libs/runtime/ports/clock.ts'
import { NO_HEADERS, partitionId } from '../../libs/runtime/ports/log.ts'
import type { Header, Log, LogRecord, OutgoingRecord, TopicPartition } from '../../libs/runtime/ports/log.ts'
import { readRange } from '../../libs/runtime/acquire/range-reader.ts'
import { EngineWorker } from './engine-worker.ts'
import { eventually } from './eventually.ts'

/** Topology modules take the names of their application and topics from here. */
export const NAME_VARIABLE = 'ENGINE_TEST_NAME'
const POLL_MS = 100
const STALL_MS = 30_000
const RECORDS_OF_ONE_APPEND = 20_000

export interface RigRequest {
  readonly brokers: readonly string[]
  /** Topology module, a path in the repository. */
  readonly module: string
  /** Name of a topic without the application's → partitions. */
  readonly topics: Readonly<Record<string, number>>
  readonly topicConfig?: Readonly<Record<string, string>>
  /** Of each worker, below what its own start says. */
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface WorkerStart {
  /** Of its state directory; the same one again continues its stores. Default: one for all. */
  readonly seat?: string
  readonly words?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** As in EngineWorkerRequest. */
  readonly program?: string | undefined
}

export interface ReadRecord extends LogRecord {
  readonly partition: number
}

export class EngineRig {
  readonly name: string
  readonly log: Log
  readonly brokers: readonly string[]
  readonly directory: string
  readonly workers: EngineWorker[] = []
  readonly #module: string
  readonly #environment: Readonly<Record<string, string>>

  private constructor(request: RigRequest, log: Log, directory: string) {
    this.name = `e${randomUUID().slice(0, 8)}`
    this.log = log
    this.brokers = request.brokers
    this.directory = directory
    this.#module = request.module
    this.#environment = request.environment ?? {}
  }

  static async open(request: RigRequest): Promise<EngineRig> {
    const log = kafkaLog({ brokers: request.brokers, clientId: 'engine-test' })
    const rig = new EngineRig(request, log, await mkdtemp(join(tmpdir(), 'millrace-engine-')))
    const config = { 'retention.ms': '-1', ...request.topicConfig }
    await log.admin.createTopics(
      Object.entries(request.topics).map(([topic, partitions]) => ({ name: rig.topic(topic), partitions, replicationFactor: -1, config })),
    )
    return rig
  }

  /** Ends what still runs, by kill -9, and removes the folder; with ENGINE_TEST_KEEP it stays, with what the workers have said. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()))
    await this.log.close()
    if (process.env['ENGINE_TEST_KEEP'] === undefined) return rmSync(this.directory, { recursive: true, force: true })
    this.workers.forEach((worker, index) => writeFileSync(join(this.directory, `worker-${index}.log`), worker.text))
    process.stderr.write(`kept: ${this.directory}\n`)
  }

  topic(name: string): string {
    return `${this.name}-${name}`
  }
  get group(): string {
    return `${this.name}.v1`
  }
  /** An internal topic: `commits`, `dead-letters`. */
  internal(name: string): string {
    return `${this.name}.v1.${name}`
  }

  /** Short time-outs: tests kill. Later words win. */
  start(options: WorkerStart = {}): EngineWorker {
    const worker = new EngineWorker({
      module: this.#module,
      program: options.program,
      environment: { [NAME_VARIABLE]: this.name, ...this.#environment, ...options.environment },
      words: [
        `--brokers=${this.brokers.join(',')}`,
        '--admin-port=0',
        `--state-directory=${join(this.directory, options.seat ?? 'state')}`,
        '--session-timeout-ms=6000',
        '--heartbeat-interval-ms=500',
        '--log-format=json',
        ...(options.words ?? []),
      ],
    })
    this.workers.push(worker)
    return worker
  }

  /** All tasks of the worker run; answers their names. */
  async running(worker: EngineWorker, tasks: number, withinMs = 60_000): Promise<readonly string[]> {
    return await eventually(
      async () => {
        if (!worker.running) throw new Error(`the worker has ended:\n${worker.lastLines(20)}`)
        const found = (await worker.status()).tasks
        const states = found.map((task) => `${task.name} ${task.state}`).join(', ')
        if (found.length !== tasks || found.some((task) => task.state !== 'running'))
          throw new Error(`not ${tasks} tasks run: ${states}\n${worker.lastLines(10)}`)
        return found.map((task) => task.name)
      },
      withinMs,
      POLL_MS,
    )
  }

  async append(topic: string, records: ReadonlyMap<number, readonly OutgoingRecord[]>): Promise<void> {
    for (const [partition, all] of records) {
      for (let from = 0; from < all.length; from += RECORDS_OF_ONE_APPEND) {
        await this.log.append([{ topic: this.topic(topic), partition, records: all.slice(from, from + RECORDS_OF_ONE_APPEND) }])
      }
    }
  }

  /**
   * Everything that is in these topics now is processed and committed by the group: its positions are at their ends, control records
   * included. First the inputs, then repartition topics, which get no more then.
   */
  async drained(topics: readonly (readonly [name: string, partitions: number])[], withinMs = 60_000, group = this.group): Promise<void> {
    for (const [name, count] of topics) {
      const partitions = partitionsOf(name, count)
      await eventually(
        async () => {
          const [committed, ranges] = await Promise.all([this.log.admin.committed(group, partitions), this.log.admin.ranges(partitions)])
          for (const partition of partitions) {
            const id = partitionId(partition.topic, partition.partition)
            const position = committed.get(id)?.position ?? -1
            const end = ranges.get(id)?.end ?? -1
            if (position !== end) throw new Error(`${id} is committed up to ${position} of ${end}; ${this.lastWords()}`)
          }
        },
        withinMs,
        POLL_MS,
      )
    }
  }

  async committed(topic: string, partitions: number): Promise<number> {
    const found = await this.log.admin.committed(this.group, partitionsOf(this.topic(topic), partitions))
    return [...found.values()].reduce((sum, one) => sum + one.position, 0)
  }

  lastWords(): string {
    return this.workers.map((worker) => `a worker${worker.running ? '' : ' that has ended'} says:\n${worker.lastLines(4)}`).join('\n')
  }

  /** What a read_committed reader sees, in the order of each partition. */
  async read(fullName: string): Promise<ReadRecord[]> {
    const count = (await this.log.admin.describeTopics([fullName])).get(fullName)?.partitions ?? 0
    const partitions = partitionsOf(fullName, count)
    const ranges = await this.log.admin.ranges(partitions)
    const found: ReadRecord[] = []
    for (const partition of partitions) {
      const range = ranges.get(partitionId(partition.topic, partition.partition))
      if (range === undefined) continue
      await readRange(this.log, systemClock, {
        partition,
        from: range.logStart,
        until: range.lastStable,
        stallMs: STALL_MS,
        signal: new AbortController().signal,
        onRecords: (records) => {
          for (const record of records) found.push({ ...record, partition: partition.partition })
        },
      })
    }
    return found
  }

  /** Partitions of all topics of this application in which a transaction is still open. */
  async openTransactions(): Promise<readonly string[]> {
    const names = (await this.log.admin.listTopics()).filter((name) => name.startsWith(this.name))
    const described = await this.log.admin.describeTopics(names)
    const partitions = [...described.values()].flatMap((topic) => partitionsOf(topic.name, topic.partitions))
    const ranges = await this.log.admin.ranges(partitions)
    return [...ranges].filter(([, range]) => range.lastStable !== range.end).map(([id]) => id)
  }
}

const partitionsOf = (topic: string, count: number): TopicPartition[] =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }))

export function record(
  key: string | Uint8Array | null,
  value: string | Uint8Array | null,
  more: { readonly timestamp?: number; readonly headers?: readonly Header[] } = {},
): OutgoingRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: more.timestamp ?? Date.now(),
    headers: more.headers ?? NO_HEADERS,
  }
}

export const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))
