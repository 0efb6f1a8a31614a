/** Judges a graph: everything that the compiler cannot see and that would go wrong only when the program runs. Pure. */
import { childrenOf, isNamed, isRekey, isStateful, isTable } from './graph.ts'
import type { GraphNode, NamedNode, Problem, RekeyNode, SinkNode, SourceNode } from './graph.ts'
import { isSafeName, isTopicName, NAME_RULE, TOPIC_LENGTH_MAX } from './names.ts'
import { internalNames } from './plan.ts'
import { topicSafe } from './sub-topologies.ts'
import type { Cut, SubTopology } from './sub-topologies.ts'

export function problemsOf(
  nodes: readonly GraphNode[],
  parts: Cut,
  application: { readonly name: string; readonly version: number },
): Problem[] {
  return [
    ...nameProblems(nodes, application),
    ...duplicateProblems(nodes),
    ...emptyProblems(nodes),
    ...deadEndProblems(nodes),
    ...topicCycleProblems(nodes),
    ...cycleProblems(parts),
    ...collisionProblems(parts),
    ...partitionProblems(parts),
  ]
}

function nameProblems(nodes: readonly GraphNode[], application: { readonly name: string; readonly version: number }): Problem[] {
  const problems: Problem[] = []
  const names = internalNames(application.name, application.version)
  for (const node of nodes) {
    if (node.kind === 'source' || node.kind === 'sink') {
      if (!isTopicName(node.topic)) {
        problems.push({
          code: 'MR1002',
          at: node.at,
          message: `"${node.topic}" is no name of a topic: Kafka takes 1 to ${TOPIC_LENGTH_MAX} of the characters A-Z a-z 0-9 . _ -`,
        })
      }
      continue
    }
    if (!isNamed(node) || isSourceTable(node)) continue
    const wrong = node.name.split('/').find((level) => !isSafeName(level))
    if (wrong === '') {
      problems.push({
        code: 'MR1003',
        at: node.at,
        message: `${wordOf(node)} has no name, and what it owns is found by its name after a restart: give it one as first argument`,
      })
    } else if (wrong !== undefined) {
      problems.push({ code: 'MR1002', at: node.at, message: `"${wrong}" cannot be the name of a step: ${NAME_RULE}` })
    } else if (names.repartition(node.name).length > TOPIC_LENGTH_MAX) {
      problems.push({
        code: 'MR1002',
        at: node.at,
        message: `"${node.title}" is too long: its topic would have more than ${TOPIC_LENGTH_MAX} characters`,
      })
    }
    if (node.kind === 'process') {
      for (const own of [...Object.keys(node.cells), ...Object.keys(node.timers), ...node.sides]) {
        if (!isSafeName(own))
          problems.push({
            code: 'MR1002',
            at: node.at,
            message: `"${own}" in "${node.title}" cannot be the name of a state cell, timer or side output: ${NAME_RULE}`,
          })
      }
    }
  }
  return problems
}

/** An entry that renames nothing is a mistake that would cost the state. */
export function renameProblems(nodes: readonly GraphNode[], renamed: ReadonlyMap<string, string>, at: string): Problem[] {
  const titles = new Set(nodes.filter(isNamed).map((node) => node.title))
  return [...renamed].flatMap(([title, former]): Problem[] => {
    if (!titles.has(title))
      return [
        { code: 'MR1024', at, message: `renamed speaks of the step "${title}", and no step is called so: correct or remove the entry` },
      ]
    if (typeof former !== 'string' || former === '' || titles.has(former))
      return [
        {
          code: 'MR1024',
          at,
          message: `"${title}" cannot keep the state of "${former}": ${titles.has(former) ? 'another step is called so now, give that one a new name' : 'that is no name of a step'}`,
        },
      ]
    return []
  })
}

/** A table of flow.table(): its name is the topic's. */
const isSourceTable = (node: GraphNode): boolean =>
  node.kind === 'latest' && node.parents[0]?.kind === 'source' && node.name === node.parents[0].topic

function wordOf(node: NamedNode): string {
  switch (node.kind) {
    case 'key-by':
      return 'keyBy()'
    case 'group-by':
      return 'groupBy()'
    case 'aggregate':
      return `${node.word}()`
    case 'group-aggregate':
      return 'aggregate()'
    case 'latest':
    case 'window':
    case 'process':
    case 'effect':
      return `${node.kind}()`
  }
}

