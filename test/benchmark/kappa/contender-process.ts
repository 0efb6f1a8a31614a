/**
 * One contender as a child process: started, watched, ended. Its stdin is a pipe that ends with this process, whatever ends it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Contender } from './contenders.ts'
import { usageOf, type ProcessUsage } from './process-usage.ts'

const saidLinesMax = 40
const endWithinMs = 30_000

export class ContenderProcess {
  readonly contender: Contender
  readonly startedAt = Date.now()
  /** Rejects when the process ends by itself; never resolves. */
  readonly failed: Promise<never>
  /** However it ended. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #ending = false
  readonly #said: string[] = []

  constructor(contender: Contender) {
    this.contender = contender
    this.#child = spawn(contender.program, [...contender.words], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...withoutSettings(process.env), ...contender.environment },
    })
    this.#listen()
    const failed = Promise.withResolvers<never>()
    this.failed = failed.promise
    this.failed.catch(() => undefined) // Seen by whoever races with it; an ordered end is no failure.
    this.#child.on('error', (error) => failed.reject(new Error(`cannot start ${contender.program}: ${error.message}`, { cause: error })))
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        const said = `${contender.name} has ended by itself (${code ?? signal}):\n${this.#said.join('\n')}`
        if (!this.#ending) failed.reject(new Error(said))
        resolve()
      })
    })
  }

  /** Undefined: it has ended, or this system does not tell. */
  usage(): ProcessUsage | undefined {
    return this.#child.pid === undefined ? undefined : usageOf(this.#child.pid)
  }

  /** Of a command that ends by itself; throws where that was with another code than 0. */
  async done(): Promise<void> {
    await this.ended
    if (this.#child.exitCode !== 0) await this.failed
  }

  /** In order; by force after half a minute. Answers whether order was kept. */
  async end(): Promise<boolean> {
    this.#ending = true
    this.#child.kill('SIGTERM')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), endWithinMs)
    await this.ended
    clearTimeout(force)
    return this.#child.signalCode !== 'SIGKILL'
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#ending = true
    this.#child.kill('SIGKILL')
    await this.ended
  }

  #listen(): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        this.#said.push(line)
        if (this.#said.length > saidLinesMax) this.#said.shift()
      })
    }
  }
}

/** Settings of the caller's shell are not part of the measurement. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(?:MILLRACE_|NODE_OPTIONS$|JAVA_TOOL_OPTIONS$|JDK_JAVA_OPTIONS$)/u.test(name)),
  )
}
