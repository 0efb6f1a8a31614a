/**
 * Java and the jars of Apache Kafka, fetched once from Maven Central by the pinned pom.xml beside this file.
 *
 * Owns the folder of jars (`.millrace/kafka-jars/<hash of the pom>` in the repository): filled in a folder of its own and moved into
 * place by one rename, so that a half-fetched set is never taken for a whole one and two fetchers at once do no harm.
 */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const repositoryRoot = resolve(import.meta.dirname, '../..')
const pom = join(import.meta.dirname, 'pom.xml')
const javaVersionMin = 17
const fetchTimeoutMs = 600_000
const howToGet =
  'Get it by `apt-get install openjdk-17-jdk-headless maven`, or install Docker, or set KAFKA_BROKERS to a Kafka that runs already.'

export interface KafkaJava {
  readonly java: string
  /** For `java -cp`. */
  readonly classPath: string
}

/** The program `java` and the class path of the broker and its tools; fetches the jars when they are not there. Fails with what is missing and how to get it. */
export async function kafkaJava(log: (line: string) => void): Promise<KafkaJava> {
  const java = await javaProgram()
  const folder = join(repositoryRoot, '.millrace', 'kafka-jars', createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12))
  if (!existsSync(folder)) await fetchJars(folder, log)
  return { java, classPath: join(folder, '*') }
}

/** The major version in the answer of `java -version`: 8 for `"1.8.0_402"`, 17 for `"17.0.15"`. */
export function javaMajorVersion(answer: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/u.exec(answer)
  if (match === null) return undefined
  return match[1] === '1' ? Number(match[2]) : Number(match[1])
}

async function javaProgram(): Promise<string> {
  const home = process.env['JAVA_HOME']
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
  let answer: string
  try {
    answer = (await run(java, ['-version'], { timeout: 30_000 })).stderr
  } catch (error) {
    throw new Error(`Apache Kafka needs Java ${javaVersionMin} or later, and "${java} -version" does not work. ${howToGet}`, {
      cause: error,
    })
  }
  const major = javaMajorVersion(answer)
  if (major === undefined || major < javaVersionMin) {
    throw new Error(`Apache Kafka needs Java ${javaVersionMin} or later; "${java}" is ${answer.split('\n')[0] ?? 'unknown'}. ${howToGet}`)
  }
  return java
}

async function fetchJars(folder: string, log: (line: string) => void): Promise<void> {
  try {
    await run('mvn', ['-v'], { timeout: 60_000 })
  } catch (error) {
    throw new Error(`Apache Kafka is fetched by Maven, and "mvn -v" does not work. ${howToGet}`, { cause: error })
  }
  log('fetching Apache Kafka from Maven Central (once, 54 MB)')
  const fresh = `${folder}.${randomUUID()}`
  mkdirSync(dirname(folder), { recursive: true })
  try {
    await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fresh}`], {
      timeout: fetchTimeoutMs,
      maxBuffer: 16_000_000,
    })
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    const output = error instanceof Error && 'stdout' in error ? `\n${String(error.stdout).slice(-2_000)}` : ''
    throw new Error(`Maven could not fetch Apache Kafka: is Maven Central (or your mirror in ~/.m2/settings.xml) reachable?${output}`, {
      cause: error,
    })
  }
  try {
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}
