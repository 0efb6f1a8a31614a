/**
 * Do the topics of a cluster fit a topology? Pure: facts in, rows out. `topics check`, `topics create` and `doctor` share it.
 */
import { Fault } from '../faults/fault.ts'
import type { TopologyPlan } from '../dataflow/plan.ts'
import { complaintsAbout, internalTopics } from '../runtime/worker/internal-topics.ts'
import { externalInputsOf, sinksOf, wire, type Wiring } from '../runtime/worker/wiring.ts'

export interface TopicFacts {
  readonly partitions: number
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
}

export type Verdict = 'ok' | 'warning' | 'failed'

export interface TopicRow {
  readonly topic: string
  /** input, output, input and output, control, commits, changelog, repartition, dead-letters. */
  readonly kind: string
  /** Undefined: it does not exist. */
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  /** Undefined where any number will do. */
  readonly partitionsWanted: number | undefined
  readonly verdict: Verdict
  /** What is wrong and what to do; empty when all is well. */
  readonly notes: readonly string[]
}

export interface TopicReport {
  readonly application: string
  readonly version: number
  readonly rows: readonly TopicRow[]
  /** What is wrong with the topics together (co-partitioning). */
  readonly problems: readonly string[]
  readonly failed: number
}

/** Names of all external topics of the plan. */
export const externalTopicsOf = (plan: TopologyPlan): string[] => [...new Set([...externalInputsOf(plan), ...sinksOf(plan)])]

/** The wiring, or the fault that says why there is none. */
export function wiringOf(plan: TopologyPlan, facts: ReadonlyMap<string, TopicFacts>): Wiring | Fault {
  const counts = new Map(
    externalTopicsOf(plan).flatMap((name) => (facts.has(name) ? [[name, facts.get(name)?.partitions ?? 0] as const] : [])),
  )
  try {
    return wire(plan, counts)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

export function topicReport(plan: TopologyPlan, facts: ReadonlyMap<string, TopicFacts>): TopicReport {
  const external = externalTopicsOf(plan).map((name) => externalRow(plan, name, facts.get(name)))
  const wiring = wiringOf(plan, facts)
  const rows = [...external, ...(wiring instanceof Fault ? [] : internalRows(wiring, facts))]
  const isMissing = external.some((row) => row.partitions === undefined)
  const problems = wiring instanceof Fault && !isMissing ? [wiring.message] : []
  const failed = rows.filter((row) => row.verdict === 'failed').length + problems.length
  return { application: plan.name, version: plan.version, rows, problems, failed }
}

function externalRow(plan: TopologyPlan, name: string, facts: TopicFacts | undefined): TopicRow {
  const isInput = externalInputsOf(plan).includes(name)
  const isOutput = sinksOf(plan).includes(name)
  const kind = isInput && isOutput ? 'input and output' : isInput ? 'input' : 'output'
  const base = {
    topic: name,
    kind,
    partitions: facts?.partitions,
    replicationFactor: facts?.replicationFactor,
    partitionsWanted: undefined,
  }
  if (facts === undefined)
    return { ...base, verdict: 'failed', notes: ['does not exist; millrace topics create <module> --external --partitions <n>'] }
  const notes = [...(isOutput ? outputNotes(plan, name, facts) : []), ...durabilityNotes(facts)]
  return { ...base, verdict: notes.length === 0 ? 'ok' : 'warning', notes }
}

function outputNotes(plan: TopologyPlan, name: string, facts: TopicFacts): string[] {
  const sinks = plan.subTopologies.flatMap((sub) => sub.outputs.filter((output) => output.kind === 'sink' && output.topic === name))
  const isTable = sinks.some((sink) => sink.kind === 'sink' && sink.table)
  const policy = facts.config['cleanup.policy'] ?? ''
  if (isTable && !policy.includes('compact'))
    return ['a table is written here, but the topic is not compacted: set cleanup.policy=compact, else old rows age out']
  if (!isTable && policy.includes('compact'))
    return [
      'a stream is written here, but the topic is compacted: only the last record of each key will stay, and records without a key are refused',
    ]
  return []
}

/** What a lost broker would do. */
export function durabilityNotes(facts: TopicFacts): string[] {
  const inSync = Number(facts.config['min.insync.replicas'] ?? 1)
  if (facts.replicationFactor === 1) return []
  if (inSync > facts.replicationFactor)
    return [`min.insync.replicas ${inSync} is more than its ${facts.replicationFactor} replicas: nothing can be written`]
  if (inSync === facts.replicationFactor) return [`min.insync.replicas equals its ${inSync} replicas: one broker down stops writing`]
  return inSync < 2 ? ['min.insync.replicas is 1: an acknowledged record can be lost with one broker; set 2'] : []
}

function internalRows(wiring: Wiring, facts: ReadonlyMap<string, TopicFacts>): TopicRow[] {
  return internalTopics(wiring, -1).map((topic): TopicRow => {
    const found = facts.get(topic.name)
    const base = {
      topic: topic.name,
      kind: topic.kind,
      partitions: found?.partitions,
      replicationFactor: found?.replicationFactor,
      partitionsWanted: topic.partitions,
    }
    // The worker creates them at its first start.
    if (found === undefined)
      return { ...base, verdict: 'warning', notes: ['does not exist yet; the first worker creates it, or millrace topics create <module>'] }
    const complaints = complaintsAbout(topic, found.partitions, found.config).map(({ setting, found: is, wanted }) =>
      setting === 'partitions' ? `has ${is} partitions, needs ${wanted}` : `${setting} is ${is === '' ? 'not set' : is}, must be ${wanted}`,
    )
    if (complaints.length > 0) return { ...base, verdict: 'failed', notes: complaints }
    const notes = durabilityNotes(found)
    return { ...base, verdict: notes.length === 0 ? 'ok' : 'warning', notes }
  })
}
