/** Looks at a run while it goes on: progress of the outputs, memory and descriptors of the workers. */
import type { Log } from '../../libs/runtime/ports/log.ts'
import { partitionId } from '../../libs/runtime/ports/log.ts'
import type { ChaosWorker } from './fleet.ts'

const PROGRESS_MS = 500
const WORKERS_MS = 2_000

export interface Sample {
  /** Since the life began. */
  readonly ageMs: number
  readonly rssBytes: number
  readonly descriptors: number
}

export class Watch {
  /** Life → its samples. */
  readonly samples = new Map<string, Sample[]>()
  longestStallMs = 0
  longestStallAt = 0
  readonly #log: Log
  readonly #topic: string
  readonly #ends: number[]
  readonly #workers: readonly ChaosWorker[]
  #lastProgressAt = Date.now()
  #wanted = true
  readonly #loops: Promise<void>[]

  constructor(log: Log, topic: string, partitions: number, workers: readonly ChaosWorker[]) {
    this.#log = log
    this.#topic = topic
    this.#ends = Array.from({ length: partitions }, () => 0)
    this.#workers = workers
    this.#loops = [
      ...this.#ends.map((_, partition) => this.#repeat(PROGRESS_MS, () => this.#look(partition))),
      this.#repeat(WORKERS_MS, () => this.#lookAtWorkers()),
    ]
  }

  /** Committed ends of the outputs, as a reader can see them now. */
  get ends(): readonly number[] {
    return [...this.#ends]
  }

  /** Stalls are counted from now on: while nothing is fed nothing comes. */
  begin(): void {
    this.#lastProgressAt = Date.now()
    this.longestStallMs = 0
  }

  async close(): Promise<void> {
    this.#wanted = false
    await Promise.all(this.#loops)
  }

  async #repeat(everyMs: number, look: () => Promise<void>): Promise<void> {
    while (this.#wanted) {
      await look()
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }

  async #look(partition: number): Promise<void> {
    try {
      const range = (await this.#log.admin.ranges([{ topic: this.#topic, partition }])).get(partitionId(this.#topic, partition))
      const end = range?.lastStable ?? 0
      if (end <= (this.#ends[partition] ?? 0)) return
      this.#ends[partition] = end
      const now = Date.now()
      if (now - this.#lastProgressAt > this.longestStallMs) {
        this.longestStallMs = now - this.#lastProgressAt
        this.longestStallAt = now
      }
      this.#lastProgressAt = now
    } catch {
      // Its leader is away: no progress that anybody could see.
    }
  }

  async #lookAtWorkers(): Promise<void> {
    for (const worker of this.#workers) {
      const life = worker.life
      const resources = worker.resources()
      if (life === undefined || resources === undefined) continue
      const list = this.samples.get(life.name) ?? []
      list.push({ ageMs: Date.now() - life.startedAt, ...resources })
      this.samples.set(life.name, list)
    }
  }
}
