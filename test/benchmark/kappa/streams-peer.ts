/**
 * The Kafka Streams peer, ready to run: its jars from the pom of the local Kafka (profile `streams`), its classes from javac.
 *
 * Owns `.millrace/streams-peer/jars-<hash of the pom>` and `classes-<hash of jars and sources>`, each filled aside and moved into place by
 * one rename.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaJava, repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'

const run = promisify(execFile)
const pom = join(repositoryRoot, 'deploy/local-kafka/pom.xml')
const sources = join(import.meta.dirname, '../streams-peer')
/** For the Avro workload only. Later ones want another slf4j than Kafka has. */
const avroVersion = '1.11.4'
const home = join(repositoryRoot, '.millrace', 'streams-peer')
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
  const jars = join(home, `jars-${hashOf([pom])}-${avroVersion}`)
  if (!existsSync(jars)) await filled(jars, (fresh) => fetchJars(fresh, log))
  const libraries = [join(jars, '*'), classPath].join(':')
  const files = readdirSync(sources).map((name) => join(sources, name))
  const classes = join(home, `classes-${avroVersion}-${hashOf([pom, ...files])}`)
  if (!existsSync(classes)) await filled(classes, (fresh) => compile(fresh, files, libraries, java))
  return { java, classPath: [classes, libraries].join(':'), mainClass: 'StreamsPeer' }
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}

async function filled(folder: string, fill: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    await fill(fresh)
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

async function fetchJars(folder: string, log: (line: string) => void): Promise<void> {
  log('fetching Kafka Streams from Maven Central (once, 75 MB)')
  const cure = 'Maven could not fetch Kafka Streams: is Maven Central (or your mirror) reachable?'
  // What the broker has anyway comes from its own folder.
  const only = '-DincludeArtifactIds=kafka-streams,rocksdbjni'
  const words = ['-q', '-B', '-f', pom, '-P', 'streams', 'dependency:copy-dependencies', only, `-DoutputDirectory=${folder}`]
  await step('mvn', words, fetchTimeoutMs, cure)
  const avro = `-Dartifact=org.apache.avro:avro:${avroVersion}`
  await step('mvn', ['-q', '-B', '-f', pom, 'dependency:copy', avro, `-DoutputDirectory=${folder}`], fetchTimeoutMs, cure)
}

async function compile(folder: string, files: readonly string[], libraries: string, java: string): Promise<void> {
  const javac = java === 'java' ? 'javac' : join(dirname(java), 'javac')
  const cure = `The Kafka Streams peer needs a Java compiler, and "${javac}" does not work. Get it by \`apt-get install openjdk-17-jdk-headless\`.`
  await step(javac, ['-d', folder, '-cp', libraries, ...files], compileTimeoutMs, cure)
}

async function step(program: string, words: readonly string[], timeout: number, cure: string): Promise<void> {
  try {
    await run(program, words, { timeout, maxBuffer: 16_000_000 })
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error ? `\n${String(error.stdout)}${String(error.stderr)}` : ''
    throw new Error(`${cure}${said.slice(-2_000)}`, { cause: error })
  }
}
