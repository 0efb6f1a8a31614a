/** A topology as JSON, for programs: stages, steps with their place in the code, topics, stores. Pure. */
import { stagesOf } from './describe.ts'
import type { Box } from './describe.ts'
import { makePlan } from './make-plan.ts'
import type { InputPlan, OutputPlan, StorePlan } from './plan.ts'
import { internalNames } from './plan.ts'
import type { TopologyGraph } from './sub-topologies.ts'

export interface TopologyDescription {
  readonly name: string
  readonly version: number
  readonly group: string
  readonly subTopologies: readonly SubTopologyDescription[]
}
export interface SubTopologyDescription {
  readonly name: string
  readonly inputs: readonly TopicDescription[]
  readonly outputs: readonly TopicDescription[]
  readonly stores: readonly (StorePlan & { readonly changelog: string })[]
  readonly coPartitioned: boolean
  /** By how much results may be behind the watermark, ms. */
  readonly holdMs: number
  readonly steps: readonly StepDescription[]
}
export interface TopicDescription {
  readonly topic: string
  readonly kind: 'external' | 'repartition' | 'sink'
  readonly keyFormat?: string
  readonly valueFormat?: string
  readonly outOfOrdernessMs?: number
}
export interface StepDescription {
  readonly id: string
  readonly kind: Box['kind']
  readonly label: string
  /** `file:line` where it was written. */
  readonly at: string
  readonly topic?: string
  readonly store?: string
  readonly next: readonly { readonly to: string; readonly side?: string }[]
}

export function describeJson(graph: TopologyGraph): TopologyDescription {
  const { name, version } = graph
  const names = internalNames(name, version)
  const stages = stagesOf(graph)
  return {
    name,
    version,
    group: names.group,
    subTopologies: makePlan(graph).subTopologies.map((sub, index) => ({
      name: sub.name,
      inputs: sub.inputs.map((input) => topicOf(input, names.repartition)),
      outputs: sub.outputs.map((output) => topicOf(output, names.repartition)),
      stores: sub.stores.map((store) => ({ ...store, changelog: names.changelog(store.step) })),
      coPartitioned: sub.coPartitioned,
      holdMs: sub.holdMs,
      steps: (stages[index]?.boxes ?? []).map(stepOf),
    })),
  }
}

function topicOf(plan: InputPlan | OutputPlan, repartition: (step: string) => string): TopicDescription {
  if (plan.kind === 'repartition') return { topic: repartition(plan.step), kind: plan.kind }
  const formats = { topic: plan.topic, kind: plan.kind, keyFormat: plan.keyFormat.name, valueFormat: plan.valueFormat.name }
  return plan.kind === 'external' ? { ...formats, outOfOrdernessMs: plan.outOfOrdernessMs } : formats
}

function stepOf({ id, kind, label, node, topic, store, next }: Box): StepDescription {
  return {
    id,
    kind,
    label,
    at: node.at,
    ...(topic === undefined ? {} : { topic }),
    ...(store === undefined ? {} : { store }),
    next: next.map(({ to, side }) => (side === undefined ? { to } : { to, side })),
  }
}
