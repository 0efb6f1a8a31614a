/** What effect() was given, checked and written into the graph. */
import type { AnyFormat } from './format.ts'
import type { EffectNode, Graph, GraphNode } from './graph.ts'

export interface EffectSpec {
  readonly run: EffectNode['run']
  readonly timeout: number
  readonly concurrency?: number | undefined
  readonly order?: EffectNode['order'] | undefined
}

const CONCURRENCY = 16

export function addEffect(graph: Graph, name: string, spec: EffectSpec, parent: GraphNode, keyFormat: AnyFormat): EffectNode {
  const { run, timeout, concurrency = CONCURRENCY, order = 'per-key' } = spec
  // Plain JavaScript may leave it out.
  if (!(timeout > 0)) graph.problem('MR1021', `effect "${graph.path(name)}" needs a timeout: how long one call may take`)
  if (!Number.isInteger(concurrency) || concurrency < 1)
    graph.problem('MR1021', `concurrency: ${concurrency} of effect "${graph.path(name)}" must be a whole number from 1`)
  const named = graph.named(name)
  return graph.add<EffectNode>({ kind: 'effect', ...named, run, timeoutMs: timeout, concurrency, order, parents: [parent], keyFormat })
}
