/** Follows `<app>.control` while a worker lives: what it knows is what the log said a moment ago, and, where that matters, what it says now. */
import { Fault } from '../../faults/fault.ts'
import { partitionId } from '../ports/log.ts'
import type { FetchedBatch, PartitionReader } from '../ports/log.ts'
import { NOTHING_SHARED, decodeShared, foldShared, sharedTopic } from './shared-state.ts'
import type { SharedState } from './shared-state.ts'
import type { SharedContext } from './shared-topic.ts'

interface Waiting {
  readonly position: number
  resolve(): void
}

export class ControlWatch {
  readonly #context: SharedContext
  readonly #onChange: () => void
  #reader: PartitionReader | undefined
  #state = NOTHING_SHARED
  /** Read up to here, control records of the log included. */
  #next = 0
  #waiting: Waiting[] = []

  constructor(context: SharedContext, onChange: () => void) {
    this.#context = context
    this.#onChange = onChange
  }

  get state(): SharedState {
    return this.#state
  }

  /** The topic exists. Resolves when everything that stands in it was read. */
  async start(): Promise<SharedState> {
    const partition = { topic: sharedTopic(this.#context.application), partition: 0 }
    this.#reader = this.#context.log.openReader({
      onBatch: (batch) => this.#onBatch(batch),
      onOutOfRange: (_, __, logStart) => this.#reader?.assign(partition, logStart),
      // Passing ones are retried inside; while a lasting one lasts the worker knows what it knew.
      onFault: () => undefined,
    })
    this.#reader.assign(partition, 0)
    return await this.upToDate(this.#context.signal)
  }

  /** What stands in the topic at the time of the call, at least. Fault MR5082 when it cannot be read. */
  async upToDate(signal: AbortSignal): Promise<SharedState> {
    const { log, clock, application, stallMs } = this.#context
    const topic = sharedTopic(application)
    const end = (await log.admin.ranges([{ topic, partition: 0 }])).get(partitionId(topic, 0))?.end ?? 0
    if (this.#next >= end) return this.#state
    const stop = new AbortController()
    const abort = (): void => stop.abort()
    signal.addEventListener('abort', abort, { once: true })
    const read = new Promise<void>((resolve) => this.#waiting.push({ position: end, resolve }))
    try {
      await Promise.race([read, clock.sleep(stallMs, stop.signal)])
    } finally {
      signal.removeEventListener('abort', abort)
      stop.abort()
    }
    if (this.#next < end) throw unread(topic, this.#next, end)
    return this.#state
  }

  async close(): Promise<void> {
    await this.#reader?.close()
  }

  #onBatch(batch: FetchedBatch): void {
    if (batch.next <= this.#next) return
    const before = this.#state
    for (const record of batch.records) {
      if (record.offset >= this.#next) this.#state = foldShared(this.#state, record.offset, decodeShared(record.value))
    }
    this.#next = batch.next
    const ready = this.#waiting.filter((one) => one.position <= this.#next)
    this.#waiting = this.#waiting.filter((one) => one.position > this.#next)
    for (const one of ready) one.resolve()
    if (this.#state !== before) this.#onChange()
  }
}

const unread = (topic: string, at: number, end: number): Fault =>
  new Fault(
    'MR5082',
    'acquire-again',
    `${topic} cannot be read beyond ${at} of ${end}: a command that died there holds it with an open transaction, or its broker is away. It is tried again`,
    { place: { topic, partition: 0, offset: at } },
  )
