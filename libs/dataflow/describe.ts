/** What all drawings of a topology share: the boxes, what they are called, and the arrows between them. Pure. */
import { childrenOf, isNamed, isRekey, isStateful } from './graph.ts'
import type { GraphNode } from './graph.ts'
import { internalNames } from './plan.ts'
import type { SubTopology, TopologyGraph } from './sub-topologies.ts'

export interface Box {
  /** Unique in the topology, without spaces. */
  readonly id: string
  readonly kind: 'source' | 'step' | 'sink'
  /** For people: `window cell-minute`. */
  readonly label: string
  readonly node: GraphNode
  /** Topic of a source or sink. */
  readonly topic: string | undefined
  /** True for the topics of keyBy and groupBy. */
  readonly internal: boolean
  /** The store of a step with state. */
  readonly store: string | undefined
  readonly next: readonly Arrow[]
}
export interface Arrow {
  readonly to: string
  /** The side output, where the arrow begins at one. */
  readonly side: string | undefined
}
export interface Stage {
  readonly name: string
  readonly boxes: readonly Box[]
}

/** Side outputs are no boxes: they are names on arrows. */
export function stagesOf(graph: TopologyGraph): readonly Stage[] {
  const names = internalNames(graph.name, graph.version)
  return graph.subTopologies.map((sub) => {
    const children = childrenOf([...sub.inputs.filter(isRekey), ...sub.nodes])
    const arrowsOf = (node: GraphNode): readonly Arrow[] =>
      (children.get(node) ?? []).flatMap((child): readonly Arrow[] =>
        child.kind === 'side'
          ? arrowsOf(child).map((arrow) => ({ to: arrow.to, side: child.side }))
          : [{ to: idOf(child), side: undefined }],
      )
    // Main results first, then side outputs.
    const sortedArrowsOf = (node: GraphNode): readonly Arrow[] => {
      const arrows = arrowsOf(node)
      return [...arrows.filter((arrow) => arrow.side === undefined), ...arrows.filter((arrow) => arrow.side !== undefined)]
    }
    return { name: sub.name, boxes: boxesOf(sub, sortedArrowsOf, names.repartition) }
  })
}

function boxesOf(sub: SubTopology, arrowsOf: (node: GraphNode) => readonly Arrow[], repartition: (step: string) => string): readonly Box[] {
  const inputs = sub.inputs.filter(isRekey).map((node): Box => {
    const topic = repartition(node.name)
    return {
      id: `read:${node.name}`,
      kind: 'source',
      label: node.title,
      node,
      topic,
      internal: true,
      store: undefined,
      next: arrowsOf(node),
    }
  })
  const steps = sub.nodes.flatMap((node): readonly Box[] => {
    if (node.kind === 'side') return []
    const box = { id: idOf(node), label: labelOf(node), node, internal: false, store: storeOf(node), next: arrowsOf(node) }
    if (node.kind === 'source' || node.kind === 'sink') return [{ ...box, kind: node.kind, topic: node.topic }]
    if (isRekey(node)) return [{ ...box, kind: 'sink', topic: repartition(node.name), internal: true, next: [] }]
    return [{ ...box, kind: 'step', topic: undefined }]
  })
  return [...inputs, ...steps]
}

function storeOf(node: GraphNode): string | undefined {
  if (!isStateful(node)) return undefined
  const isEmpty = node.kind === 'process' && Object.keys(node.cells).length + Object.keys(node.timers).length === 0
  return isEmpty ? undefined : node.name
}

/** Steps with a name by kind and name, the others by kind and place in the topology. */
function idOf(node: GraphNode): string {
  if (isNamed(node)) return `${wordOf(node)}:${node.title}`
  return node.kind === 'source' ? `source:${node.topic}` : `${wordOf(node)}:${node.id}`
}

function labelOf(node: GraphNode): string {
  if (node.kind === 'source' || node.kind === 'sink') return node.topic
  return isNamed(node) ? `${wordOf(node)} ${node.title}` : wordOf(node)
}

/** The word of the API that wrote the step. */
function wordOf(node: GraphNode): string {
  switch (node.kind) {
    case 'aggregate':
      return node.word
    case 'group-aggregate':
      return 'aggregate'
    case 'latest':
      return node.parents[0]?.kind === 'source' ? 'table' : 'latest'
    case 'window':
      return node.shape
    case 'key-by':
      return 'keyBy'
    case 'group-by':
      return 'groupBy'
    case 'flat-map':
      return 'flatMap'
    case 'table-map':
      return 'map'
    case 'table-filter':
      return 'filter'
    case 'table-changes':
      return 'changes'
    default:
      return node.kind
  }
}
