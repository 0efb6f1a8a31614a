/** The command line of the benchmark. Pure. */
import { parseArgs } from 'node:util'

export const usage = `usage: node test/benchmark/kappa/main.ts [options]

  --records N         records in the preloaded input       (default 1000000)
  --keys N            distinct text keys                   (default 100000)
  --partitions N      partitions of the input              (default 4)
  --threads N         stream threads, and workers          (default 1)
  --rounds N          runs of each, taken in turn          (default 3)
  --minutes N         no new round that would end later    (default 4; one round is always run)
  --commit-ms N       commit interval of both              (default 100)
  --only NAME         kafka-streams or millrace alone
  --target RATIO      exit 1 below it; 0: only report      (default 0.8)
  --peer-cache-mib N  record cache of Kafka Streams; -1: its default, 10 MiB
  --peer-heap SIZE    -Xmx of Kafka Streams                (default 1g)
  --port N            port of the local broker             (default: a free one)
  --node-flags=TEXT   flags for the node of millrace, by spaces (--node-flags=--max-old-space-size=512)
  --profile           one run of millrace with a CPU profile, and its most expensive functions
  --json              one object on stdout; progress goes to stderr`

export interface BenchOptions {
  readonly records: number
  readonly keys: number
  readonly partitions: number
  readonly threads: number
  readonly rounds: number
  readonly minutes: number
  readonly commitIntervalMs: number
  readonly only: 'kafka-streams' | 'millrace' | undefined
  readonly target: number
  readonly peerCacheMiB: number
  readonly peerHeap: string
  readonly port: number
  readonly nodeFlags: readonly string[]
  readonly profile: boolean
  readonly json: boolean
}

/** Throws an Error with the usage. */
export function readOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      records: { type: 'string', default: '1000000' },
      keys: { type: 'string', default: '100000' },
      partitions: { type: 'string', default: '4' },
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      minutes: { type: 'string', default: '4' },
      'commit-ms': { type: 'string', default: '100' },
      only: { type: 'string' },
      target: { type: 'string', default: '0.8' },
      'peer-cache-mib': { type: 'string', default: '-1' },
      'peer-heap': { type: 'string', default: '1g' },
      port: { type: 'string', default: '0' },
      'node-flags': { type: 'string', default: '' },
      profile: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const count = (name: 'records' | 'keys' | 'partitions' | 'threads' | 'rounds' | 'commit-ms'): number => {
    const value = Number(values[name])
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${values[name]} is no positive whole number\n${usage}`)
    return value
  }
  const number = (name: 'minutes' | 'target' | 'peer-cache-mib' | 'port'): number => {
    const value = Number(values[name])
    if (!Number.isFinite(value)) throw new Error(`--${name} ${values[name]} is no number\n${usage}`)
    return value
  }
  const { only } = values
  if (only !== undefined && only !== 'kafka-streams' && only !== 'millrace') throw new Error(`--only ${only} is nobody\n${usage}`)
  return {
    records: count('records'),
    keys: count('keys'),
    partitions: count('partitions'),
    threads: count('threads'),
    rounds: values.profile ? 1 : count('rounds'),
    minutes: number('minutes'),
    commitIntervalMs: count('commit-ms'),
    only: values.profile ? 'millrace' : only,
    target: number('target'),
    peerCacheMiB: number('peer-cache-mib'),
    peerHeap: values['peer-heap'],
    port: number('port'),
    nodeFlags: values['node-flags'].split(' ').filter((flag) => flag !== ''),
    profile: values.profile,
    json: values.json,
  }
}
