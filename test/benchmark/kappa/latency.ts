/**
 * How late a result shows: from the moment at which a record is due in the input to the moment at which a reader of committed records
 * sees a total that counts it, at shares of the maximum.
 *
 * The maximum is that of the slower contender, found with generator and reader on this machine, so that both get the same rates. The
 * generator is never held up by the contender; a record that it appends late counts as late.
 */
import { ContenderProcess } from './contender-process.ts'
import type { ContenderName } from './contenders.ts'
import type { Ground, NamedWorkload } from './ground.ts'
import { Load } from './load.ts'
import type { Latencies } from './load-reader.ts'
import type { BarChart, Scenario, Section } from './section.ts'
import { spreadOf } from './statistics.ts'
import { percent, whole } from './text.ts'
import { contendersOf, order } from './throughput.ts'
import { makeTopic } from './topics.ts'
import { workloadNamed } from './workload.ts'

interface Pace {
  /** Of the maximum; undefined: at one fixed rate, and no maximum is looked for. */
  readonly shares: readonly number[] | undefined
  readonly rounds: number
  /** At full speed in each process, so that compilers have done their work. */
  readonly heatMs: number
  readonly warmUpMs: number
  readonly measuredMs: number
}

interface Measured {
  readonly name: ContenderName
  readonly round: number
  readonly perSecond: number
  readonly latencies: Latencies
}

const keys = 10_000
const full: Pace = { shares: [0.1, 0.5, 0.8], rounds: 2, heatMs: 10_000, warmUpMs: 3_000, measuredMs: 12_000 }
const quick: Pace = { shares: undefined, rounds: 1, heatMs: 3_000, warmUpMs: 2_000, measuredMs: 4_000 }
const fixedPerSecond = 10_000

export const latency: Scenario = {
  name: 'latency',
  title: 'latency from append to committed output at 10 %, 50 % and 80 % of the maximum',
  isQuick: true,
  run: async (ground) => {
    const { options, say } = ground.setup
    const one = { name: 'sum-100k', workload: await workloadNamed('sum-100k') }
    const pace = options.quick ? quick : full
    const contenders = contendersOf(one, options)
    const maxima = pace.shares === undefined ? new Map<ContenderName, number>() : await maximaOf(ground, one, contenders, pace)
    const rates = pace.shares?.map((share) => share * Math.min(...maxima.values())) ?? [fixedPerSecond]
    const measured: Measured[] = []
    for (let round = 1; round <= pace.rounds; round += 1)
      for (const name of order(round, contenders)) {
        await underLoad(ground, one, name, async (load) => {
          await load.maximum(0, pace.heatMs)
          for (const perSecond of rates) {
            const latencies = await load.latency(perSecond, pace.warmUpMs, pace.measuredMs)
            measured.push({ name, round, perSecond, latencies })
            say(`  round ${round}  ${name.padEnd(13)}  ${whole(perSecond).padStart(7)} records/s: ${text(latencies)}`)
          }
        })
      }
    return section(maxima, measured, options.commitIntervalMs)
  },
}

async function maximaOf(
  ground: Ground,
  one: NamedWorkload,
  contenders: readonly ContenderName[],
  { heatMs }: Pace,
): Promise<ReadonlyMap<ContenderName, number>> {
  const maxima = new Map<ContenderName, number>()
  for (const name of contenders) {
    const maximum = await underLoad(ground, one, name, (load) => load.maximum(heatMs, heatMs))
    maxima.set(name, maximum)
    ground.setup.say(`  ${name}: at most ${whole(maximum)} records/s with generator and reader on this machine`)
  }
  return maxima
}

async function underLoad<T>(ground: Ground, one: NamedWorkload, name: ContenderName, measure: (load: Load) => Promise<T>): Promise<T> {
  const { log, brokers, options } = ground.setup
  const application = ground.fresh(`${name}-latency`)
  const names = { application, input: `${application}-input`, output: `${application}-output` }
  const { partitions, threads, commitIntervalMs } = options
  for (const topic of [names.input, names.output]) await makeTopic(log, topic, partitions)
  const run = { workload: one.name, brokers, ...names, threads, commitIntervalMs, stateDirectory: ground.stateDirectory(application) }
  const child = new ContenderProcess(ground.contender(name, one, run))
  const load = new Load({ log, brokers, input: names.input, output: names.output, keys, partitions })
  try {
    // Start-up is no latency: a few records first.
    await Promise.race([load.latency(1_000, 0, 1_000), child.failed])
    const result = await Promise.race([measure(load), child.failed])
    load.check()
    return result
  } finally {
    await load.end()
    await child.end()
    await ground.remove(application)
  }
}

const text = ({ p50, p99, p999, max }: Latencies): string =>
  `p50 ${whole(p50)} ms, p99 ${whole(p99)} ms, p99.9 ${whole(p999)} ms, worst ${whole(max)} ms`

/** Of the rounds the middle one by p99; pure. */
function section(maxima: ReadonlyMap<ContenderName, number>, measured: readonly Measured[], commitIntervalMs: number): Section {
  const rates = [...new Set(measured.map(({ perSecond }) => perSecond))]
  const names = [...new Set(measured.map(({ name }) => name))].sort()
  const maximum = Math.min(...maxima.values())
  const label = (perSecond: number): string =>
    maxima.size === 0 ? `${whole(perSecond)}/s` : `${percent(perSecond / maximum)} (${whole(perSecond)}/s)`
  const chosen = rates.flatMap((perSecond) =>
    names.flatMap((name) => {
      const own = measured.filter((one) => one.perSecond === perSecond && one.name === name)
      const middle = own.toSorted((a, b) => a.latencies.p99 - b.latencies.p99)[(own.length - 1) >> 1]
      return middle === undefined ? [] : [middle]
    }),
  )
  const maximaText = [...maxima].map(([name, rate]) => `${name} ${whole(rate)}/s`).join(', ')
  return {
    title: 'Latency from append to committed output',
    notes: [
      `Sum per key, ${whole(keys)} keys, commit interval ${commitIntervalMs} ms; generator, broker, contender and a read-committed reader on this machine. Milliseconds, counted from when a record is due, over all records.`,
      ...(maxima.size > 0 ? [`Maximum with all of them at work: ${maximaText}; the shares are of the smaller one.`] : []),
    ],
    tables: [
      {
        head: ['load', 'contender', 'p50', 'p99', 'p99.9', 'worst'],
        rows: chosen.map(({ perSecond, name, latencies: { p50, p99, p999, max } }) => [
          label(perSecond),
          name,
          ...[p50, p99, p999, max].map(whole),
        ]),
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: 'latency',
        title: 'p99 latency, ms',
        groups: rates.map((perSecond) => ({
          label: label(perSecond),
          bars: names.map((name) =>
            p99Bar(
              name,
              measured.filter((one) => one.perSecond === perSecond && one.name === name),
            ),
          ),
        })),
      },
    ],
  }
}

function p99Bar(name: ContenderName, measured: readonly Measured[]): BarChart['groups'][number]['bars'][number] {
  const { min, median, max } = spreadOf(measured.map(({ latencies }) => latencies.p99))
  return { name, value: median, min, max }
}
