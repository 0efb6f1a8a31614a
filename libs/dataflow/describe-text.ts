/**
 * A topology in the text form of Kafka Streams, which its viewers (kafka-streams-viz and others) read. Pure.
 *
 *     Topologies:
 *        Sub-topology: 0 for orders
 *         Source: source:orders (topics: [orders])
 *           --> count:by-customer
 *         Processor: count:by-customer (stores: [by-customer])
 *           --> sink:7
 *           <-- source:orders
 *         Sink: sink:7 (topic: counts)
 *           <-- count:by-customer
 */
import { stagesOf } from './describe.ts'
import type { Box, Stage } from './describe.ts'
import type { TopologyGraph } from './sub-topologies.ts'

export function describeText(graph: TopologyGraph): string {
  const stages = stagesOf(graph).map((stage, index) => [`   Sub-topology: ${index} for ${stage.name}`, ...linesOf(stage), ''].join('\n'))
  return ['Topologies:', ...stages].join('\n')
}

function linesOf(stage: Stage): readonly string[] {
  return stage.boxes.flatMap((box) => {
    const before = stage.boxes.filter((other) => other.next.some((arrow) => arrow.to === box.id)).map((other) => other.id)
    return [
      `    ${headOf(box)}`,
      ...(box.kind === 'sink' ? [] : [`      --> ${listOf(box.next.map((arrow) => arrow.to))}`]),
      ...(box.kind === 'source' ? [] : [`      <-- ${listOf(before)}`]),
    ]
  })
}

function headOf(box: Box): string {
  switch (box.kind) {
    case 'source':
      return `Source: ${box.id} (topics: [${box.topic}])`
    case 'sink':
      return `Sink: ${box.id} (topic: ${box.topic})`
    case 'step':
      return `Processor: ${box.id} (stores: [${box.store ?? ''}])`
  }
}

const listOf = (names: readonly string[]): string => (names.length === 0 ? 'none' : [...new Set(names)].join(', '))
