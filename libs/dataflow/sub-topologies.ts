/**
 * Cuts a graph at its repartition topics. Pure.
 *
 * A sub-topology is what hangs together over edges, except that the edge behind a keyBy is a topic. A keyBy is thus an output of one
 * and an input of another. Its name is that of the alphabetically first external topic or keyBy among its inputs.
 */
import { childrenOf, isRekey, isStateful } from './graph.ts'
import type { GraphNode, RekeyNode, SinkNode, SourceNode, WindowNode } from './graph.ts'

export type InputNode = SourceNode | RekeyNode

export interface SubTopology {
  readonly name: string
  /** As written; a keyBy is a node of the sub-topology that writes its topic. */
  readonly nodes: readonly GraphNode[]
  /** In the order of the graph. */
  readonly inputs: readonly InputNode[]
  readonly rekeys: readonly RekeyNode[]
  readonly sinks: readonly SinkNode[]
}

/** What drawings are made of. */
export interface TopologyGraph {
  readonly name: string
  readonly version: number
  readonly nodes: readonly GraphNode[]
  /** In the order of the flow. */
  readonly subTopologies: readonly SubTopology[]
}

export interface Cut {
  /** Each stands behind all that feed it, unless there is a cycle. */
  readonly subTopologies: readonly SubTopology[]
  /** Sub-topologies that feed each other in a circle; empty: none. */
  readonly cycle: readonly SubTopology[]
}

/** The name in a topic: levels of apply() become dots. */
export const topicSafe = (name: string): string => name.replaceAll('/', '.')

export const inputName = (input: InputNode): string => (input.kind === 'source' ? input.topic : topicSafe(input.name))

export function cut(nodes: readonly GraphNode[]): Cut {
  const groups = groupsOf(nodes)
  const subTopologies = groups.map((group): SubTopology => {
    const inputs = group.inputs.toSorted((one, other) => one.id - other.id)
    return {
      name: inputs.map(inputName).toSorted()[0] ?? '',
      nodes: group.nodes,
      inputs,
      rekeys: group.nodes.filter(isRekey),
      sinks: group.nodes.filter((node) => node.kind === 'sink'),
    }
  })
  return ordered(subTopologies)
}

interface Group {
  readonly nodes: GraphNode[]
  readonly inputs: InputNode[]
}

/** Union-find over two points for each node: where it stands, and (keyBy only) where its topic is read. */
function groupsOf(nodes: readonly GraphNode[]): readonly Group[] {
  const root: number[] = nodes.flatMap((_, id) => [2 * id, 2 * id + 1])
  const find = (point: number): number => {
    let top = point
    while (root[top] !== top) top = root[top] ?? top
    root[point] = top
    return top
  }
  const standing = (node: GraphNode): number => 2 * node.id
  const outlet = (node: GraphNode): number => (isRekey(node) ? 2 * node.id + 1 : standing(node))
  for (const node of nodes) for (const parent of node.parents) root[find(standing(node))] = find(outlet(parent))
  const children = childrenOf(nodes)
  const groups = new Map<number, Group>()
  const groupAt = (point: number): Group => {
    const top = find(point)
    const group = groups.get(top) ?? { nodes: [], inputs: [] }
    groups.set(top, group)
    return group
  }
  for (const node of nodes) {
    groupAt(standing(node)).nodes.push(node)
    if (node.kind === 'source') groupAt(standing(node)).inputs.push(node)
    if (isRekey(node) && (children.get(node)?.length ?? 0) > 0) groupAt(outlet(node)).inputs.push(node)
  }
  return [...groups.values()]
}

/** Behind all that feed it; among those that are free, as written. */
function ordered(subTopologies: readonly SubTopology[]): Cut {
  const writer = new Map(subTopologies.flatMap((sub) => sub.rekeys.map((rekey) => [rekey, sub] as const)))
  const waiting = [...subTopologies]
  const done: SubTopology[] = []
  while (waiting.length > 0) {
    const next = waiting.findIndex((sub) =>
      sub.inputs.every((input) => input.kind === 'source' || done.some((other) => other === writer.get(input))),
    )
    if (next === -1) return { subTopologies, cycle: waiting }
    done.push(...waiting.splice(next, 1))
  }
  return { subTopologies: done, cycle: [] }
}

/** True when inputs meet in a step that owns state: then their partitions must correspond. */
export function isCoPartitioned(sub: SubTopology): boolean {
  const reached = new Map<GraphNode, ReadonlySet<InputNode>>()
  for (const node of sub.nodes) {
    const inputs = new Set<InputNode>(node.kind === 'source' ? [node] : [])
    for (const parent of node.parents) {
      if (isRekey(parent)) inputs.add(parent)
      else for (const input of reached.get(parent) ?? []) inputs.add(input)
    }
    reached.set(node, inputs)
    if (isStateful(node) && inputs.size > 1) return true
  }
  return false
}

/** By which a step itself emits behind its watermark, ms. */
export const ownHold = (node: GraphNode): number => (node.kind === 'window' && isFinal(node) ? node.latenessMs : 0)
const isFinal = (node: WindowNode): boolean => node.emit === 'final'

/** By how much the watermark that reaches a node is behind the task's: the lateness of the windows before it, ms (engine.md 5). */
export function holdsOf(sub: SubTopology): ReadonlyMap<GraphNode, number> {
  const holds = new Map<GraphNode, number>()
  for (const node of sub.nodes) {
    let hold = 0
    for (const parent of node.parents) if (!isRekey(parent)) hold = Math.max(hold, (holds.get(parent) ?? 0) + ownHold(parent))
    holds.set(node, hold)
  }
  return holds
}
