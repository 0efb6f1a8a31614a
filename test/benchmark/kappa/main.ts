/**
 * `make bench`: one stateful aggregate per key, Millrace against Kafka Streams, on one broker in one run.
 *
 * The input is loaded once. Then both run in turn, each time as a new application with empty state, in a process of its own, with the
 * same number of threads and the same commit interval. After each run the output topic, read committed, must have the right total for
 * every key, else the run counts for nothing.
 *
 * Exit code 0: all outputs right, ratio at or above the target, memory within the budget; 1: not; 2: the command line was not understood.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import { readLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka, type RunningKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { settingTable } from '../../../libs/runtime/settings/settings.ts'
import { Bench } from './bench.ts'
import type { ContenderName } from './contenders.ts'
import { profileLines } from './cpu-profile.ts'
import type { Measurement } from './measure.ts'
import { readOptions, usage, type BenchOptions } from './options.ts'
import { usageOf } from './process-usage.ts'
import { mib, summarise, table, type Summary } from './report.ts'
import { pinnedKafkaVersion, streamsPeer } from './streams-peer.ts'

interface Outcome {
  readonly measurements: readonly Measurement[]
  readonly summaries: readonly Summary[]
  /** Millrace by Kafka Streams; undefined: only one has run. */
  readonly ratio: number | undefined
  readonly budgetBytes: number
  readonly isWithinBudget: boolean
}

/** One folder for each run, named by its process. */
const benchDirectory = join(repositoryRoot, '.millrace', 'bench')
/** Of the machine. */
const othersShareMax = 0.1
const profileDirectory = join(repositoryRoot, '.millrace', 'profiles')

async function bench(options: BenchOptions): Promise<number> {
  const begin = performance.now()
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`)
  const peer = options.only === 'millrace' ? undefined : await streamsPeer(say)
  removeLeftovers()
  const directory = join(benchDirectory, String(process.pid))
  const kafkaDirectory = join(directory, 'kafka')
  const kafka = await startKafka({ port: options.port, dir: kafkaDirectory, guardPid: process.pid, log: say })
  const log = kafkaLog({ brokers: kafka.brokers, clientId: 'bench' })
  if (options.profile) freshProfiles()
  try {
    const brokerPid = readLocalCluster(kafkaDirectory)?.brokers[0]?.pid
    const setup = { options, brokers: kafka.brokers, brokerPid, log, peer, directory, profileDirectory, say }
    const versions = versionsWith(kafka)
    const outcome = concluded(options, await new Bench(setup).run())
    for (const line of report(options, outcome, versions)) say(line)
    if (options.profile) for (const line of profiles()) say(line)
    say(`all outputs equal to the recomputation; ${((performance.now() - begin) / 1_000).toFixed(0)} s in all`)
    if (options.json) process.stdout.write(`${JSON.stringify({ options, versions, ...outcome })}\n`)
    return outcome.isWithinBudget && (outcome.ratio ?? Infinity) >= options.target ? 0 : 1
  } finally {
    await log.close()
    await kafka.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

function concluded(options: BenchOptions, measurements: readonly Measurement[]): Outcome {
  const names = new Set(measurements.map(({ name }) => name))
  const summaries = [...names].map((name) => summarise(name, measurements))
  const own = summaries.find(({ name }) => name === 'millrace')
  const peer = summaries.find(({ name }) => name === 'kafka-streams')
  const budgetBytes = memoryBudget(options)
  return {
    measurements,
    summaries,
    ratio: own === undefined || peer === undefined ? undefined : own.recordsPerSecond / peer.recordsPerSecond,
    budgetBytes,
    isWithinBudget: own === undefined || own.rssGrowthBytes <= budgetBytes,
  }
}

function report({ threads, target }: BenchOptions, outcome: Outcome, versions: Versions): string[] {
  const { node, kafkaStreams, broker, processors } = versions
  const { summaries, ratio, budgetBytes, isWithinBudget } = outcome
  const lines = [
    '',
    `Node ${node}, Kafka Streams ${kafkaStreams}, broker ${broker}, ${processors} processors, ${threads} thread(s) each`,
    '',
    ...table(summaries),
    '',
  ]
  if (ratio !== undefined) {
    lines.push(`Millrace runs at ${ratio.toFixed(2)} times Kafka Streams${target > 0 ? `; wanted: ${target} or better` : ''}`)
  }
  const cpuOf = (wanted: ContenderName): number | undefined => summaries.find(({ name }) => name === wanted)?.cpuMicrosecondsPerRecord
  const [own, peer] = [cpuOf('millrace'), cpuOf('kafka-streams')]
  if (own !== undefined && peer !== undefined) {
    lines.push(`and takes ${(own / peer).toFixed(2)} times its processor time for each record, which hardly depends on who else is at work`)
  }
  if (summaries.some(({ name }) => name === 'millrace')) {
    const memory = `Millrace's memory above its start is ${isWithinBudget ? 'within' : 'ABOVE'} what its settings allow`
    lines.push(`${memory}: ${mib(budgetBytes)} for state, input buffers and commits`)
  }
  const others = Math.max(0, ...summaries.map(({ othersShare }) => othersShare ?? 0))
  if (others > othersShareMax) lines.push(`Do not trust these rates: others took ${Math.round(others * 100)} % of this machine meanwhile`)
  return lines
}

interface Versions {
  readonly node: string
  readonly kafkaStreams: string
  readonly broker: string
  readonly processors: number
}

const versionsWith = (kafka: RunningKafka): Versions => ({
  node: process.versions.node,
  kafkaStreams: pinnedKafkaVersion(),
  broker: kafka.home === 'local' ? pinnedKafkaVersion() : kafka.home,
  processors: cpus().length,
})

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

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  let options: BenchOptions
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  return bench(options)
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
