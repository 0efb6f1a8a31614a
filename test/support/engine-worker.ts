/** One worker as a user starts it, `millrace run <module>` in a process of its own, with all that it says kept for the test. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import type { WorkerStatus } from '../../libs/runtime/worker/status.ts'
import { eventually } from './eventually.ts'

export const repositoryRoot = resolve(import.meta.dirname, '../..')
const SAID_WITHIN_MS = 60_000
const STATUS_TIMEOUT_MS = 5_000

export interface EngineWorkerRequest {
  readonly module: string
  /** Words behind `millrace run <module>`. */
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** In the place of the command, a path in the repository: the same command in a world that a test has changed. */
  readonly program?: string | undefined
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the start of the process. */
  readonly afterMs: number
}

/** Without the settings of the test run: `millrace` refuses variables of its own prefix that it does not know. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_') && name !== 'NODE_OPTIONS'))
}

export class EngineWorker {
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  #output = ''
  #complaints = ''
  #running = true

  constructor(request: EngineWorkerRequest) {
    const begun = performance.now()
    const node = join(repositoryRoot, 'node_modules/.bin/node')
    const program = join(repositoryRoot, request.program ?? 'libs/command/millrace.mjs')
    this.#child = spawn(node, [program, 'run', request.module, ...request.words], {
      cwd: repositoryRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...plainEnvironment(), ...request.environment },
    })
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString('utf8')))
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString('utf8')))
    this.ended = new Promise((resolvePromise) => {
      // `close`, not `exit`: everything that it has said is here then.
      this.#child.once('close', (code, signal) => {
        this.#running = false
        resolvePromise({ code, signal, afterMs: performance.now() - begun })
      })
    })
  }

  get running(): boolean {
    return this.#running
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('the worker could not be started')
    return pid
  }

  /** Both streams, as a person would see them. */
  get text(): string {
    return this.#output + this.#complaints
  }

  get lines(): readonly LogLine[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine) // Written by our own logger.
  }

  /** Lines whose message holds the words. */
  said(words: string): readonly LogLine[] {
    return this.lines.filter((line) => line.msg.includes(words))
  }

  /** Waits until so many lines hold the words, and answers them; gives up at once when the worker has ended. */
  async untilSaid(words: string, count = 1, withinMs: number = SAID_WITHIN_MS): Promise<readonly LogLine[]> {
    const enough = (): readonly LogLine[] => {
      const lines = this.said(words)
      if (lines.length >= count) return lines
      throw new Error(`the worker has said "${words}" ${lines.length} times; it said:\n${this.lastLines(15)}`)
    }
    return await Promise.race([eventually(enough, withinMs), this.ended.then(enough)])
  }

  lastLines(count: number): string {
    return this.text.trimEnd().split('\n').slice(-count).join('\n')
  }

  async status(): Promise<WorkerStatus> {
    const [line] = await this.untilSaid('admin server listens')
    const answer = await fetch(`${String(line?.['url'])}/status`, { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })
    return (await answer.json()) as WorkerStatus // Of the version in this repository.
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** SIGTERM. */
  async stop(): Promise<ProcessEnd> {
    if (this.#running) this.#child.kill('SIGTERM')
    return await this.ended
  }
}
