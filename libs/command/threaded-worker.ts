/** A worker on its own thread, seen from the main thread. */
import { Worker as Thread } from 'node:worker_threads'
import type { WorkerStatus } from '../runtime/status.ts'
import type { ExitReason } from '../runtime/worker.ts'
import { errorMessage, errorOf, reasonOf, type ErrorMessage, type FromThread, type ThreadTask, type ToThread } from './thread-messages.ts'
import type { RunningWorker } from './workers.ts'

interface Call {
  readonly resolve: (status: WorkerStatus | undefined) => void
  readonly reject: (error: Error) => void
}

class ThreadedWorker implements RunningWorker {
  readonly done: Promise<ExitReason>
  readonly ready: Promise<void>
  readonly #thread: Thread
  readonly #onCommit: (task: string, durationMs: number) => void
  readonly #calls = new Map<number, Call>()
  #lastCall = 0
  #end: (reason: ExitReason) => void = () => undefined
  #begin: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined

  constructor(task: ThreadTask, onCommit: (task: string, durationMs: number) => void) {
    this.#onCommit = onCommit
    this.done = new Promise((resolve) => (this.#end = resolve))
    this.ready = new Promise((resolve, reject) => (this.#begin = { resolve, reject }))
    this.#thread = new Thread(new URL('./worker-thread.ts', import.meta.url), { workerData: task })
    this.#thread.on('message', (message: FromThread) => this.#hear(message))
    this.#thread.on('error', (error: unknown) => this.#over(errorMessage(error)))
    this.#thread.on('exit', () => this.#over(errorMessage(new Error('the thread of the worker has ended'))))
  }

  async start(): Promise<void> {
    await this.#call('start')
  }

  async status(): Promise<WorkerStatus> {
    const status = await this.#call('status')
    if (status === undefined) throw new Error('the thread answered without a status')
    return status
  }

  async stop(): Promise<void> {
    try {
      await this.#call('stop')
    } finally {
      await this.#thread.terminate()
    }
  }

  #call(kind: ToThread['kind']): Promise<WorkerStatus | undefined> {
    const call = ++this.#lastCall
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject })
      this.#thread.postMessage({ kind, call } satisfies ToThread, [])
    })
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'ready':
        this.#begin?.resolve()
        return
      case 'commit':
        this.#onCommit(message.task, message.durationMs)
        return
      case 'done':
        if (message.fault !== undefined) this.#begin?.reject(errorOf(message.fault))
        this.#end(reasonOf(message.fault))
        return
      case 'answer': {
        const call = this.#calls.get(message.call)
        this.#calls.delete(message.call)
        if (message.error === undefined) call?.resolve(message.status)
        else call?.reject(errorOf(message.error))
      }
    }
  }

  /** After an orderly end this changes nothing: everything is settled. */
  #over(reason: ErrorMessage): void {
    const error = errorOf(reason)
    this.#begin?.reject(error)
    this.#end({ kind: 'failed', fault: error })
    for (const call of this.#calls.values()) call.reject(error)
    this.#calls.clear()
  }
}

/** Resolves when the thread has connected; throws the fault that hindered it. */
export async function threadedWorker(task: ThreadTask, onCommit: (task: string, durationMs: number) => void): Promise<RunningWorker> {
  const worker = new ThreadedWorker(task, onCommit)
  await worker.ready
  return worker
}
