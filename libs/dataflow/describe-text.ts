/** The graph in the text form of Kafka Streams, which its viewers read. Pure. */
import type { TopologyGraph } from './sub-topologies.ts'

export const describeText = (graph: TopologyGraph): string => `Topologies:\n   ${graph.name}\n`
