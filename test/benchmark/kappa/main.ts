/**
 * `make bench`: Millrace against what a user would take instead, on one broker in one run.
 *
 * The input of each workload (../workloads) is loaded once. Then the contenders run in turn, each time as a new application with empty
 * state, in a process of its own, with the same number of threads and the same commit interval. After each run the output, read committed,
 * must be exactly what an oracle says, else the benchmark fails: no speed without exactness. The other measurements (scenarios.ts) follow
 * in the same run. What was measured goes into BENCHMARKS.md (results.ts), but for quick runs and runs with sizes of their own.
 *
 * Exit code 0: all outputs right, ratios at or above the target, memory within the budget; 1: not; 2: the command line was not understood.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import { readLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { settingTable } from '../../../libs/runtime/settings/settings.ts'
import { avroSchemaList } from './avro-schemas.ts'
import { profileLines } from './cpu-profile.ts'
import { Ground, type NamedWorkload } from './ground.ts'
import type { Measurement } from './measure.ts'
import { readOptions, usage, type BenchOptions } from './options.ts'
import { usageOf } from './process-usage.ts'
import { registryStandIn } from './registry-stand-in.ts'
import { ratio, summaries, tableLines } from './report.ts'
import { circumstances, keep, nothing, type Circumstances, type Results, type WorkloadResult } from './results.ts'
import { chosen, type Chosen } from './scenarios.ts'
import { sectionLines } from './section.ts'
import { pinnedKafkaVersion, streamsPeer } from './streams-peer.ts'
import { mib, percent } from './text.ts'
import { sizeOf, throughput } from './throughput.ts'

/** One folder for each run, named by its process. */
const benchDirectory = join(repositoryRoot, '.millrace', 'bench')
const profileDirectory = join(repositoryRoot, '.millrace', 'profiles')
/** Of the machine. */
const othersShareMax = 0.1
/** What a process may take beyond what its settings allow. */
const budgetSlack = 1.15

