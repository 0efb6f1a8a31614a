/**
 * How the cost of a record grows with the keys that the application knows: Millrace alone, one run for each number of keys, within its usual
 * memory and with so much that all keys fit into the cache of decoded values. What is measured begins when each key was there once.
 */
import type { Ground, NamedWorkload } from './ground.ts'
import type { Measurement } from './measure.ts'
import { warmUpShare } from './progress.ts'
import { lineOf } from './report.ts'
import type { Scenario, Section } from './section.ts'
import { sumWorkload } from './sum-workload.ts'
import { mib, micros, whole } from './text.ts'
import { throughputOnce } from './throughput.ts'

const counts = [1_000, 10_000, 100_000, 1_000_000, 5_000_000]
/** Behind the first record of each key: so many at least, and this share of the keys. */
const records = { full: 600_000, quick: 100_000 }
const shareOfKeys = 0.5

const memories = [
  { name: 'usual memory', words: [] },
  { name: 'all keys in the cache', words: ['--memory-bytes', '12GiB', '--state-memory-bytes', '6GiB'] },
] as const

interface Run {
  readonly keys: number
  readonly memory: string
  readonly measured: Measurement
}

export const growthKeys: Scenario = {
  name: 'growth-keys',
  title: 'cost against keys (Millrace alone)',
  isQuick: false,
  run: async (ground) => {
    const done: Run[] = []
    const { keys } = ground.setup.options
    for (const count of keys === undefined ? counts : [keys]) done.push(...(await runsOf(ground, count)))
    return section(done)
  },
}

async function runsOf(ground: Ground, keys: number): Promise<Run[]> {
  const { options, say } = ground.setup
  const behind = Math.max(options.quick ? records.quick : records.full, keys * shareOfKeys)
  const size = { records: options.records ?? keys + behind, keys }
  // The workers read the topology from the file of this name; it is the same for any number of keys.
  const named: NamedWorkload = {
    name: 'sum-100k',
    workload: sumWorkload({ title: 'growth', full: size, quick: undefined }, { eachKey: 'first' }),
  }
  const input = await ground.load(named, { ...size, partitions: options.partitions })
  const { threads, commitIntervalMs } = options
  const warmUp = Math.max(warmUpShare, keys / size.records)
  const runs: Run[] = []
  for (const { name, words } of memories) {
    const given = { input, round: 1, threads, commitIntervalMs, warmUp, millraceOptions: { words } }
    const measured = await throughputOnce(ground, named, 'millrace', given)
    say(`  ${whole(keys)} keys, ${name}: ${lineOf(measured).trim()}`)
    runs.push({ keys, memory: name, measured })
  }
  await ground.remove(input.topic)
  return runs
}

function section(done: readonly Run[]): Section {
  return {
    title: 'Cost against keys',
    notes: [
      'Measured when each key was there once; keys are drawn then. The fewer the keys, the more records of a commit change the same one: these become one change, which is encoded, sent to the changelog and to the output, and written into the store once. What grows up to about 100,000 keys is that, so results for each record (of the whole run) stand beside it. Beyond, values come from the store instead of the cache: the second run of each number has `memoryBytes` of 12 GiB and `stateMemoryBytes` of 6 GiB, so that all stay in the cache.',
    ],
    tables: [
      {
        head: ['keys', 'memory', 'records/s', 'CPU us/record', "broker's", 'results/record', 'peak memory'],
        rows: done.map(({ keys, memory, measured }) => [
          whole(keys),
          memory,
          whole(measured.recordsPerSecond),
          micros(measured.cpuMicrosecondsPerRecord),
          micros(measured.brokerCpuMicrosecondsPerRecord),
          ((measured.results ?? 0) / measured.records).toFixed(2),
          mib(measured.rssPeakBytes),
        ]),
      },
    ],
    charts: [
      {
        kind: 'lines',
        name: 'growth-keys',
        title: 'Cost against keys: processor time, us for each record',
        xTitle: 'keys',
        series: memories.map(({ name }) => ({
          name,
          points: done
            .filter(({ memory }) => memory === name)
            .map(({ keys, measured }) => ({ x: keys, y: measured.cpuMicrosecondsPerRecord ?? 0 })),
        })),
      },
    ],
  }
}
