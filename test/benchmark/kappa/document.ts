/** BENCHMARKS.md: what is measured, between two marks; what people wrote around them stays. Pure. */
import { ratio, spreadText, summaries } from './report.ts'
import type { Circumstances, Results, WorkloadResult } from './results.ts'
import type { BarChart, Chart, Table } from './section.ts'
import { mib, micros, percent, whole } from './text.ts'

/** In the repository. */
export const chartsDirectory = 'deploy/guide/benchmarks'

const begin = '<!-- made by make bench: begin -->'
const end = '<!-- made by make bench: end -->'

/** `text`: the document as it is. */
export function documentOf(results: Results, text: string): string {
  const [before, rest] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end) + end.length)]
  if (!text.includes(begin) || !text.includes(end)) throw new Error(`BENCHMARKS.md has lost its marks: ${begin} and ${end}`)
  return `${before}${begin}\n\n${measured(results).join('\n')}\n\n${end}${rest}`
}

export const chartsOf = (results: Results): readonly Chart[] => [
  ...(Object.keys(results.workloads).length > 0 ? [throughputChart(results)] : []),
  ...inOrder(results.sections).flatMap(([, { section }]) => section.charts),
]

function measured(results: Results): string[] {
  const workloads = inOrder(results.workloads)
  const sections = inOrder(results.sections)
  const all = [...workloads, ...sections].map(([, { circumstances }]) => circumstances)
  const lines = [...where(all), '']
  if (workloads.length > 0) {
    lines.push('## Throughput', '', ...markdown(throughputTable(workloads)), '', image(throughputChart(results)), '')
    lines.push('Ratio: Millrace by Kafka Streams in the same round; median (smallest-largest) of the rounds.', '')
    lines.push('### Processor time and memory', '', ...markdown(costTable(workloads)), '')
    lines.push(
      'Processor time in microseconds for each record, of all threads. Memory: the largest resident set of all rounds. Taken by others: share of the machine in the measured time.',
      '',
    )
  }
  for (const [, { section }] of sections) {
    lines.push(`## ${section.title}`, '', ...section.notes.flatMap((note) => [note, '']))
    for (const table of section.tables) lines.push(...markdown(table), '')
    for (const chart of section.charts) lines.push(image(chart), '')
  }
  return [...lines, '## When and by which command', '', ...markdown(commandTable([...workloads, ...sections]))]
}

/** By name, so that the document changes only where a result does. */
const inOrder = <T>(record: Readonly<Record<string, T>>): [string, T][] => Object.entries(record).sort(([a], [b]) => a.localeCompare(b))

const where = (all: readonly Circumstances[]): string[] =>
  [...new Set(all.map(({ machine, versions }) => `- Machine: ${machine}, with the broker on it. ${versions}.`))].sort()

const image = ({ name, title }: Chart): string => `![${title}](${chartsDirectory}/${name}.svg)`

const escaped = (text: string): string => text.replaceAll('|', '\\|')

const markdown = ({ head, rows }: Table): string[] => [
  `| ${head.map(escaped).join(' | ')} |`,
  `| ${head.map((_, index) => (rows.every((row) => isNumber(row[index] ?? '')) ? '--:' : '---')).join(' | ')} |`,
  ...rows.map((row) => `| ${row.map(escaped).join(' | ')} |`),
]

/** With or without a unit or a range. */
const isNumber = (cell: string): boolean => /^(?:[\d(-]|unknown)/u.test(cell)

type Named = readonly [string, WorkloadResult]

function throughputTable(workloads: readonly Named[]): Table {
  return {
    head: ['workload', 'Millrace, records/s', 'Kafka Streams, records/s', 'ratio', 'wanted', 'rounds'],
    rows: workloads.map(([name, { title, measurements, wanted }]) => {
      const rate = (wanted: string): string => {
        const own = summaries(measurements).find((one) => one.name === wanted)
        return own === undefined ? '-' : whole(own.recordsPerSecond.median)
      }
      const found = ratio(measurements, (one) => one.recordsPerSecond)
      const rounds = Math.max(0, ...summaries(measurements).map((one) => one.rounds))
      return [
        `\`${name}\`: ${title}`,
        rate('millrace'),
        rate('kafka-streams'),
        found === undefined ? '-' : spreadText(found),
        wanted.toFixed(1),
        String(rounds),
      ]
    }),
  }
}

function costTable(workloads: readonly Named[]): Table {
  return {
    head: [
      'workload',
      'contender',
      'CPU us/record',
      "broker's",
      'with warm-up, records/s',
      'first commit after',
      'peak memory',
      'taken by others',
    ],
    rows: workloads.flatMap(([name, { measurements }]) =>
      summaries(measurements).map((one) => [
        `\`${name}\``,
        one.name,
        micros(one.cpuMicrosecondsPerRecord),
        micros(one.brokerCpuMicrosecondsPerRecord),
        whole(one.wholeRecordsPerSecond),
        `${one.startSeconds.toFixed(1)} s`,
        mib(one.rssPeakBytes),
        one.othersShare === undefined ? 'unknown' : percent(one.othersShare),
      ]),
    ),
  }
}

function commandTable(all: readonly (readonly [string, { readonly circumstances: Circumstances }])[]): Table {
  return {
    head: ['measurement', 'command', 'commit', 'date'],
    rows: all.map(([name, { circumstances }]) => [name, `\`${circumstances.command}\``, circumstances.commit, circumstances.date]),
  }
}

function throughputChart({ workloads }: Results): BarChart {
  return {
    kind: 'bars',
    name: 'throughput',
    title: 'Records per second, exactly once (line: range of the rounds)',
    groups: inOrder(workloads).map(([label, { measurements }]) => ({
      label,
      bars: summaries(measurements)
        .toReversed()
        .map(({ name, recordsPerSecond: { median, min, max } }) => ({ name, value: median, min, max })),
    })),
  }
}
