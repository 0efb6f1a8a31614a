/**
 * Apache Kafka as plain Java processes of this machine: one broker or three, each broker and controller in one (KRaft).
 *
 * Owns the folder of a cluster:
 *
 *   <dir>/cluster.json              who runs: ports and process ids; written after each change, removed when all have ended
 *   <dir>/broker-<id>/server.properties, data/, broker.log
 *
 * A process id in the file is believed only while that process still has the broker's own folder in its command line, so that a
 * number which the system gave to somebody else is never killed.
 */
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { brokerProperties, type BrokerProperties } from './broker-properties.ts'
import { clusterReady } from './cluster-probe.ts'
import { freePort, isFree } from './free-port.ts'
import { kafkaJava, type KafkaJava } from './kafka-jars.ts'
import { killAndWait, processIs, waitForEnd } from './processes.ts'

const run = promisify(execFile)
const readyWithinMs = 120_000
const gracefulStopMs = 8_000
/** Long: handing over is what is asked for, and a busy machine takes its time. */
const controlledShutdownMs = 40_000
const brokerIds = [1, 2, 3]

export interface LocalBroker {
  /** 1, 2, 3. */
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly dir: string
  /** Undefined: killed, may be restarted. */
  readonly pid: number | undefined
}

export interface LocalCluster {
  readonly clusterId: string
  readonly brokers: readonly LocalBroker[]
}

export interface LocalClusterOptions {
  readonly brokers: 1 | 3
  /** Port of the first broker, the others follow; 0 takes free ones. */
  readonly port: number
  readonly dir: string
  /** The brokers are killed when the process of this id has ended, however it ended. Undefined: they live until they are stopped. */
  readonly guardPid?: number | undefined
  readonly log: (line: string) => void
  /** Lines for server.properties beside those of broker-properties.ts. */
  readonly properties?: BrokerProperties | undefined
}

export function addressesOf(cluster: LocalCluster): string[] {
  return cluster.brokers.map((broker) => `127.0.0.1:${broker.port}`)
}

/** The cluster of this folder with the brokers that really run, or undefined when none does. */
export function readLocalCluster(dir: string): LocalCluster | undefined {
  const cluster = knownCluster(dir)
  return cluster?.brokers.some((broker) => broker.pid !== undefined) === true ? cluster : undefined
}

/** Also when all of its brokers were killed. */
function knownCluster(dir: string): LocalCluster | undefined {
  const file = join(dir, 'cluster.json')
  if (!existsSync(file)) return undefined
  // Written by this file alone (writeCluster).
  const cluster = JSON.parse(readFileSync(file, 'utf8')) as LocalCluster
  const brokers = cluster.brokers.map((broker) => ({
    ...broker,
    pid: broker.pid !== undefined && processIs(broker.pid, broker.dir) ? broker.pid : undefined,
  }))
  return { ...cluster, brokers }
}

/** Formats what is new, starts all brokers and returns when clients can use them. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const dir = resolve(options.dir)
  const java = await kafkaJava(options.log)
  const planned = await planCluster(options, dir)
  for (const broker of planned.brokers) writeBrokerFiles(broker, planned, options.properties ?? {})
  options.log(
    `starting ${planned.brokers.length === 1 ? 'a Kafka broker' : 'three Kafka brokers'} at ${addressesOf(planned).join(',')} (${dir})`,
  )
  await Promise.all(planned.brokers.map((broker) => formatBroker(broker, planned.clusterId, java)))
  const started = {
    ...planned,
    brokers: planned.brokers.map((broker) => ({ ...broker, pid: spawnBroker(broker, java, options.guardPid) })),
  }
  writeCluster(dir, started)
  try {
    await clusterReady(addressesOf(started), started.brokers.length, readyWithinMs, () => firstEnded(started))
  } catch (error) {
    await stopLocalCluster(dir, { graceMs: 0, keepData: true })
    throw error
  }
  return started
}

/** Ends every broker of the folder: SIGTERM, then SIGKILL after `graceMs` (0: at once). Nothing to stop is fine. */
export async function stopLocalCluster(dir: string, how: { readonly graceMs?: number; readonly keepData: boolean }): Promise<boolean> {
  const cluster = readLocalCluster(resolve(dir))
  const graceMs = how.graceMs ?? gracefulStopMs
  const running = cluster?.brokers.filter((broker) => broker.pid !== undefined) ?? []
  await Promise.all(running.map((broker) => endBroker(broker, graceMs)))
  rmSync(join(dir, 'cluster.json'), { force: true })
  if (!how.keepData) removeData(dir)
  return running.length > 0
}

