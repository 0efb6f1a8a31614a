/** From measurements to what is printed. Pure. */
import type { ContenderName } from './contenders.ts'
import type { Measurement } from './measure.ts'

export interface Summary {
  readonly name: ContenderName
  readonly rounds: number
  readonly recordsPerSecond: number
  readonly warmRecordsPerSecond: number
  readonly cpuMicrosecondsPerRecord: number | undefined
  readonly startSeconds: number
  readonly rssPeakBytes: number
  /** From the first record to the peak: what records and state have cost. */
  readonly rssGrowthBytes: number
  readonly brokerCpuMicrosecondsPerRecord: number | undefined
  readonly othersShare: number | undefined
}

const mebibyte = 2 ** 20

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** Medians of the rounds of one contender; of the memory the worst. */
export function summarise(name: ContenderName, all: readonly Measurement[]): Summary {
  const own = all.filter((one) => one.name === name)
  const of = (value: (one: Measurement) => number): number => median(own.map(value))
  const known = (value: (one: Measurement) => number | undefined): number | undefined => {
    const values = own.map(value).filter((one) => one !== undefined)
    return values.length === 0 ? undefined : median(values)
  }
  return {
    name,
    rounds: own.length,
    recordsPerSecond: of((one) => one.recordsPerSecond),
    warmRecordsPerSecond: of((one) => one.warmRecordsPerSecond),
    cpuMicrosecondsPerRecord: known((one) => perRecord(one.cpuSeconds, one.records)),
    brokerCpuMicrosecondsPerRecord: known((one) => perRecord(one.brokerCpuSeconds, one.records)),
    othersShare: known((one) => one.othersShare),
    startSeconds: of((one) => one.startSeconds),
    rssPeakBytes: Math.max(0, ...own.map((one) => one.rssPeakBytes)),
    rssGrowthBytes: Math.max(0, ...own.map((one) => one.rssPeakBytes - one.rssAtFirstBytes)),
  }
}

const perRecord = (seconds: number | undefined, records: number): number | undefined =>
  seconds === undefined ? undefined : (seconds / records) * 1_000_000

const columns: readonly (readonly [title: string, of: (one: Summary) => string])[] = [
  ['', (one) => one.name],
  ['records/s (median)', (one) => whole(one.recordsPerSecond)],
  ['second half', (one) => whole(one.warmRecordsPerSecond)],
  ['CPU us/record', (one) => one.cpuMicrosecondsPerRecord?.toFixed(1) ?? 'unknown'],
  ["broker's", (one) => one.brokerCpuMicrosecondsPerRecord?.toFixed(1) ?? 'unknown'],
  ['first record after', (one) => `${one.startSeconds.toFixed(1)} s`],
  ['peak memory', (one) => mib(one.rssPeakBytes)],
  ['above start', (one) => mib(one.rssGrowthBytes)],
  ['rounds', (one) => String(one.rounds)],
]

export function table(summaries: readonly Summary[]): string[] {
  const rows = [columns.map(([title]) => title), ...summaries.map((one) => columns.map(([, of]) => of(one)))]
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join('  '),
  )
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en')
export const mib = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`

export function lineOf(round: number, one: Measurement): string {
  const cpu = one.cpuSeconds === undefined ? '' : `, ${one.cpuSeconds.toFixed(1)} s CPU`
  const others = one.othersShare === undefined ? '' : `, ${Math.round(one.othersShare * 100)} % of the machine taken by others`
  return `round ${round}  ${one.name.padEnd(13)}  ${whole(one.recordsPerSecond).padStart(9)} records/s  (${one.seconds.toFixed(1)} s${cpu}, peak ${mib(one.rssPeakBytes)}${others})`
}