function duplicateProblems(nodes: readonly GraphNode[]): Problem[] {
  const first = new Map<string, NamedNode>()
  const problems: Problem[] = []
  for (const node of nodes) {
    if (!isNamed(node) || node.name === '' || node.name.endsWith('/')) continue
    const known = first.get(topicSafe(node.name))
    if (known === undefined) {
      first.set(topicSafe(node.name), node)
      continue
    }
    const [one, other] = [known.title, node.title].toSorted()
    const what = one === other ? `two steps are called "${one}"` : `the steps "${one}" and "${other}" would share one topic`
    problems.push({
      code: 'MR1001',
      at: node.at,
      message: `${what} (${known.at} and ${node.at}): rename one, or put it in apply() with a name`,
    })
  }
  return problems
}

function emptyProblems(nodes: readonly GraphNode[]): Problem[] {
  if (nodes.some((node) => node.kind === 'source')) return []
  return [{ code: 'MR1017', at: '', message: 'it reads no topic: begin with flow.stream(topic) or flow.table(topic)' }]
}

/** Tables may end without a sink: their rows are looked up. A side output may stay unread. */
function deadEndProblems(nodes: readonly GraphNode[]): Problem[] {
  const children = childrenOf(nodes)
  const isRead = (node: GraphNode): boolean => (children.get(node) ?? []).some((child) => child.kind !== 'side')
  const anySideRead = (node: GraphNode): boolean => (children.get(node) ?? []).some((side) => side.kind === 'side' && isRead(side))
  return nodes.flatMap((node): Problem[] => {
    if (node.kind === 'sink' || node.kind === 'side' || isRead(node)) return []
    if (isStateful(node) && isTable(node)) return []
    if (node.kind === 'effect' || (node.kind === 'process' && !node.emits)) return []
    if (node.kind === 'branch' && anySideRead(node)) return []
    return [{ code: 'MR1005', at: node.at, message: `${described(node)} leads nowhere: end it with to(topic), or remove it` }]
  })
}

const described = (node: GraphNode): string =>
  isNamed(node)
    ? `"${node.title}"`
    : node.kind === 'source'
      ? `the stream of ${node.topic}`
      : `the result of ${node.kind.replace('table-', '')}()`

function topicCycleProblems(nodes: readonly GraphNode[]): Problem[] {
  const read = new Map<string, SourceNode>()
  for (const node of nodes) if (node.kind === 'source') read.set(node.topic, node)
  return nodes
    .filter((node): node is SinkNode => node.kind === 'sink' && read.has(node.topic))
    .map((sink) => ({
      code: 'MR1004',
      at: sink.at,
      message: `the topic ${sink.topic} is written here and read at ${read.get(sink.topic)?.at}: a cycle, whose records would go round for ever. Write to another topic, or use the stream itself where you read the topic`,
    }))
}

function cycleProblems({ cycle }: Cut): Problem[] {
  if (cycle.length === 0) return []
  const inner = cycle.flatMap((sub) => sub.rekeys).filter((rekey) => cycle.some((sub) => sub.inputs.includes(rekey)))
  const list = inner.map((rekey) => `"${rekey.name}" (${rekey.at})`).join(' and ')
  return [
    {
      code: 'MR1013',
      at: inner[0]?.at ?? '',
      message: `what comes out of ${list} meets again what went in, so a stage would wait for its own watermark: put another keyBy() behind the merge, or before the other input`,
    },
  ]
}

function collisionProblems({ subTopologies }: Cut): Problem[] {
  const first = new Map<string, SubTopology>()
  const problems: Problem[] = []
  for (const sub of subTopologies) {
    const known = first.get(sub.name)
    if (known === undefined) first.set(sub.name, sub)
    else if (sub.name !== '') {
      const at = [...sub.inputs, ...known.inputs].find(isRekey)?.at ?? ''
      problems.push({
        code: 'MR1009',
        at,
        message: `two stages would be called "${sub.name}", after a topic and after a keyBy(): rename the keyBy()`,
      })
    }
  }
  return problems
}

function partitionProblems({ subTopologies }: Cut): Problem[] {
  return subTopologies.flatMap((sub) => {
    const fixed = sub.inputs.filter((input): input is RekeyNode => isRekey(input) && input.partitions !== undefined)
    const counts = new Set(fixed.map((input) => input.partitions))
    if (counts.size < 2) return []
    const list = fixed.map((input) => `"${input.name}" has ${input.partitions}`).join(', ')
    return [{ code: 'MR1010', at: fixed[1]?.at ?? '', message: `streams that meet must have the same number of partitions: ${list}` }]
  })
}
