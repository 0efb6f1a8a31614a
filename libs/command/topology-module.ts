/** Imports a user's module and checks that it gives a topology. */
import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeJson } from '../dataflow/describe-json.ts'
import { describeMermaid } from '../dataflow/describe-mermaid.ts'
import { describeText } from '../dataflow/describe-text.ts'
import type { TopologyPlan } from '../dataflow/plan.ts'
import { graphOf, isTopology, planOf, type Topology } from '../dataflow/topology.ts'
import { Fault } from '../faults/fault.ts'
import { topologyText } from './topology-text.ts'

export interface LoadedTopology {
  readonly topology: Topology
  readonly plan: TopologyPlan
}

export const topologyFormats = ['text', 'mermaid', 'json', 'kafka-streams'] as const

/** Faults: MR2012 the module cannot be loaded, MR2013 it gives no topology, MR1xxx the topology is refused. */
export async function loadTopology(path: string, directory: string): Promise<LoadedTopology> {
  const absolute = isAbsolute(path) ? path : resolve(directory, path)
  if (!existsSync(absolute))
    throw new Fault('MR2012', 'stop', `cannot load ${path}: there is no such file in ${directory}`, { place: { at: absolute } })
  const module = await imported(absolute, path)
  const found = module['default']
  if (!isTopology(found)) throw noTopology(path, module, found)
  return { topology: found, plan: planOf(found) }
}

async function imported(absolute: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(absolute).href)
  } catch (error) {
    if (error instanceof Fault) throw error
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    throw new Fault('MR2012', 'stop', `cannot load ${path}: ${reason}${hintFor(error)}`, { place: { at: absolute }, cause: error })
  }
}

function hintFor(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return '. Node runs TypeScript by leaving types out: use no enum, namespace or parameter property'
  if (code === 'ERR_MODULE_NOT_FOUND') return '. Imports of files need their ending (./topics.ts)'
  return ''
}

function noTopology(path: string, module: Readonly<Record<string, unknown>>, found: unknown): Fault {
  const others = Object.entries(module).filter(([name, value]) => name !== 'default' && isTopology(value))
  const hint =
    others.length > 0
      ? ` Did you mean "export default ${others[0]?.[0]}"?`
      : " End it with: export default topology('name', { version: 1 }, (flow) => { ... })"
  const what = found === undefined ? 'has no default export.' : 'has a default export that is no topology.'
  return new Fault('MR2013', 'stop', `${path} ${what}${hint}`, { place: { at: path } })
}

export interface Printed {
  readonly contentType: string
  readonly text: string
}

/** Undefined: the format is not known. */
export function printTopology({ topology }: LoadedTopology, format: string): Printed | undefined {
  const graph = graphOf(topology)
  switch (format) {
    case 'text':
      return { contentType: TEXT, text: topologyText(describeJson(graph)) }
    case 'kafka-streams':
      return { contentType: TEXT, text: describeText(graph) }
    case 'mermaid':
      return { contentType: TEXT, text: describeMermaid(graph) }
    case 'json':
      return { contentType: 'application/json; charset=utf-8', text: JSON.stringify(describeJson(graph)) }
    default:
      return undefined
  }
}

const TEXT = 'text/plain; charset=utf-8'
