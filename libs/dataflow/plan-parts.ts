/** Names of cells and places of outputs: what the plan and the operators must agree on. Pure. */
import { isRekey } from './graph.ts'
import type { GraphNode } from './graph.ts'
import type { OutputPlan } from './plan.ts'

/** Cell of the rows of a table, and of the open windows of a window step. */
export const TABLE_CELL = 'rows'
export const WINDOW_CELL = 'open'
// A colon is in no name that a user can give.
export const lengthCell = (list: string): string => `length:${list}`
export const timerCell = (timer: string): string => `timer:${timer}`
export const timerTimeCell = (timer: string): string => `time:${timer}`

/** Index of the output that a node writes. */
export function outputIndex(outputs: readonly OutputPlan[], node: GraphNode): number {
  return outputs.findIndex((output) => {
    if (output.kind === 'repartition') return isRekey(node) && output.step === node.name
    return (
      node.kind === 'sink' &&
      output.topic === node.topic &&
      output.keyFormat === node.formats.key &&
      output.valueFormat === node.formats.value &&
      output.table === node.table
    )
  })
}
