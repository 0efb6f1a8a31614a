/** How steps look to a tap (`TaskHost.tap`): `millrace replay check` names by it the step whose results differ. Pure. */
import { isNamed, isTable } from './graph.ts'
import type { GraphNode } from './graph.ts'
import type { ChangeReceiver, Receiver } from './operators/operator.ts'
import type { Tap, TappedStep } from './plan.ts'

const words: Readonly<Partial<Record<GraphNode['kind'], string>>> = {
  'flat-map': 'flatMap',
  'table-map': 'map',
  'table-filter': 'filter',
  'table-changes': 'changes',
}

export function tappedStep(node: GraphNode): TappedStep {
  const { id, at } = node
  const kind = words[node.kind] ?? node.kind
  return { id, at, title: isNamed(node) ? node.title : `${kind}()`, results: resultsOf(node) }
}

function resultsOf(node: GraphNode): TappedStep['results'] {
  if (isTable(node)) return 'rows'
  return comesFromRows(node) ? 'updates' : 'events'
}

/** Also through repartition topics. A table of such updates has rows again. */
const comesFromRows = (node: GraphNode): boolean => node.parents.some((parent) => isTable(parent) || comesFromRows(parent))

export const tapped = (step: TappedStep, tap: Tap, next: Receiver): Receiver => ({
  push: (value, current) => {
    tap(step, value, current)
    next.push(value, current)
  },
})

/** A row that is gone has the value null. */
export const tappedChange = (step: TappedStep, tap: Tap, next: ChangeReceiver): ChangeReceiver => ({
  change: (before, after, current) => {
    tap(step, after ?? null, current)
    next.change(before, after, current)
  },
})
