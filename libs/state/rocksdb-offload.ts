/** The main thread's side of a RocksDB thread: started when first needed, never the reason that a process stays alive while idle. */
import { Worker } from 'node:worker_threads'
import type { PackedEntries } from './packed-entries.ts'
import type { ThreadAnswer, ThreadRequest } from './rocksdb-thread.ts'

/** The thread holds no state; buffers that travel are outside of its heap. */
const THREAD_HEAP_MB = 64

export class ThreadFailure extends Error {
  override readonly name = 'ThreadFailure'
  readonly code: string | undefined
  constructor(message: string, code: string | undefined) {
    super(message)
    this.code = code
  }
}

interface Waiting {
  resolve(values: PackedEntries | undefined): void
  reject(error: Error): void
}

export class RocksThread {
  readonly #kind: ThreadRequest['kind']
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #lastId = 0

  constructor(kind: ThreadRequest['kind']) {
    this.#kind = kind
  }

  /** Answers a read with values. Rejects with a ThreadFailure that has RocksDB's code and message. The memory of `packed` moves away. */
  async run(handle: bigint, packed: PackedEntries): Promise<PackedEntries | undefined> {
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#lastId
    const answer = new Promise<PackedEntries | undefined>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    if (this.#waiting.size === 1) worker.ref()
    const request: ThreadRequest = { id, kind: this.#kind, handle, packed }
    worker.postMessage(request, [packed.lengths.buffer, packed.bytes.buffer])
    return await answer
  }

  /** Now, since the first request would wait for it. */
  start(): void {
    this.#worker ??= this.#start()
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    const worker = new Worker(new URL('./rocksdb-thread.ts', import.meta.url), {
      name: `millrace state ${this.#kind}`,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
    })
    worker.unref()
    worker.on('message', (answer: ThreadAnswer) => this.#answered(worker, answer))
    worker.on('error', (error) => this.#ended(worker, error))
    worker.on('exit', (code) => this.#ended(worker, new Error(`the thread ended with code ${code}`)))
    return worker
  }

  #answered(worker: Worker, { id, values, error }: ThreadAnswer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) worker.unref()
    if (error === undefined) waiting?.resolve(values)
    else waiting?.reject(new ThreadFailure(error.message, error.code))
  }

  /** Whatever was asked has failed; the next request starts another thread. */
  #ended(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    for (const waiting of this.#waiting.values()) waiting.reject(new ThreadFailure(`the RocksDB thread failed: ${reason}`, undefined))
    this.#waiting.clear()
  }
}
