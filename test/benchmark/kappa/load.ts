/**
 * A load on one input and its reader on one output: the generator is a process of its own, the reader is here. Owns both.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Log, PartitionReader } from '../../../libs/runtime/ports/log.ts'
import { dueUntil, type LoadPlan, type Phase } from './load-plan.ts'
import { LoadReader, type Latencies } from './load-reader.ts'
import { bufferOf } from './topics.ts'
import type { OutputCheck } from './workload.ts'

export interface LoadSetup extends LoadPlan {
  readonly log: Log
  readonly brokers: readonly string[]
  readonly input: string
  readonly output: string
  /** Takes what is not of this load. */
  readonly others?: OutputCheck
}

/** Records that may be on their way when the maximum is looked for: two seconds of a fast contender, so that its latency does not bound it. */
const windowRecords = 200_000
const neverReachedPerSecond = 100_000_000
const pollMs = 10
/** Between an order and the first record of it. */
const leadMs = 100
const stopLeadMs = 500
const shownWithinMs = 60_000
const examplesMax = 3

export class Load {
  readonly #reader: LoadReader
  readonly #generator: ChildProcess
  readonly #partitionReader: PartitionReader
  readonly #setup: LoadSetup
  #failure: Error | undefined
  #ordered = 0
  #appended = 0
  #steady: Phase | undefined

  constructor(setup: LoadSetup) {
    const { log, brokers, input, output, keys, partitions, others } = setup
    this.#setup = setup
    this.#reader = new LoadReader(setup)
    this.#generator = spawn(
      process.execPath,
      [join(import.meta.dirname, 'load-generator.ts'), brokers.join(','), input, String(keys), String(partitions)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    this.#generator.on('close', (code) => (this.#failure ??= new Error(`the load generator has ended (${code})`)))
    if (this.#generator.stdout !== null)
      createInterface({ input: this.#generator.stdout }).on('line', (line) => (this.#appended = Number(line.split(' ')[1])))
    const fail = (what: string, cause?: Error): void => void (this.#failure ??= new Error(what, { cause }))
    this.#partitionReader = log.openReader({
      onBatch: ({ records }) => {
        const now = Date.now()
        for (const record of records) {
          const [key, value] = [bufferOf(record.key).toString(), bufferOf(record.value)]
          if (!this.#reader.take(key, value, now)) others?.take(key, value)
        }
      },
      onOutOfRange: (_, position) => fail(`${output} cannot be read from ${position}`),
      onFault: (_, fault) => fail(`${output} cannot be read`, fault),
    })
    for (let partition = 0; partition < partitions; partition += 1) this.#partitionReader.assign({ topic: output, partition }, 0)
  }

  /** Records a second that go through when the generator always has more, up to a bound of records on their way. */
  async maximum(warmUpMs: number, measuredMs: number): Promise<number> {
    const begin = Date.now()
    this.#order({ first: this.#ordered, perSecond: neverReachedPerSecond, at: begin }, this.#ordered + windowRecords)
    let from: { readonly at: number; readonly shown: number } | undefined
    while (Date.now() < begin + warmUpMs + measuredMs) {
      await this.#pause()
      if (from === undefined && Date.now() >= begin + warmUpMs) from = { at: Date.now(), shown: this.#reader.shown }
      if (this.#reader.shown + windowRecords > this.#ordered) this.#order(undefined, this.#reader.shown + windowRecords)
    }
    const to = { at: Date.now(), shown: this.#reader.shown }
    await this.#allShown()
    return from === undefined ? 0 : ((to.shown - from.shown) / (to.at - from.at)) * 1_000
  }

  /** Appends at a rate and tells how late the records after the warm-up have shown. */
  async latency(perSecond: number, warmUpMs: number, measuredMs: number): Promise<Latencies> {
    const phase: Phase = { first: this.#ordered, perSecond, at: Date.now() + leadMs }
    const numberAt = (afterMs: number): number => phase.first + Math.ceil((perSecond * afterMs) / 1_000)
    this.#reader.begin(phase, numberAt(warmUpMs))
    this.#order(phase, numberAt(warmUpMs + measuredMs))
    await this.#allShown(warmUpMs + measuredMs)
    return this.#reader.latencies()
  }

  /** Appends at a rate until `stop`. */
  steady(perSecond: number): void {
    this.#steady = { first: this.#ordered, perSecond, at: Date.now() + leadMs }
    this.#order(this.#steady, Number.MAX_SAFE_INTEGER)
  }

  /** Of a steady load, the records that are due from now on. */
  measureFromNow(): void {
    if (this.#steady !== undefined) this.#reader.begin(this.#steady, dueUntil(this.#steady, Date.now()))
  }

  latencies(): Latencies {
    return this.#reader.latencies()
  }

  /** Resolves when the output has everything. */
  async stop(): Promise<void> {
    // A little later than now: the generator must not be beyond it already.
    if (this.#steady !== undefined) this.#order(undefined, dueUntil(this.#steady, Date.now() + stopLeadMs))
    await this.#allShown()
  }

  get appended(): number {
    return this.#appended
  }

  /** Throws when the totals are not those of exactly what was appended. */
  check(): void {
    const differences = [...this.#reader.differences(this.#appended), ...(this.#setup.others?.differences() ?? [])]
    if (differences.length > 0)
      throw new Error(`the output under load is wrong in ${differences.length} keys\n  ${differences.slice(0, examplesMax).join('\n  ')}`)
  }

  async end(): Promise<void> {
    this.#generator.removeAllListeners('close')
    this.#generator.stdin?.end()
    await this.#partitionReader.close()
  }

  #order(phase: Phase | undefined, until: number): void {
    this.#ordered = until
    this.#generator.stdin?.write(`${JSON.stringify({ ...(phase && { phase }), until })}\n`)
  }

  /** Until everything that was ordered is in the output. */
  async #allShown(forMs = 0): Promise<void> {
    const end = Date.now() + forMs + shownWithinMs
    while (this.#reader.shown < this.#ordered) {
      await this.#pause()
      if (Date.now() > end)
        throw new Error(`of ${this.#ordered} records ${this.#appended} were appended and ${this.#reader.shown} are in the output`)
    }
    while (this.#appended < this.#ordered) await this.#pause()
  }

  async #pause(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
