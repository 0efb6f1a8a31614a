/** How many tasks a topology has when all its external topics have that many partitions. */
import { planOf } from '../../libs/dataflow/topology.ts'
import type { Topology } from '../../libs/dataflow/topology.ts'
import { externalInputsOf, sinksOf, wire } from '../../libs/runtime/worker/wiring.ts'

export function taskCount(topology: Topology, partitions: number): number {
  const plan = planOf(topology)
  return wire(plan, new Map([...externalInputsOf(plan), ...sinksOf(plan)].map((topic) => [topic, partitions]))).tasks.length
}
