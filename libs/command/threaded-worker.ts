/** A worker on its own thread, seen from the main thread. */
import { Worker as Thread } from 'node:worker_threads'
import type { WorkerStatus } from '../runtime/worker/status.ts'
import type { StateAnswer } from '../telemetry/admin-server.ts'
import type { ExitReason } from '../runtime/worker/worker.ts'
import {
  errorMessage,
  errorOf,
  reasonOf,
  type ErrorMessage,
  type FromThread,
  type Result,
  type CallToThread,
  type ThreadProgram,
  type ThreadTask,
  type ToThread,
} from './thread-messages.ts'
import type { RunningWorker, StateQuestion } from './workers.ts'

interface Call {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

/** Its thread loads the program from its birth on, before it is known which worker it will be. */
export class WorkerThread implements RunningWorker {
  readonly done: Promise<ExitReason>
  readonly #thread: Thread
  readonly #ready: Promise<void>
  readonly #calls = new Map<number, Call>()
  #lastCall = 0
  /** Why the thread will not answer any more. */
  #ended: Error | undefined
  #onCommit: (task: string, durationMs: number) => void = () => undefined
  #end: (reason: ExitReason) => void = () => undefined
  #begin: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined

  constructor(program: ThreadProgram) {
    this.done = new Promise((resolve) => (this.#end = resolve))
    this.#ready = new Promise((resolve, reject) => (this.#begin = { resolve, reject }))
    // Told by `open`, if it comes to that.
    this.#ready.catch(() => undefined)
    this.#thread = new Thread(new URL('./worker-thread.ts', import.meta.url), { workerData: program })
    this.#thread.on('message', (message: FromThread) => this.#hear(message))
    this.#thread.on('error', (error: unknown) => this.#over(errorMessage(error)))
    this.#thread.on('exit', () => this.#over(errorMessage(new Error('the thread of the worker has ended'))))
  }

  /** Once, and before all other calls. Resolves when the worker has connected; throws the fault that hindered it. */
  async open(task: ThreadTask, onCommit: (task: string, durationMs: number) => void): Promise<RunningWorker> {
    this.#onCommit = onCommit
    this.#tell({ kind: 'open', task })
    await this.#ready
    return this
  }

  async start(): Promise<void> {
    await this.#call({ kind: 'start', call: this.#next() })
  }

  async status(): Promise<WorkerStatus> {
    const result = await this.#call({ kind: 'status', call: this.#next() })
    if (result?.kind !== 'status') throw new Error('the thread answered without a status')
    return result.status
  }

  async readState(question: StateQuestion): Promise<StateAnswer> {
    const result = await this.#call({ kind: 'read-state', call: this.#next(), question })
    if (result?.kind !== 'state') throw new Error('the thread answered without state')
    return result.answer
  }

  async limitMemory(share: number): Promise<void> {
    await this.#call({ kind: 'limit-memory', call: this.#next(), share })
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return
    try {
      await this.#call({ kind: 'stop', call: this.#next() })
    } finally {
      await this.end()
    }
  }

  /** At once, whatever the worker is at. */
  async end(): Promise<void> {
    await this.#thread.terminate()
  }

  #next(): number {
    return ++this.#lastCall
  }

  #call(message: CallToThread): Promise<Result> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#calls.set(message.call, { resolve, reject })
      this.#tell(message)
    })
  }

  #tell(message: ToThread): void {
    this.#thread.postMessage(message, [])
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
        if (message.error === undefined) call?.resolve(message.result)
        else call?.reject(errorOf(message.error))
      }
    }
  }

  /** After an orderly end this changes nothing: everything is settled. */
  #over(reason: ErrorMessage): void {
    const error = errorOf(reason)
    this.#ended ??= error
    this.#begin?.reject(error)
    this.#end({ kind: 'failed', fault: error })
    for (const call of this.#calls.values()) call.reject(error)
    this.#calls.clear()
  }
}
