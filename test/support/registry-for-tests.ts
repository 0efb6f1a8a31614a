/**
 * A real schema registry for a test file: Apicurio Registry, which speaks Confluent's API, as a Java process of this machine with its
 * schemas in memory. `const registry = await registryForTests()` at the top of the file (outside of hooks, the first start fetches
 * 109 MB from Maven Central into .millrace/), `afterAll(() => registry.stop())`.
 *
 * It does not outlive the test run, however that ends: a shell watches both (as for brokers, deploy/local-kafka/local-cluster.ts).
 */
import { execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../../deploy/local-kafka/free-port.ts'
import { killAndWait, processIs } from '../../deploy/local-kafka/processes.ts'
import { testRun } from './test-run.ts'

export interface TestRegistry {
  /** For schemaRegistry({ url }). */
  readonly url: string
  /** kill -9; its schemas are gone. */
  stop(): Promise<void>
}

const VERSION = '3.0.9'
const ARTIFACT = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
const home = resolve(import.meta.dirname, '../../.millrace', `apicurio-registry-${VERSION}`)
const jarName = `apicurio-registry-app-${VERSION}-runner.jar`
const fetchTimeoutMs = 600_000
const readyWithinMs = 90_000
const pollMs = 100

const run = promisify(execFile)

export async function registryForTests(): Promise<TestRegistry> {
  await need('java', ['-version'], 'Java 17 or later', 'openjdk-17-jdk-headless')
  if (!existsSync(home)) await fetchRegistry()
  const port = await freePort()
  const dir = join(testRun().dir, `registry-${port}`)
  mkdirSync(dir)
  const pid = spawnRegistry(port, dir)
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  await ready(url, pid, dir)
  return { url, stop: () => killAndWait(pid, dir) }
}

async function need(program: string, words: readonly string[], what: string, debianPackage: string): Promise<void> {
  try {
    await run(program, words, { timeout: 60_000 })
  } catch (error) {
    const message = `the tests of schema formats need ${what}: "${program} ${words.join(' ')}" does not work. Get it by \`apt-get install ${debianPackage}\`.`
    throw new Error(message, { cause: error })
  }
}

async function fetchRegistry(): Promise<void> {
  await need('mvn', ['-v'], 'Maven', 'maven')
  const fresh = `${home}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${fresh}`], { timeout: fetchTimeoutMs })
    const archive = join(fresh, `apicurio-registry-app-${VERSION}-all.tar.gz`)
    await run('tar', ['xzf', archive, '-C', fresh], { timeout: fetchTimeoutMs })
    rmSync(archive)
    renameSync(fresh, home)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    // Another test process may have been faster.
    if (!existsSync(home)) throw new Error(`${ARTIFACT} could not be fetched from Maven Central`, { cause: error })
  }
}

function spawnRegistry(port: number, dir: string): number {
  const out = openSync(join(dir, 'registry.log'), 'a')
  const child = spawn(
    'java',
    ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Djava.io.tmpdir=${dir}`, '-Dquarkus.http.host=127.0.0.1'].concat([
      `-Dquarkus.http.port=${port}`,
      '-jar',
      join(home, jarName),
    ]),
    { detached: true, stdio: ['ignore', out, out] },
  )
  closeSync(out)
  child.unref()
  if (child.pid === undefined) throw new Error('java could not be started')
  const script = `while kill -0 ${testRun().pid} 2>/dev/null && kill -0 ${child.pid} 2>/dev/null; do sleep 1; done; kill -9 ${child.pid} 2>/dev/null`
  spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' }).unref()
  return child.pid
}

async function ready(url: string, pid: number, dir: string): Promise<void> {
  const end = Date.now() + readyWithinMs
  while (!(await answers(url))) {
    if (processIs(pid, dir) && Date.now() < end) {
      await sleep(pollMs)
      continue
    }
    const log = readFileSync(join(dir, 'registry.log'), 'utf8').split('\n').slice(-20).join('\n')
    throw new Error(`the schema registry did not come up within ${readyWithinMs / 1_000} s; the end of its log:\n${log}`)
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    // Not yet: nobody listens.
    return false
  }
}
