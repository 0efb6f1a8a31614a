/**
 * What was measured, kept beside the document that shows it (../results.json), so that a run of a part replaces that part and nothing else.
 *
 * `merged` is pure; the rest reads and writes the files.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import { svgOf } from './charts.ts'
import { chartsDirectory, chartsOf, documentOf } from './document.ts'
import type { Measurement } from './measure.ts'
import type { Section } from './section.ts'
import { pinnedKafkaVersion } from './streams-peer.ts'
import type { InputSize } from './workload.ts'

/** When, where and by which command something was measured. */
export interface Circumstances {
  /** Of the day, as in 2026-11-21. */
  readonly date: string
  readonly commit: string
  readonly command: string
  readonly machine: string
  readonly versions: string
}

export interface WorkloadResult {
  readonly title: string
  readonly size: InputSize
  readonly threads: number
  readonly commitIntervalMs: number
  /** Ratio to Kafka Streams. */
  readonly wanted: number
  readonly measurements: readonly Measurement[]
  readonly circumstances: Circumstances
}

export interface SectionResult {
  readonly section: Section
  readonly circumstances: Circumstances
}

export interface Results {
  readonly workloads: Readonly<Record<string, WorkloadResult>>
  readonly sections: Readonly<Record<string, SectionResult>>
}

const file = join(repositoryRoot, 'test/benchmark/results.json')
const document = join(repositoryRoot, 'BENCHMARKS.md')
const gibibyte = 2 ** 30

export const nothing: Results = { workloads: {}, sections: {} }

export const merged = (old: Results, fresh: Results): Results => ({
  workloads: { ...old.workloads, ...fresh.workloads },
  sections: { ...old.sections, ...fresh.sections },
})

export function circumstances(command: string): Circumstances {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short', 'HEAD'),
    command,
    machine: `${processors.length} x ${processors[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / gibibyte)} GiB`,
    versions: `Node ${process.versions.node}, Kafka and Kafka Streams ${pinnedKafkaVersion()}`,
  }
}

/** Adds to what is kept, and writes document and charts anew. Answers which files. */
export async function keep(fresh: Results): Promise<readonly string[]> {
  // Written by this function alone.
  const old = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : nothing
  const results = merged(old, fresh)
  const charts = chartsOf(results).map((chart) => [join(repositoryRoot, chartsDirectory, `${chart.name}.svg`), svgOf(chart)] as const)
  const files = [
    [file, await pretty(file, JSON.stringify(results))] as const,
    [document, await pretty(document, documentOf(results, readFileSync(document, 'utf8')))] as const,
    ...charts,
  ]
  for (const [path, content] of files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  return files.map(([path]) => path)
}

const pretty = async (path: string, text: string): Promise<string> => format(text, { ...(await resolveConfig(path)), filepath: path })

function git(...words: string[]): string {
  try {
    return execFileSync('git', words, { cwd: repositoryRoot, encoding: 'utf8' }).trim()
  } catch {
    // Not a checkout: a copy without its history.
    return 'unknown'
  }
}
