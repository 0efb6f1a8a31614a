/** A topology is a value: built by a pure function, printed, checked and planned without Kafka. Nothing runs when it is built. */
import { Fault } from '../faults/fault.ts'
import { callSite } from './call-site.ts'
import { problemsOf, renameProblems } from './check.ts'
import { describeText } from './describe-text.ts'
import type { Flow } from './flow.ts'
import { FlowBuilder } from './flow-builder.ts'
import { Graph } from './graph.ts'
import type { Problem } from './graph.ts'
import { makePlan } from './make-plan.ts'
import { isSafeName } from './names.ts'
import type { TopologyPlan } from './plan.ts'
import { cut } from './sub-topologies.ts'
import type { TopologyGraph } from './sub-topologies.ts'

export interface TopologyOptions {
  /** Consumer group, transactional ids and internal topics are called `<name>.v<version>`, so two versions run side by side. From 1. */
  readonly version: number
  /**
   * Steps that were called otherwise in an earlier release of this version: `{ 'name in the code': 'first name' }`. State and topics
   * stay under the first name, and nothing moves; the entry stays in the code as long as the version lives.
   */
  readonly renamed?: Readonly<Record<string, string>> | undefined
}

export interface Topology {
  readonly name: string
  readonly version: number
  /** The graph in the text form of Kafka Streams, which its viewers read. */
  describe(): string
}

class BuiltTopology implements Topology {
  readonly name: string
  readonly version: number
  readonly graph: TopologyGraph
  readonly plan: TopologyPlan

  constructor(graph: TopologyGraph) {
    this.name = graph.name
    this.version = graph.version
    this.graph = graph
    this.plan = makePlan(graph)
  }

  describe(): string {
    return describeText(this.graph)
  }
}

/** Builds a topology. Throws one Fault (MR1xxx) that lists everything that is wrong, each with its place and what to do. */
export function topology(name: string, options: TopologyOptions, build: (flow: Flow) => void): Topology {
  const { version } = options
  const renamed = new Map(Object.entries(options.renamed ?? {}))
  const graph = new Graph(renamed)
  if (typeof name !== 'string' || !isSafeName(name)) {
    graph.problem('MR1014', `"${name}" cannot be the name of a topology: give it 1 to 100 of the characters A-Z a-z 0-9 . _ -`)
  }
  if (!Number.isInteger(version) || version < 1) {
    graph.problem('MR1014', `version: ${version} must be a whole number from 1`)
  }
  const at = callSite()
  // FlowBuilder takes and gives the same objects with values unknown; the interfaces have checked the types for the user.
  const result: unknown = build(new FlowBuilder(graph) as unknown as Flow)
  graph.close()
  if (result instanceof Promise) {
    graph.problem('MR1016', 'the build function is async, and what it adds later would be lost: do the waiting before topology()', at)
  }
  const parts = cut(graph.nodes)
  const problems = [...graph.problems, ...renameProblems(graph.nodes, renamed, at), ...problemsOf(graph.nodes, parts, { name, version })]
  if (problems.length > 0) throw asFault(name, problems)
  return new BuiltTopology({ name, version, nodes: graph.nodes, subTopologies: parts.subTopologies })
}

function asFault(name: string, problems: readonly Problem[]): Fault {
  const code = problems[0]?.code ?? 'MR1005'
  const list = problems.map(
    (problem, index) => `  ${index + 1}. ${problem.at === '' ? '' : `${problem.at} `}[${problem.code}] ${problem.message}`,
  )
  const heading = `the topology ${name} has ${problems.length === 1 ? 'a fault' : `${problems.length} faults`}:`
  return new Fault(code, 'stop', [heading, ...list].join('\n'), { place: { at: problems[0]?.at } })
}

/** True for what topology() returned. */
export const isTopology = (value: unknown): value is Topology => value instanceof BuiltTopology

/** What the runtime makes tasks of. */
export const planOf = (value: Topology): TopologyPlan => built(value).plan

/** For drawings. */
export const graphOf = (value: Topology): TopologyGraph => built(value).graph

function built(value: Topology): BuiltTopology {
  if (value instanceof BuiltTopology) return value
  throw new Fault(
    'MR1015',
    'stop',
    'this is no topology of this Millrace: export what topology(name, { version }, build) returns as default, and have one copy of the package only',
  )
}
