/**
 * The verifier's own eyes: IndependentReader.java, written against Kafka's Java client, in a process that answers one question after
 * the other. An error of our client cannot hide itself before it.
 *
 * Owns `.millrace/independent-reader/<hash of the source and of the pom of the jars>`, the compiled class, moved into place by one rename.
 */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { kafkaJava, repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'

const run = promisify(execFile)
const NAME = 'IndependentReader'
const source = join(import.meta.dirname, `${NAME}.java`)
const COMPILED_WITHIN_MS = 120_000

interface Place {
  readonly topic: string
  readonly partition: number
}
export interface SeenRange extends Place {
  readonly start: number
  /** High watermark. */
  readonly end: number
  readonly stable: number
}
export interface SeenTransaction {
  readonly id: string
  /** As Kafka calls it: Empty, Ongoing, PrepareCommit, CompleteAbort ... */
  readonly state: string
}
export interface SeenPosition extends Place {
  readonly position: number
}
/** Bytes in base64. */
export interface SeenRecord extends Place {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}
/** What a changelog has left of one key. */
export interface SeenEntry extends Place {
  readonly key: string
  readonly value: string
}

interface Answer {
  readonly kind: string
  readonly why?: string
}

export class IndependentReader {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>
  readonly #interface: Interface
  #complaints = ''

  private constructor(java: string, classPath: string, brokers: readonly string[]) {
    const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath]
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    this.#process = spawn(java, [...jvm, log, NAME, brokers.join(',')], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#process.stderr.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString('utf8')))
    this.#process.stdin.on('error', () => undefined) // It has ended, which the missing answer tells.
    this.#interface = createInterface({ input: this.#process.stdout })
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  static async open(brokers: readonly string[]): Promise<IndependentReader> {
    const { java, classPath } = await kafkaJava(() => undefined)
    return new IndependentReader(java, `${await compiled(java, classPath)}:${classPath}`, brokers)
  }

  /** Of the topics that begin with the prefix, and of `__consumer_offsets`. */
  ranges(prefix: string): Promise<readonly SeenRange[]> {
    return this.#ask(`ranges ${prefix}`)
  }
  transactions(prefix: string): Promise<readonly SeenTransaction[]> {
    return this.#ask(`transactions ${prefix}`)
  }
  positions(group: string): Promise<readonly SeenPosition[]> {
    return this.#ask(`positions ${group}`)
  }
  /** Everything that is committed now; in order within each partition. */
  records(topic: string): Promise<readonly SeenRecord[]> {
    return this.#ask(`records ${topic}`)
  }
  /** A changelog, materialised. */
  state(changelog: string): Promise<readonly SeenEntry[]> {
    return this.#ask(`state ${changelog}`)
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('close', resolve))
    this.#interface.close()
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await ended
  }

  async #ask<T>(question: string): Promise<readonly T[]> {
    this.#process.stdin.write(`${question}\n`)
    const answers: T[] = []
    for (;;) {
      const line = await this.#lines.next()
      if (line.done === true) throw new Error(`the independent reader has ended at "${question}": ${this.#complaints.slice(-1_000)}`)
      const answer = JSON.parse(line.value) as Answer // Written by IndependentReader.java.
      if (answer.kind === 'done') return answers
      if (answer.kind === 'failed') throw new Error(`the independent reader could not answer "${question}": ${answer.why}`)
      answers.push(answer as T)
    }
  }
}

async function compiled(java: string, classPath: string): Promise<string> {
  const hash = createHash('sha256').update(classPath).update(readFileSync(source)).digest('hex').slice(0, 12)
  const folder = join(repositoryRoot, '.millrace', 'independent-reader', hash)
  if (existsSync(folder)) return folder
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  const javac = java === 'java' ? 'javac' : join(dirname(java), 'javac')
  try {
    await run(javac, ['-d', fresh, '-cp', classPath, source], { timeout: COMPILED_WITHIN_MS })
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    if (existsSync(folder)) return folder // Somebody else was faster.
    throw new Error(
      `The verifier needs a Java compiler for its independent reader, and "${javac}" did not compile ${source}. Get it by \`apt-get install openjdk-17-jdk-headless\`. ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
  return folder
}
