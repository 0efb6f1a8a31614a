/**
 * Watches a group from outside, both contenders in the same way: committed positions of the input and of the topics between its stages,
 * and the end of the output, until all input is committed and the output stands still.
 *
 * Every partition is asked for by itself: the port's answer waits while a transaction is pending on a position, and tasks commit in
 * transactions of their own.
 */
import { partitionId, type Log, type PartitionId, type TopicPartition } from '../../../libs/runtime/ports/log.ts'
import type { Sample } from './progress.ts'
import { partitionsOf, type Ends } from './topics.ts'

export interface Watched {
  readonly group: string
  /** Begin of the names of the topics that the contender makes for itself. */
  readonly application: string
  /** Of the inputs. */
  readonly ends: Ends
  readonly output: string
  readonly commitIntervalMs: number
  /** How often it is looked. Default 100: the questions take processor time of the broker that the contender would have. */
  readonly pollMs?: number
  /** It stands still when nothing has changed for so long. Default: a minute. */
  readonly stallMs?: number
}

const pollMsUsual = 100
/** One question for each partition: with many partitions not so often, since the broker shares the machine. */
const pollMsForPartition = 2
const firstWithinMs = 120_000
const stallMsUsual = 60_000
/** Longer than any pause between the last input and what it causes: two commits, watermarks, one fetch. */
const quietMs = 2_000
const quietCommits = 4

/** Somebody works no more, with input left. */
export class StandsStill<U> extends Error {
  override readonly name = 'StandsStill'
  /** The last is from the moment of the last change. */
  readonly samples: readonly Sample<U>[]
  constructor(message: string, samples: readonly Sample<U>[]) {
    super(message)
    this.samples = samples
  }
}

/** Resolves when the work is done; the last sample is from the moment of the last change. Throws StandsStill. */
export async function samplesUntilEnd<U>(log: Log, watched: Watched, look: () => U): Promise<readonly Sample<U>[]> {
  const samples: Sample<U>[] = []
  const outputs = partitionsOf(watched.output, (await log.admin.describeTopics([watched.output])).get(watched.output)?.partitions ?? 0)
  const positions = new Positions(log, watched)
  const quietFor = Math.max(quietMs, quietCommits * watched.commitIntervalMs)
  const begin = Date.now()
  let changedAt = begin
  let seen = ''
  while (true) {
    await positions.ask()
    const ends = [...(await log.admin.ranges(outputs)).values()].map(({ lastStable }) => lastStable)
    const state = `${positions.sum} ${ends.join(' ')}`
    const now = Date.now()
    if (state !== seen) {
      changedAt = now
      if (positions.sum > 0) samples.push({ at: now, positions: positions.sum, usage: look() })
      seen = state
    }
    if (positions.isInputDone && now - changedAt > quietFor) return samples
    const limit = samples.length === 0 ? firstWithinMs : (watched.stallMs ?? stallMsUsual)
    if (now - changedAt > limit)
      throw new StandsStill(`${watched.group} stands still for ${limit / 1_000} s at ${positions.text()}`, samples)
    await new Promise((resolve) => setTimeout(resolve, Math.max(watched.pollMs ?? pollMsUsual, watched.ends.length * pollMsForPartition)))
  }
}

/** The newest answers; a partition whose answer is late holds nobody up. */
class Positions {
  readonly #log: Log
  readonly #watched: Watched
  readonly #known = new Map<PartitionId, number>()
  readonly #asking = new Set<PartitionId>()
  #between: readonly TopicPartition[] | undefined
  #failure: Error | undefined

  constructor(log: Log, watched: Watched) {
    this.#log = log
    this.#watched = watched
  }

  get sum(): number {
    return [...this.#known.values()].reduce((sum, one) => sum + one, 0)
  }

  get isInputDone(): boolean {
    return this.#watched.ends.every(({ topic, partition, end }) => (this.#known.get(partitionId(topic, partition)) ?? 0) >= end)
  }

  text(): string {
    return [...this.#known].map(([id, position]) => `${id} ${position}`).join(', ')
  }

  /** Waits for no answer that is held up by a transaction, only for those that come at once. */
  async ask(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#between === undefined && this.sum > 0) this.#between = await this.#findBetween()
    for (const partition of [...this.#watched.ends, ...(this.#between ?? [])]) this.#askOne(partition)
  }

  #askOne({ topic, partition }: TopicPartition): void {
    const id = partitionId(topic, partition)
    if (this.#asking.has(id)) return
    this.#asking.add(id)
    void this.#log.admin
      .committed(this.#watched.group, [{ topic, partition }])
      .then((positions) => void this.#known.set(id, positions.get(id)?.position ?? 0))
      .catch((error: unknown) => void (this.#failure ??= new Error(`${id} cannot be asked for`, { cause: error })))
      .finally(() => this.#asking.delete(id))
  }

  /** Both contenders call the topics between their stages so. */
  async #findBetween(): Promise<readonly TopicPartition[]> {
    const names = (await this.#log.admin.listTopics()).filter(
      (name) => name.startsWith(this.#watched.application) && name.endsWith('repartition'),
    )
    const topics = await this.#log.admin.describeTopics(names)
    return [...topics.values()].flatMap(({ name, partitions }) => partitionsOf(name, partitions))
  }
}
