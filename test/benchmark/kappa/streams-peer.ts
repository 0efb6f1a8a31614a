/**
 * The Kafka Streams peer, ready to run: its jars from the pom of the local Kafka (profile `streams`), its class from javac.
 *
 * Owns `.millrace/streams-peer/<hash of pom and source>`, filled aside and moved into place by one rename.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaJava, repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'

const run = promisify(execFile)
const pom = join(repositoryRoot, 'deploy/local-kafka/pom.xml')
const source = join(import.meta.dirname, '../streams-peer/StreamsPeer.java')
const fetchTimeoutMs = 600_000
const compileTimeoutMs = 120_000
const kafkaVersionIn = /<kafka\.version>([^<]+)</u

export interface StreamsPeer {
  readonly java: string
  readonly classPath: string
  readonly mainClass: string
}

/** Of the pom: the local broker and the peer. */
export const pinnedKafkaVersion = (): string => kafkaVersionIn.exec(readFileSync(pom, 'utf8'))?.[1] ?? 'unknown'

/** Fails with what is missing and how to get it. */
export async function streamsPeer(log: (line: string) => void): Promise<StreamsPeer> {
  const { java, classPath } = await kafkaJava(log)
  const hash = createHash('sha256').update(readFileSync(pom)).update(readFileSync(source)).digest('hex').slice(0, 12)
  const folder = join(repositoryRoot, '.millrace', 'streams-peer', hash)
  if (!existsSync(folder)) await build(folder, classPath, java, log)
  return {
    java,
    classPath: [join(folder, 'classes'), join(folder, 'jars', '*'), classPath].join(':'),
    mainClass: 'StreamsPeer',
  }
}

async function build(folder: string, kafkaClassPath: string, java: string, log: (line: string) => void): Promise<void> {
  const fresh = `${folder}.${process.pid}`
  const jars = join(fresh, 'jars')
  const classes = join(fresh, 'classes')
  mkdirSync(classes, { recursive: true })
  try {
    log('fetching Kafka Streams from Maven Central (once, 75 MB) and compiling the peer')
    // What the broker has anyway comes from its own folder.
    const only = '-DincludeArtifactIds=kafka-streams,rocksdbjni'
    const words = ['-q', '-B', '-f', pom, '-P', 'streams', 'dependency:copy-dependencies', only, `-DoutputDirectory=${jars}`]
    await step('mvn', words, fetchTimeoutMs, 'Maven could not fetch Kafka Streams: is Maven Central (or your mirror) reachable?')
    const javac = java === 'java' ? 'javac' : join(dirname(java), 'javac')
    await step(
      javac,
      ['-d', classes, '-cp', [join(jars, '*'), kafkaClassPath].join(':'), source],
      compileTimeoutMs,
      `The Kafka Streams peer needs a Java compiler, and "${javac}" does not work. Get it by \`apt-get install openjdk-17-jdk-headless\`.`,
    )
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

async function step(program: string, words: readonly string[], timeout: number, cure: string): Promise<void> {
  try {
    await run(program, words, { timeout, maxBuffer: 16_000_000 })
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error ? `\n${String(error.stdout)}${String(error.stderr)}` : ''
    throw new Error(`${cure}${said.slice(-2_000)}`, { cause: error })
  }
}