async function bench(options: BenchOptions, wanted: Chosen): Promise<number> {
  const begin = performance.now()
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const peer = options.contender === 'millrace' ? undefined : await streamsPeer(say)
  removeLeftovers()
  const directory = join(benchDirectory, String(process.pid))
  const kafkaDirectory = join(directory, 'kafka')
  const kafka = await startKafka({ port: options.port, dir: kafkaDirectory, guardPid: process.pid, log: say })
  const log = kafkaLog({ brokers: kafka.brokers, clientId: 'bench' })
  const registry = await registryStandIn(avroSchemaList)
  // Workloads read it where they make their topology, here and in the contenders.
  process.env['BENCH_REGISTRY'] = registry.url
  if (options.profile) freshProfiles()
  const brokerPid = readLocalCluster(kafkaDirectory)?.brokers[0]?.pid
  const ground = new Ground({ options, brokers: kafka.brokers, brokerPid, log, peer, directory, profileDirectory, say })
  try {
    const broker = kafka.home === 'local' ? pinnedKafkaVersion() : kafka.home
    say(`Node ${process.versions.node}, Kafka Streams ${pinnedKafkaVersion()}, broker ${broker}, ${cpus().length} processors`)
    const failed = await measureAll(ground, wanted)
    if (options.profile) for (const line of profiles()) say(line)
    const verdict = failed.length === 0 ? 'all outputs equal to the recomputation' : `FAILED: ${failed.join(', ')}`
    say(`${verdict}; ${((performance.now() - begin) / 1_000).toFixed(0)} s in all`)
    return failed.length === 0 ? 0 : 1
  } finally {
    await ground.remove()
    await registry.stop()
    await log.close()
    await kafka.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Answers what has failed. */
async function measureAll(ground: Ground, { workloads, scenarios }: Chosen): Promise<readonly string[]> {
  const { options, say } = ground.setup
  const here = circumstances(commandOf(options))
  const leave = async (fresh: Results): Promise<void> => {
    if (options.write) say(`written: ${(await keep(fresh)).map((path) => relative(repositoryRoot, path)).join(', ')}`)
  }
  const failed: string[] = []
  /** One failure is told and the others are measured all the same: the whole takes long. */
  const attempt = async (name: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      say(`${name} FAILED: ${error instanceof Error ? error.message : String(error)}`)
      failed.push(name)
    }
  }
  for (const one of workloads) {
    await attempt(one.name, async () => {
      const result = await workloadResult(ground, one, here)
      if (result === undefined) return
      const missed = missedIn(result.measurements, options)
      for (const line of ['', result.title, ...tableLines(result.measurements), ...missed, ...doubts(result.measurements), '']) say(line)
      await leave({ ...nothing, workloads: { [one.name]: result } })
      if (missed.length > 0) failed.push(one.name)
    })
  }
  for (const { name, title, run } of scenarios) {
    await attempt(name, async () => {
      say(`${name}: ${title}`)
      const section = await run(ground)
      for (const line of sectionLines(section)) say(line)
      await leave({ ...nothing, sections: { [name]: { section, circumstances: here } } })
    })
  }
  return failed
}

/** Undefined: it is left out of this run. */
async function workloadResult(ground: Ground, one: NamedWorkload, here: Circumstances): Promise<WorkloadResult | undefined> {
  const { options } = ground.setup
  const size = sizeOf(one, options)
  if (size === undefined) return undefined
  const measurements = await throughput(ground, one, size)
  const { threads = options.threads, title, wanted = 1 } = one.workload
  return { title, size, threads, commitIntervalMs: options.commitIntervalMs, wanted, measurements, circumstances: here }
}

/** As a person would type it. */
function commandOf({ only, rounds }: BenchOptions): string {
  return ['make bench', ...(only.length > 0 ? [`ONLY=${only.join(',')}`] : []), `ROUNDS=${rounds}`].join(' ')
}

/** What makes the run fail. */
function missedIn(measurements: readonly Measurement[], options: BenchOptions): string[] {
  const lines: string[] = []
  const rate = ratio(measurements, (one) => one.recordsPerSecond)?.median
  if (rate !== undefined && rate < options.target) lines.push(`the ratio is below ${options.target}`)
  const own = summaries(measurements).find(({ name }) => name === 'millrace')
  const most = settingTable.memoryBytes.default * budgetSlack
  if (own !== undefined && own.rssPeakBytes > most)
    lines.push(`Millrace took ${mib(own.rssPeakBytes)}, more than the ${mib(most)} that memoryBytes allows with some slack`)
  return lines
}

function doubts(measurements: readonly Measurement[]): string[] {
  const others = Math.max(0, ...summaries(measurements).map(({ othersShare }) => othersShare ?? 0))
  return others > othersShareMax ? [`do not trust these rates: others took ${percent(others)} of this machine meanwhile`] : []
}

/** What runs that were killed have left; their broker has died with them. */
function removeLeftovers(): void {
  mkdirSync(benchDirectory, { recursive: true })
  for (const name of readdirSync(benchDirectory)) {
    if (usageOf(Number(name)) === undefined) rmSync(join(benchDirectory, name), { recursive: true, force: true, maxRetries: 3 })
  }
}

function freshProfiles(): void {
  rmSync(profileDirectory, { recursive: true, force: true })
  mkdirSync(profileDirectory, { recursive: true })
}

const profiles = (): string[] =>
  readdirSync(profileDirectory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .flatMap((name) => ['', ...profileLines(join(profileDirectory, name))])

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  let options: BenchOptions
  let wanted: Chosen
  try {
    options = readOptions(process.argv.slice(2))
    wanted = await chosen(options)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options.list) {
    const titles = [
      ...wanted.workloads.map(({ name, workload }) => [name, workload.title] as const),
      ...wanted.scenarios.map(({ name, title }) => [name, title] as const),
    ]
    for (const [name, title] of titles) process.stdout.write(`${name.padEnd(24)} ${title}\n`)
    return 0
  }
  return bench(options, wanted)
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