/** Only what a cluster has put there: the folder may be anybody's, by a slip in `--dir`. */
function removeData(dir: string): void {
  if (!existsSync(dir)) return
  for (const id of brokerIds) rmSync(join(dir, `broker-${id}`), { recursive: true, force: true, maxRetries: 3 })
  if (readdirSync(dir).length === 0) rmdirSync(dir)
}

/** kill -9, as a power cut would do it. */
export async function killLocalBroker(dir: string, id: number): Promise<void> {
  const cluster = expectCluster(dir)
  const broker = expectBroker(cluster, id)
  await endBroker(broker, 0)
  writeCluster(resolve(dir), withPid(cluster, id, undefined))
}

/** SIGTERM: the broker hands its partitions to the others and ends. Killed where it does not end in time (it has lost its quorum). */
export async function stopLocalBroker(dir: string, id: number, graceMs = controlledShutdownMs): Promise<void> {
  const cluster = expectCluster(dir)
  await endBroker(expectBroker(cluster, id), graceMs)
  writeCluster(resolve(dir), withPid(cluster, id, undefined))
}

/** SIGSTOP: the broker holds its connections and answers nothing, as behind a network that swallows everything; SIGCONT ends it. */
export function signalLocalBroker(dir: string, id: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const { pid } = expectBroker(expectCluster(dir), id)
  if (pid === undefined) throw new Error(`broker ${id} does not run`)
  process.kill(pid, signal)
}

/** Starts a killed broker again on its own data and ports; returns when all brokers are in the metadata again. */
export async function restartLocalBroker(dir: string, id: number, guardPid: number | undefined): Promise<void> {
  const cluster = expectCluster(dir)
  const broker = expectBroker(cluster, id)
  if (broker.pid !== undefined) await endBroker(broker, gracefulStopMs)
  const java = await kafkaJava(() => undefined)
  const restarted = withPid(cluster, id, spawnBroker(broker, java, guardPid))
  writeCluster(resolve(dir), restarted)
  const alive = restarted.brokers.filter((other) => other.pid !== undefined)
  await clusterReady([`127.0.0.1:${broker.port}`], alive.length, readyWithinMs, () => firstEnded({ ...restarted, brokers: alive }))
}

async function planCluster(options: LocalClusterOptions, dir: string): Promise<LocalCluster> {
  const brokers: LocalBroker[] = []
  for (let id = 1; id <= options.brokers; id += 1) {
    const port = options.port === 0 ? await freePort() : options.port + id - 1
    if (!(await isFree(port))) {
      throw new Error(
        `port ${port} is in use by another program: stop it, choose another with --port, or set KAFKA_BROKERS if it is a Kafka`,
      )
    }
    brokers.push({ id, port, controllerPort: await freePort(), dir: join(dir, `broker-${id}`), pid: undefined })
  }
  return { clusterId: keptClusterId(dir) ?? newClusterId(), brokers }
}

/** Data that `down --keep-data` left belongs to the cluster id in its meta.properties. */
function keptClusterId(dir: string): string | undefined {
  const file = join(dir, 'broker-1', 'data', 'meta.properties')
  return existsSync(file) ? /^cluster\.id=(.+)$/mu.exec(readFileSync(file, 'utf8'))?.[1] : undefined
}

