/** A topology as a Mermaid flowchart: topics as rounded boxes, steps inside of their sub-topology, stores as drums. Pure. */
import { stagesOf } from './describe.ts'
import type { Box } from './describe.ts'
import type { TopologyGraph } from './sub-topologies.ts'

export function describeMermaid(graph: TopologyGraph): string {
  const stages = stagesOf(graph)
  const boxes = stages.flatMap((stage) => stage.boxes)
  const ids = new Map(boxes.filter((box) => box.kind === 'step').map((box, index) => [box.id, `step${index}`]))
  const topics = new Map([...new Set(boxes.flatMap((box) => box.topic ?? []))].map((topic, index) => [topic, `topic${index}`]))
  // A source or sink is drawn as its topic.
  const placeOf = (box: Box): string => (box.topic === undefined ? ids.get(box.id) : topics.get(box.topic)) ?? box.id
  const byId = new Map(boxes.map((box) => [box.id, box]))
  const internal = new Set(boxes.flatMap((box) => (box.internal && box.topic !== undefined ? [box.topic] : [])))
  const arrows = boxes.flatMap((box) =>
    box.next.flatMap((arrow) => {
      const target = byId.get(arrow.to)
      return target === undefined
        ? []
        : [`  ${placeOf(box)} -->${arrow.side === undefined ? '' : `|${quoted(arrow.side)}|`} ${placeOf(target)}`]
    }),
  )
  return [
    'flowchart LR',
    ...[...topics].map(([topic, id]) => `  ${id}([${quoted(topic)}])${internal.has(topic) ? ':::internal' : ''}`),
    ...stages.flatMap((stage, index) => {
      const steps = stage.boxes.filter((box) => box.kind === 'step').map((box) => `    ${shapeOf(box, ids.get(box.id) ?? '')}`)
      // Mermaid draws an empty frame as one more box.
      return steps.length === 0 ? [] : [`  subgraph stage${index}[${quoted(stage.name)}]`, ...steps, '  end']
    }),
    ...new Set(arrows),
    '  classDef internal stroke-dasharray: 4 4',
    '',
  ].join('\n')
}

const shapeOf = (box: Box, id: string): string =>
  box.store === undefined ? `${id}[${quoted(box.label)}]` : `${id}[(${quoted(box.label)})]`

const quoted = (text: string): string => `"${text.replaceAll('"', '#quot;')}"`
