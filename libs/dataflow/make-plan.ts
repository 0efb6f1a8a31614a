/** From a checked graph to the plan that the runtime reads. Pure. */
import { assemble } from './assemble.ts'
import { isStateful } from './graph.ts'
import type { GraphNode, ProcessNode, StatefulNode } from './graph.ts'
import type { InputPlan, OutputPlan, StorePlan, SubTopologyPlan, TopologyPlan } from './plan.ts'
import { holdsOf, inputName, isCoPartitioned, ownHold } from './sub-topologies.ts'
import type { InputNode, SubTopology } from './sub-topologies.ts'
import type { TopologyGraph } from './sub-topologies.ts'
import { internalNames } from './plan.ts'
import { lengthCell, outputIndex, TABLE_CELL, timerCell, timerTimeCell, WINDOW_CELL } from './plan-parts.ts'

export function makePlan({ name, version, subTopologies }: TopologyGraph): TopologyPlan {
  const writers = new Map<GraphNode, string>(subTopologies.flatMap((sub) => sub.rekeys.map((rekey) => [rekey, sub.name] as const)))
  return { name, version, subTopologies: subTopologies.map((sub) => planOfSub(sub, writers, internalNames(name, version).repartition)) }
}

function planOfSub(sub: SubTopology, writers: ReadonlyMap<GraphNode, string>, repartition: (step: string) => string): SubTopologyPlan {
  const holds = holdsOf(sub)
  const outputs = outputsOf(sub)
  const inputs = sub.inputs.map((input) => inputPlan(input, writers))
  const topics = sub.inputs.map((input) => (input.kind === 'source' ? input.topic : repartition(input.name)))
  return {
    name: sub.name,
    inputs,
    outputs,
    stores: sub.nodes.filter(isStateful).flatMap(storeOf),
    coPartitioned: isCoPartitioned(sub),
    closeMs: Math.max(0, ...sub.nodes.map((node) => (holds.get(node) ?? 0) + ownHold(node))),
    holdMs: Math.max(0, ...sub.rekeys.map((rekey) => holds.get(rekey) ?? 0)),
    instantiate: (host) => assemble({ sub, inputs, outputs, topics, holds }, host),
  }
}

function inputPlan(input: InputNode, writers: ReadonlyMap<GraphNode, string>): InputPlan {
  if (input.kind !== 'source') {
    return { kind: 'repartition', step: input.name, from: writers.get(input) ?? inputName(input), partitions: input.partitions }
  }
  const { outOfOrdernessMs, startAt, onRefused, aheadOfClockMsMax, keyBytesMax, headersMax, rateLimit, shed } = input.settings
  return {
    kind: 'external',
    topic: input.topic,
    outOfOrdernessMs,
    startAt,
    onRefused,
    aheadOfClockMsMax,
    keyBytesMax,
    headersMax,
    rateLimit,
    shed,
    keyFormat: input.formats.key,
    valueFormat: input.formats.value,
  }
}

/** One output for each topic and pair of formats, then the repartition topics. */
function outputsOf(sub: SubTopology): readonly OutputPlan[] {
  const outputs: OutputPlan[] = []
  for (const node of sub.sinks) {
    const { topic, formats, table } = node
    const sink = { kind: 'sink', topic, keyFormat: formats.key, valueFormat: formats.value, table } as const
    if (outputIndex(outputs, node) === -1) outputs.push(sink)
  }
  for (const rekey of sub.rekeys) outputs.push({ kind: 'repartition', step: rekey.name })
  return outputs
}

function storeOf(node: StatefulNode): readonly StorePlan[] {
  switch (node.kind) {
    case 'aggregate':
    case 'latest':
    case 'group-aggregate':
      return [{ step: node.name, cells: { [TABLE_CELL]: 'value' }, versions: { [TABLE_CELL]: node.stateVersion.version } }]
    case 'window':
      return [{ step: node.name, cells: { [WINDOW_CELL]: 'timed' }, versions: { [WINDOW_CELL]: node.stateVersion.version } }]
    case 'process': {
      const cells = processCells(node)
      const versions = Object.fromEntries(Object.entries(node.cells).map(([name, cell]) => [name, cell.stateVersion.version]))
      return Object.keys(cells).length === 0 ? [] : [{ step: node.name, cells, versions }]
    }
  }
}

function processCells(node: ProcessNode): StorePlan['cells'] {
  const cells: Record<string, 'value' | 'map' | 'timed'> = {}
  for (const [name, { kind }] of Object.entries(node.cells)) {
    cells[name] = kind === 'value' ? 'value' : 'map'
    if (kind === 'list') cells[lengthCell(name)] = 'value'
  }
  for (const timer of Object.keys(node.timers)) {
    cells[timerCell(timer)] = 'timed'
    cells[timerTimeCell(timer)] = 'value'
  }
  return cells
}
