/** The command line of the benchmark. Pure. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { contenderNames, type ContenderName } from './contenders.ts'

export const usage = `usage: node test/benchmark/kappa/main.ts [options]

  --only NAME,...     workloads (files of test/benchmark/workloads) and other measurements alone
  --quick             few records, one round, the workloads that have a quick size
  --records N         records in each input                (default: what the workload says)
  --keys N            distinct keys                        (default: what the workload says)
  --partitions N      partitions of the input              (default 4)
  --threads N         stream threads, and workers          (default: the processors of this machine)
  --rounds N          runs of each, taken in turn          (default 3; quick 1)
  --commit-ms N       commit interval of both              (default 100)
  --contender NAME    kafka-streams or millrace alone
  --target RATIO      exit 1 when the median ratio of a workload is below it (default 0: only report)
  --peer-cache-mib N  record cache of Kafka Streams        (default 256, the memory for state of Millrace)
  --peer-heap SIZE    -Xmx of Kafka Streams                (default 2g)
  --peer-flags=TEXT   flags for the java of Kafka Streams, by spaces (--peer-flags=-XX:+UseParallelGC)
  --peer-set=TEXT     further settings of Kafka Streams, by spaces (--peer-set="producer.batch.size=65536 max.poll.records=5000")
  --port N            port of the local broker             (default: a free one)
  --node-flags=TEXT   flags for the node of millrace, by spaces (--node-flags=--max-old-space-size=512)
  --profile           one run of millrace with a CPU profile, and its most expensive functions
  --write, --no-write whether BENCHMARKS.md is brought up to date (default: unless the run is quick or has sizes of its own)
  --list              names for --only`

export interface BenchOptions {
  /** Empty: all. */
  readonly only: readonly string[]
  readonly quick: boolean
  readonly records: number | undefined
  readonly keys: number | undefined
  readonly partitions: number
  readonly threads: number
  readonly rounds: number
  readonly commitIntervalMs: number
  readonly contender: ContenderName | undefined
  readonly target: number
  readonly peerCacheMiB: number
  readonly peerHeap: string
  readonly peerFlags: readonly string[]
  readonly peerSettings: readonly string[]
  readonly port: number
  readonly nodeFlags: readonly string[]
  readonly profile: boolean
  readonly write: boolean
  readonly list: boolean
}

const roundsDefault = 3

/** Throws an Error with the usage. */
export function readOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      only: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      records: { type: 'string' },
      keys: { type: 'string' },
      partitions: { type: 'string', default: '4' },
      threads: { type: 'string', default: String(availableParallelism()) },
      rounds: { type: 'string' },
      'commit-ms': { type: 'string', default: '100' },
      contender: { type: 'string' },
      target: { type: 'string', default: '0' },
      'peer-cache-mib': { type: 'string', default: '256' },
      'peer-heap': { type: 'string', default: '2g' },
      'peer-flags': { type: 'string', default: '' },
      'peer-set': { type: 'string', default: '' },
      port: { type: 'string', default: '0' },
      'node-flags': { type: 'string', default: '' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean' },
      list: { type: 'boolean', default: false },
    },
    allowNegative: true,
  })
  const { quick, profile, list } = values
  const isUsual = !quick && !profile && values.records === undefined && values.keys === undefined && values.contender === undefined
  return {
    only: values.only.split(',').filter((name) => name !== ''),
    quick,
    records: values.records === undefined ? undefined : count('records', values.records),
    keys: values.keys === undefined ? undefined : count('keys', values.keys),
    partitions: count('partitions', values.partitions),
    threads: count('threads', values.threads),
    rounds: profile
      ? 1
      : values.rounds === undefined || values.rounds === ''
        ? quick
          ? 1
          : roundsDefault
        : count('rounds', values.rounds),
    commitIntervalMs: count('commit-ms', values['commit-ms']),
    contender: profile ? 'millrace' : values.contender === undefined ? undefined : contenderIn(values.contender),
    target: number('target', values.target),
    peerCacheMiB: number('peer-cache-mib', values['peer-cache-mib']),
    peerHeap: values['peer-heap'],
    peerFlags: wordsIn(values['peer-flags']),
    peerSettings: wordsIn(values['peer-set']),
    port: number('port', values.port),
    nodeFlags: wordsIn(values['node-flags']),
    profile,
    write: values.write ?? isUsual,
    list,
  }
}

const wordsIn = (text: string): string[] => text.split(' ').filter((word) => word !== '')

function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${text} is no positive whole number\n${usage}`)
  return value
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new Error(`--${name} ${text} is no number\n${usage}`)
  return value
}

function contenderIn(text: string): ContenderName {
  const name = contenderNames.find((one) => one === text)
  if (name === undefined) throw new Error(`--contender ${text} is nobody: ${contenderNames.join(' or ')}\n${usage}`)
  return name
}