/** 16 bytes in base64url without padding, the form of a Kafka Uuid; a leading dash would read as an option. */
function newClusterId(): string {
  return `M${Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').slice(1)}`
}

function writeBrokerFiles(broker: LocalBroker, cluster: LocalCluster, more: BrokerProperties): void {
  mkdirSync(broker.dir, { recursive: true })
  writeFileSync(join(broker.dir, 'server.properties'), brokerProperties(broker, cluster.brokers, more))
}

async function formatBroker(broker: LocalBroker, clusterId: string, { java, classPath }: KafkaJava): Promise<void> {
  const words = ['format', '--cluster-id', clusterId, '--config', join(broker.dir, 'server.properties'), '--ignore-formatted']
  await run(java, ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'kafka.tools.StorageTool', ...words], {
    timeout: 60_000,
  })
}

function spawnBroker(broker: LocalBroker, { java, classPath }: KafkaJava, guardPid: number | undefined): number {
  const heap = (process.env['KAFKA_HEAP_OPTS'] ?? '-Xms128m -Xmx512m').split(' ')
  const out = openSync(join(broker.dir, 'broker.log'), 'a')
  const child = spawn(
    java,
    [
      ...heap,
      '-XX:+UseSerialGC',
      '-Djava.awt.headless=true',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    ].concat(['-cp', classPath, 'kafka.Kafka', join(broker.dir, 'server.properties')]),
    { detached: true, stdio: ['ignore', out, out] },
  )
  closeSync(out)
  child.unref()
  if (child.pid === undefined) throw new Error(`${java} could not be started`)
  if (guardPid !== undefined) guard(child.pid, guardPid)
  return child.pid
}

/** A small shell outlives whatever happens to its parent, also kill -9, and takes the broker with it. */
function guard(brokerPid: number, guardPid: number): void {
  const script = `while kill -0 ${guardPid} 2>/dev/null && kill -0 ${brokerPid} 2>/dev/null; do sleep 1; done; kill -9 ${brokerPid} 2>/dev/null`
  spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' }).unref()
}

async function endBroker(broker: LocalBroker, graceMs: number): Promise<void> {
  if (broker.pid === undefined) return
  if (graceMs > 0) {
    process.kill(broker.pid, 'SIGTERM')
    // A KRaft broker that has lost its quorum does not end by SIGTERM (components.md 7).
    if (await waitForEnd(broker.pid, broker.dir, graceMs)) return
  }
  await killAndWait(broker.pid, broker.dir)
}

function firstEnded(cluster: LocalCluster): string | undefined {
  const ended = cluster.brokers.find((broker) => broker.pid === undefined || !processIs(broker.pid, broker.dir))
  if (ended === undefined) return undefined
  const log = join(ended.dir, 'broker.log')
  const tail = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n') : ''
  return `Kafka broker ${ended.id} ended while starting; the end of ${log}:\n${tail}`
}

function expectCluster(dir: string): LocalCluster {
  const cluster = knownCluster(resolve(dir))
  if (cluster === undefined) throw new Error(`no Kafka runs in ${dir}`)
  return cluster
}

function expectBroker(cluster: LocalCluster, id: number): LocalBroker {
  const broker = cluster.brokers.find((one) => one.id === id)
  if (broker === undefined) throw new Error(`there is no broker ${id}: the cluster has ${cluster.brokers.map((one) => one.id).join(', ')}`)
  return broker
}

function withPid(cluster: LocalCluster, id: number, pid: number | undefined): LocalCluster {
  return { ...cluster, brokers: cluster.brokers.map((broker) => (broker.id === id ? { ...broker, pid } : broker)) }
}

function writeCluster(dir: string, cluster: LocalCluster): void {
  const file = join(dir, 'cluster.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(cluster, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}
