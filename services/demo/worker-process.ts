/** One worker as a user starts it: a process of the command `millrace run`, looked at through its admin server. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { WorkerStatus } from '../../libs/runtime/worker/status.ts'
import { freePort } from '../../deploy/local-kafka/free-port.ts'

export interface WorkerRequest {
  readonly name: string
  readonly module: string
  readonly brokers: readonly string[]
  /** Folder of its state and log. */
  readonly directory: string
}

const root = resolve(import.meta.dirname, '../..')
const STATUS_TIMEOUT_MS = 2_000

export class WorkerProcess {
  readonly name: string
  readonly logFile: string
  readonly adminUrl: string
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #running = true

  private constructor(name: string, logFile: string, adminUrl: string, child: ChildProcess) {
    this.name = name
    this.logFile = logFile
    this.adminUrl = adminUrl
    this.#child = child
    this.#ended = new Promise((resolvePromise) => {
      child.once('exit', (code) => {
        this.#running = false
        resolvePromise(code)
      })
    })
  }

  static async start(request: WorkerRequest): Promise<WorkerProcess> {
    const directory = join(request.directory, request.name)
    await mkdir(directory, { recursive: true })
    const port = await freePort()
    const logFile = join(directory, 'worker.log')
    const words = [
      join(root, 'libs/command/millrace.mjs'),
      'run',
      request.module,
      '--brokers',
      request.brokers.join(','),
      '--state-directory',
      join(directory, 'state'),
      '--admin-port',
      String(port),
      '--session-timeout-ms',
      '6000',
      '--heartbeat-interval-ms',
      '1000',
    ]
    const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    const log = createWriteStream(logFile, { flags: 'a' })
    child.stdout.pipe(log)
    child.stderr.pipe(log)
    return new WorkerProcess(request.name, logFile, `http://127.0.0.1:${port}`, child)
  }

  get running(): boolean {
    return this.#running
  }
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Undefined while the admin server does not answer. */
  async status(): Promise<WorkerStatus | undefined> {
    try {
      const answer = await fetch(`${this.adminUrl}/status`, { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })
      // The document of our own worker, of the version in this repository.
      return (await answer.json()) as WorkerStatus
    } catch {
      return undefined
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** SIGTERM; answers the exit code. */
  async stop(): Promise<number | null> {
    if (this.#running) this.#child.kill('SIGTERM')
    return await this.#ended
  }

  /** The end of its log, for a message about a failure. */
  async lastLines(count: number): Promise<string> {
    const text = await readFile(this.logFile, 'utf8').catch(() => '(no log)')
    return text.trimEnd().split('\n').slice(-count).join('\n')
  }
}
