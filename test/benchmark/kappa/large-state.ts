/**
 * State much larger than memory: how fast, and with how much memory, while the state grows on disk and when keys are read that nothing holds.
 * Millrace alone, with a budget of half a gibibyte.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ContenderProcess } from './contender-process.ts'
import type { Ground, LoadedInput, NamedWorkload } from './ground.ts'
import type { ProcessUsage } from './process-usage.ts'
import type { Sample } from './progress.ts'
import type { Scenario, Section } from './section.ts'
import { mib, micros, whole } from './text.ts'
import { checkOutput, makeTopic } from './topics.ts'
import { samplesUntilEnd } from './watch.ts'
import { workloadNamed } from './workload.ts'

const keysQuick = 50_000
const memoryMiB = 512
const stateMemoryMiB = 192
/** As topology.ts finds it, from the folder of the workloads. */
const file = '../kappa/large-state-workload'
/** Rows of the table. */
const stretchesCount = 13

interface Filled {
  readonly samples: readonly Sample<ProcessUsage | undefined>[]
  /** Of the local state at the end. */
  readonly diskBytes: number
}

export const largeState: Scenario = {
  name: 'large-state',
  title: 'state much larger than memory (Millrace alone)',
  isQuick: false,
  run: async (ground) => {
    const { options } = ground.setup
    const named: NamedWorkload = { name: 'large-state', workload: await workloadNamed(file) }
    const { full } = named.workload
    const keys = options.keys ?? (options.quick ? keysQuick : full.keys)
    // As many at random behind the first pass, for each key.
    const records = Math.round((keys * full.records) / full.keys)
    const input = await ground.load(named, { records, keys, partitions: options.partitions })
    const filled = await run(ground, named, input)
    await ground.remove(input.topic)
    return section(records, keys, filled)
  },
}

async function run(ground: Ground, named: NamedWorkload, input: LoadedInput): Promise<Filled> {
  const { log, brokers, options } = ground.setup
  const { threads, commitIntervalMs } = options
  const application = ground.fresh('large-state')
  const output = `${application}-output`
  await makeTopic(log, output, input.partitions)
  const names = { application, input: input.topic, output, stateDirectory: ground.stateDirectory(application) }
  const words = ['--memory-bytes', `${memoryMiB}MiB`, '--state-memory-bytes', `${stateMemoryMiB}MiB`]
  const child = new ContenderProcess(
    ground.contender('millrace', named, { ...names, brokers, workload: file, threads, commitIntervalMs }, { words }),
  )
  let filled: Filled
  try {
    const watched = { group: child.contender.group, application, ends: input.ends, output, commitIntervalMs }
    const samples = await Promise.race([samplesUntilEnd(log, watched, () => child.usage()), child.failed])
    filled = { samples, diskBytes: sizeOf(names.stateDirectory) }
  } finally {
    await child.end()
  }
  await checkOutput(log, 'millrace (large-state)', output, input.partitions, input.plan.check())
  await ground.remove(application)
  return filled
}

/** Of all files below. */
function sizeOf(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  // RocksDB removes files while they are counted.
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false }))
  return sizes.reduce((sum, stat) => sum + (stat?.size ?? 0), 0)
}

function section(records: number, keys: number, { samples, diskBytes }: Filled): Section {
  const peak = Math.max(0, ...samples.map(({ usage }) => usage?.rssPeakBytes ?? 0))
  const stretches = stretchesOf(samples, records)
  return {
    title: 'State much larger than memory',
    notes: [
      `About 2 KiB of state for each of ${whole(keys)} keys (${gib(diskBytes)} on disk at the end) within \`memoryBytes\` of ${memoryMiB} MiB, ${stateMemoryMiB} of them for state. First each key once, then keys at random, nearly all of which are read from the disk. Largest resident set: ${mib(peak)}.`,
    ],
    tables: [
      {
        head: ['records', 'what', 'records/s', 'CPU us/record', 'resident'],
        rows: stretches.map(({ to, recordsPerSecond, cpuMicroseconds, rssBytes }) => [
          whole(to),
          to <= keys ? 'new keys' : 'keys at random',
          whole(recordsPerSecond),
          micros(cpuMicroseconds),
          mib(rssBytes),
        ]),
      },
    ],
    charts: [
      {
        kind: 'lines',
        name: 'large-state',
        title: 'Records a second while the state grows',
        xTitle: 'records',
        series: [{ name: 'Millrace', points: stretches.map(({ to, recordsPerSecond }) => ({ x: to, y: recordsPerSecond })) }],
      },
    ],
  }
}

interface Stretch {
  /** Records done at its end. */
  readonly to: number
  readonly recordsPerSecond: number
  readonly cpuMicroseconds: number | undefined
  readonly rssBytes: number
}

/** Equal parts of the work. Positions count transaction markers too: they are scaled to records. */
export function stretchesOf(samples: Filled['samples'], records: number): readonly Stretch[] {
  const end = samples.at(-1)?.positions ?? 0
  const marks = Array.from({ length: stretchesCount + 1 }, (_, nth) =>
    samples.find(({ positions }) => positions >= (end * nth) / stretchesCount),
  )
  return marks.slice(1).flatMap((to, nth) => {
    const from = marks[nth]
    if (from === undefined || to === undefined || to.at <= from.at) return []
    const done = ((to.positions - from.positions) / end) * records
    const [before, after] = [from.usage?.cpuSeconds, to.usage?.cpuSeconds]
    return [
      {
        to: Math.round((to.positions / end) * records),
        recordsPerSecond: (done / (to.at - from.at)) * 1_000,
        cpuMicroseconds: before === undefined || after === undefined ? undefined : ((after - before) / done) * 1_000_000,
        rssBytes: to.usage?.rssBytes ?? 0,
      },
    ]
  })
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
