/** How the cost of a record grows with partitions, open windows and the commit interval: Millrace alone, one run for each value. */
import type { Ground, NamedWorkload } from './ground.ts'
import type { Measurement } from './measure.ts'
import type { Scenario, Section } from './section.ts'
import { sumWorkload } from './sum-workload.ts'
import { lineOf } from './report.ts'
import { mib, micros, whole } from './text.ts'
import { throughputOnce } from './throughput.ts'
import { workloadNamed } from './workload.ts'

interface Case {
  readonly value: number
  readonly workload: 'sum-100k' | 'tumbling'
  readonly keys: number
  readonly partitions: number
  readonly commitIntervalMs: number
}

const usual = { workload: 'sum-100k', keys: 100_000, partitions: 4, commitIntervalMs: 100 } as const

const axes: readonly {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly cases: readonly Case[]
}[] = [
  {
    name: 'growth-partitions',
    title: 'Cost against partitions',
    unit: 'partitions',
    cases: [1, 4, 16, 64].map((value) => ({ ...usual, value, partitions: value })),
  },
  {
    name: 'growth-windows',
    title: 'Cost against open windows',
    unit: 'open windows',
    // Each key has one window open at a time.
    cases: [100, 1_000, 10_000].map((value) => ({ ...usual, value, workload: 'tumbling' as const, keys: value })),
  },
  {
    name: 'growth-interval',
    title: 'Cost against the commit interval',
    unit: 'ms',
    cases: [20, 100, 500, 2_000].map((value) => ({ ...usual, value, commitIntervalMs: value })),
  },
]

const records = { full: 600_000, quick: 100_000 }
/** Some commits' worth at any pace: a rate is between two of them. */
const recordsForIntervalMs = 2_000

export const growth: readonly Scenario[] = axes.map((axis) => ({
  name: axis.name,
  title: `${axis.title.toLowerCase()} (Millrace alone)`,
  isQuick: false,
  run: async (ground) => {
    const done: { readonly value: number; readonly measured: Measurement }[] = []
    for (const one of axis.cases) {
      const measured = await once(ground, one)
      done.push({ value: one.value, measured })
      ground.setup.say(`  ${whole(one.value)} ${axis.unit}: ${lineOf(measured).trim()}`)
    }
    return section(axis, done)
  },
}))

async function once(ground: Ground, one: Case): Promise<Measurement> {
  const { options } = ground.setup
  const count = options.records ?? Math.max(options.quick ? records.quick : records.full, one.commitIntervalMs * recordsForIntervalMs)
  const sum = sumWorkload({ title: 'growth', full: { records: count, keys: one.keys }, quick: undefined })
  const named: NamedWorkload = { name: one.workload, workload: one.workload === 'sum-100k' ? sum : await workloadNamed(one.workload) }
  const input = await ground.load(named, { records: count, keys: one.keys, partitions: one.partitions })
  const { commitIntervalMs } = one
  const measured = await throughputOnce(ground, named, 'millrace', { input, round: 1, threads: options.threads, commitIntervalMs })
  await ground.remove(input.topic)
  return measured
}

function section(
  { name, title, unit }: (typeof axes)[number],
  done: readonly { readonly value: number; readonly measured: Measurement }[],
): Section {
  return {
    title,
    notes: [],
    tables: [
      {
        head: [unit, 'records/s', 'CPU us/record', "broker's", 'peak memory'],
        rows: done.map(({ value, measured }) => [
          whole(value),
          whole(measured.recordsPerSecond),
          micros(measured.cpuMicrosecondsPerRecord),
          micros(measured.brokerCpuMicrosecondsPerRecord),
          mib(measured.rssPeakBytes),
        ]),
      },
    ],
    charts: [
      {
        kind: 'lines',
        name,
        title: `${title}: processor time, us for each record`,
        xTitle: unit,
        series: [
          { name: 'Millrace', points: done.map(({ value, measured }) => ({ x: value, y: measured.cpuMicrosecondsPerRecord ?? 0 })) },
          { name: 'broker', points: done.map(({ value, measured }) => ({ x: value, y: measured.brokerCpuMicrosecondsPerRecord ?? 0 })) },
        ],
      },
    ],
  }
}
