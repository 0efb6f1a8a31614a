/** Formats that need the world (a schema registry) open themselves before the first record. */
import type { TopologyPlan } from '../../dataflow/plan.ts'

export async function openFormats(plan: TopologyPlan): Promise<void> {
  for (const sub of plan.subTopologies) {
    for (const end of [...sub.inputs, ...sub.outputs]) {
      if (end.kind === 'repartition') continue
      const use = end.kind === 'sink' ? 'write' : 'read'
      await end.keyFormat.open?.(end.topic, 'key', use)
      await end.valueFormat.open?.(end.topic, 'value', use)
    }
  }
}
