/** From measurements to what is printed. Pure. */
import type { ContenderName } from './contenders.ts'
import type { Measurement } from './measure.ts'
import { median, ratios, spreadOf, type Spread } from './statistics.ts'
import { columns, mib, micros, percent, whole } from './text.ts'

export interface Summary {
  readonly name: ContenderName
  readonly rounds: number
  readonly recordsPerSecond: Spread
  readonly wholeRecordsPerSecond: number
  readonly cpuMicrosecondsPerRecord: number | undefined
  readonly brokerCpuMicrosecondsPerRecord: number | undefined
  readonly startSeconds: number
  readonly rssPeakBytes: number
  readonly othersShare: number | undefined
}

/** Medians of the rounds of one contender; of the memory the worst. */
export function summarise(name: ContenderName, all: readonly Measurement[]): Summary {
  const own = all.filter((one) => one.name === name)
  const known = (value: (one: Measurement) => number | undefined): number | undefined => {
    const values = own.map(value).filter((one) => one !== undefined)
    return values.length === 0 ? undefined : median(values)
  }
  return {
    name,
    rounds: own.length,
    recordsPerSecond: spreadOf(own.map((one) => one.recordsPerSecond)),
    wholeRecordsPerSecond: median(own.map((one) => one.wholeRecordsPerSecond)),
    cpuMicrosecondsPerRecord: known((one) => one.cpuMicrosecondsPerRecord),
    brokerCpuMicrosecondsPerRecord: known((one) => one.brokerCpuMicrosecondsPerRecord),
    startSeconds: median(own.map((one) => one.startSeconds)),
    rssPeakBytes: Math.max(0, ...own.map((one) => one.rssPeakBytes)),
    othersShare: known((one) => one.othersShare),
  }
}

export const summaries = (all: readonly Measurement[]): readonly Summary[] =>
  [...new Set(all.map(({ name }) => name))].sort().map((name) => summarise(name, all))

/** Millrace by Kafka Streams, round by round; undefined: one of them has not run. */
export function ratio(all: readonly Measurement[], of: (one: Measurement) => number | undefined): Spread | undefined {
  const rounds = (wanted: ContenderName): Map<number, number> =>
    new Map(
      all.flatMap((one) => {
        const value = of(one)
        return one.name === wanted && value !== undefined ? [[one.round, value] as const] : []
      }),
    )
  const values = ratios(rounds('millrace'), rounds('kafka-streams'))
  return values.length === 0 ? undefined : spreadOf(values)
}

export const spreadText = ({ min, median: middle, max }: Spread): string => `${middle.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`

const titles = ['', 'records/s', 'min', 'max', 'with warm-up', 'CPU us/record', "broker's", 'first commit', 'peak memory', 'rounds']

export function tableLines(all: readonly Measurement[]): string[] {
  const rows = summaries(all).map((one) => [
    one.name,
    whole(one.recordsPerSecond.median),
    whole(one.recordsPerSecond.min),
    whole(one.recordsPerSecond.max),
    whole(one.wholeRecordsPerSecond),
    micros(one.cpuMicrosecondsPerRecord),
    micros(one.brokerCpuMicrosecondsPerRecord),
    `${one.startSeconds.toFixed(1)} s`,
    mib(one.rssPeakBytes),
    String(one.rounds),
  ])
  const lines = columns([titles, ...rows])
  const rate = ratio(all, (one) => one.recordsPerSecond)
  const cpu = ratio(all, (one) => one.cpuMicrosecondsPerRecord)
  if (rate === undefined || cpu === undefined) return lines
  return [...lines, `Millrace by Kafka Streams: rate ${spreadText(rate)}, processor time ${spreadText(cpu)}`]
}

export function lineOf(one: Measurement): string {
  const others = one.othersShare === undefined ? '' : `, ${percent(one.othersShare)} of the machine taken by others`
  const cpu = `${micros(one.cpuMicrosecondsPerRecord)} us CPU each`
  return `  round ${one.round}  ${one.name.padEnd(13)}  ${whole(one.recordsPerSecond).padStart(9)} records/s  (${cpu}, peak ${mib(one.rssPeakBytes)}${others})`
}
