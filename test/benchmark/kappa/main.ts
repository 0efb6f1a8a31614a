/**
 * `make bench`: Millrace against what a user would take instead, on one broker in one run.
 *
 * The input of each workload (../workloads) is loaded once. Then the contenders run in turn, each time as a new application with empty
 * state, in a process of its own, with the same number of threads and the same commit interval. After each run the output, read committed,
 * must be exactly what an oracle says, else the benchmark fails: no speed without exactness.
 *
 * Exit code 0: all outputs right, ratios at or above the target, memory within the budget; 1: not; 2: the command line was not understood.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import { readLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { settingTable } from '../../../libs/runtime/settings/settings.ts'
import { profileLines } from './cpu-profile.ts'
import { Ground, type NamedWorkload } from './ground.ts'
import type { Measurement } from './measure.ts'
import { readOptions, usage, type BenchOptions } from './options.ts'
import { usageOf } from './process-usage.ts'
import { ratio, summaries, tableLines } from './report.ts'
import { pinnedKafkaVersion, streamsPeer } from './streams-peer.ts'
import { mib, percent } from './text.ts'
import { sizeOf, throughput } from './throughput.ts'
import { workloadNamed, workloadNames } from './workload.ts'

/** One folder for each run, named by its process. */
const benchDirectory = join(repositoryRoot, '.millrace', 'bench')
const profileDirectory = join(repositoryRoot, '.millrace', 'profiles')
/** Of the machine. */
const othersShareMax = 0.1
/** What a process may take beyond what its settings allow. */
const budgetSlack = 1.15

async function bench(options: BenchOptions, workloads: readonly NamedWorkload[]): Promise<number> {
  const begin = performance.now()
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const peer = options.contender === 'millrace' ? undefined : await streamsPeer(say)
  removeLeftovers()
  const directory = join(benchDirectory, String(process.pid))
  const kafkaDirectory = join(directory, 'kafka')
  const kafka = await startKafka({ port: options.port, dir: kafkaDirectory, guardPid: process.pid, log: say })
  const log = kafkaLog({ brokers: kafka.brokers, clientId: 'bench' })
  if (options.profile) freshProfiles()
  const brokerPid = readLocalCluster(kafkaDirectory)?.brokers[0]?.pid
  const ground = new Ground({ options, brokers: kafka.brokers, brokerPid, log, peer, directory, profileDirectory, say })
  let isGood = true
  try {
    const broker = kafka.home === 'local' ? pinnedKafkaVersion() : kafka.home
    say(`Node ${process.versions.node}, Kafka Streams ${pinnedKafkaVersion()}, broker ${broker}, ${cpus().length} processors`)
    for (const one of workloads) {
      const size = sizeOf(one, options)
      if (size === undefined) continue
      const measurements = await throughput(ground, one, size)
      for (const line of ['', one.workload.title, ...tableLines(measurements), ...complaints(measurements, options), '']) say(line)
      isGood &&= complaints(measurements, options).length === 0
    }
    if (options.profile) for (const line of profiles()) say(line)
    say(`all outputs equal to the recomputation; ${((performance.now() - begin) / 1_000).toFixed(0)} s in all`)
    return isGood ? 0 : 1
  } finally {
    await ground.remove()
    await log.close()
    await kafka.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

function complaints(measurements: readonly Measurement[], options: BenchOptions): string[] {
  const lines: string[] = []
  const rate = ratio(measurements, (one) => one.recordsPerSecond)?.median
  if (rate !== undefined && rate < options.target) lines.push(`the ratio is below ${options.target}`)
  const own = summaries(measurements).find(({ name }) => name === 'millrace')
  const budget = memoryBudget(options) * budgetSlack
  if (own !== undefined && own.rssGrowthBytes > budget)
    lines.push(`Millrace's memory grew by ${mib(own.rssGrowthBytes)}, above the ${mib(budget)} that its settings allow`)
  const others = Math.max(0, ...summaries(measurements).map(({ othersShare }) => othersShare ?? 0))
  if (others > othersShareMax) lines.push(`do not trust these rates: others took ${percent(others)} of this machine meanwhile`)
  return lines
}

/** What the settings allow a worker's process to hold beyond what it has when it begins. */
function memoryBudget({ partitions }: BenchOptions): number {
  const { stateMemoryBytes, bufferBytesMax, commitBytesMax } = settingTable
  // Of each task one layer fills while the other is on the wire; the workers of a process share the memory for state.
  return stateMemoryBytes.default + partitions * (bufferBytesMax.default + 2 * commitBytesMax.default)
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

async function chosen({ only }: BenchOptions): Promise<readonly NamedWorkload[]> {
  const names = workloadNames()
  const strange = only.find((name) => !names.includes(name))
  if (strange !== undefined) throw new Error(`--only ${strange}: there are ${names.join(', ')}`)
  return Promise.all(
    names.filter((name) => only.length === 0 || only.includes(name)).map(async (name) => ({ name, workload: await workloadNamed(name) })),
  )
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  let options: BenchOptions
  let workloads: readonly NamedWorkload[]
  try {
    options = readOptions(process.argv.slice(2))
    workloads = await chosen(options)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options.list) {
    for (const { name, workload } of workloads) process.stdout.write(`${name.padEnd(24)} ${workload.title}\n`)
    return 0
  }
  return bench(options, workloads)
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
