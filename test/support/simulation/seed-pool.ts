/**
 * Runs seeds in processes of their own, as many as there are cores. A process that ends or stalls is a failure of the seed that it had,
 * and another one takes its place.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { SeedResult } from './simulate-seed.ts'

export interface PoolOptions {
  readonly first: number
  readonly count: number
  readonly processes: number
  /** Name of a planted bug (planted-bugs.ts). */
  readonly bug?: string
  readonly digest?: boolean
  /** A schedule takes some 30 ms; one that takes longer than this will never end, ms. */
  readonly stallMs?: number
  /** False ends the run. */
  onResult(result: SeedResult): boolean
}

const STALL_MS = 60_000
const SHOWN_CHARACTERS = 4_000

export async function runSeeds(options: PoolOptions): Promise<void> {
  const pool = new SeedPool(options)
  await Promise.all(Array.from({ length: Math.min(options.processes, options.count) }, () => pool.work()))
}

/** Seeds that a process knows of, so that it never waits for the next one. */
const AHEAD = 8

class SeedPool {
  readonly #options: PoolOptions
  readonly #end: number
  #next: number
  /** Seeds of a process that broke down; the first of them is what it broke down on. */
  readonly #again: number[] = []

  constructor(options: PoolOptions) {
    this.#options = options
    this.#next = options.first
    this.#end = options.first + options.count
  }

  /** Until nothing is left to do. */
  async work(): Promise<void> {
    while (this.#again.length > 0 || this.#next < this.#end) await this.#runProcess()
  }

  #take(): number | undefined {
    const again = this.#again.shift()
    if (again !== undefined) return again
    return this.#next < this.#end ? this.#next++ : undefined
  }

  #stop(): void {
    this.#next = this.#end
    this.#again.length = 0
  }

  #start(): ChildProcess {
    const { bug, digest } = this.#options
    return fork(join(import.meta.dirname, 'seeds-process.ts'), {
      // Not those of a test runner.
      execArgv: bug === undefined ? [] : ['--import', join(import.meta.dirname, 'plant-bug.ts')],
      env: { ...process.env, NODE_OPTIONS: '', SIMULATION_BUG: bug ?? '', SIMULATION_DIGEST: digest === true ? '1' : '' },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
  }

  /** One process until it has nothing more to do, breaks down, or stalls. */
  #runProcess(): Promise<void> {
    const { stallMs = STALL_MS, onResult } = this.#options
    const child = this.#start()
    const under: number[] = []
    let complaint = ''
    let isOver = false
    let stall: NodeJS.Timeout | undefined
    child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString('utf8')).slice(-SHOWN_CHARACTERS)))
    return new Promise((resolve) => {
      const end = (): void => {
        isOver = true
        clearTimeout(stall)
        child.kill('SIGKILL')
        resolve()
      }
      const feed = (): void => {
        clearTimeout(stall)
        while (under.length < AHEAD) {
          const seed = this.#take()
          if (seed === undefined) break
          under.push(seed)
          child.send(seed)
        }
        if (under.length === 0) return end()
        stall = setTimeout(() => breakDown(`the schedule did not end in ${stallMs} ms`, 'stalled'), stallMs)
      }
      const breakDown = (why: string, scenario: 'broken' | 'stalled'): void => {
        if (isOver) return
        const seed = under.shift() ?? 0
        this.#again.push(...under)
        if (!onResult({ seed, scenario, failures: [why], happenings: [], counts: {}, digest: undefined })) this.#stop()
        end()
      }
      child.on('message', (result: SeedResult) => {
        if (isOver) return
        under.shift()
        if (onResult(result)) return feed()
        this.#stop()
        end()
      })
      child.on('close', (code) => breakDown(`the process ended with ${code}: ${complaint}`, 'broken'))
      feed()
    })
  }
}
