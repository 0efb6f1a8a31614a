/**
 * The manifest: what an application's state consists of, kept in its control topic (engine.md 1). Pure.
 *
 * A release whose manifest differs from the stored one does not start: its state would be read with other eyes.
 */
import { isRecord } from '../json.ts'
import type { StorePlan } from '../../dataflow/plan.ts'
import type { Wiring } from '../worker/wiring.ts'

type StateVersions = Readonly<Record<string, Readonly<Record<string, number>>>>

export interface SubTopologyManifest {
  readonly name: string
  readonly tasks: number
  readonly inputs: readonly string[]
  /** Step → cell → kind. */
  readonly stores: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Step → cell → version of its values, where it is above 1. */
  readonly stateVersions?: StateVersions
}

export interface Manifest {
  readonly format: 1
  readonly application: string
  readonly version: number
  /** Random, made at the first run: state of another life never passes for ours. */
  readonly stateId: string
  readonly subTopologies: readonly SubTopologyManifest[]
}

export const MANIFEST_KEY = 'manifest'
export const ranKey = (task: string): string => `ran:${task}`

export function manifestOf(wiring: Wiring, stateId: string): Manifest {
  const { plan, names } = wiring
  return {
    format: 1,
    application: plan.name,
    version: plan.version,
    stateId,
    subTopologies: plan.subTopologies.map((sub) => ({
      name: sub.name,
      tasks: wiring.taskCounts.get(sub.name) ?? 1,
      inputs: sub.inputs.map((input) => (input.kind === 'external' ? input.topic : names.repartition(input.step))).toSorted(),
      stores: Object.fromEntries(sub.stores.map((store) => [store.step, store.cells])),
      stateVersions: stateVersionsOf(sub.stores),
    })),
  }
}

function stateVersionsOf(stores: readonly StorePlan[]): StateVersions {
  const above = stores.map(({ step, versions }) => [step, Object.entries(versions).filter(([, version]) => version > 1)] as const)
  return Object.fromEntries(above.flatMap(([step, list]) => (list.length === 0 ? [] : [[step, Object.fromEntries(list)]])))
}

export function decodeManifest(value: Uint8Array): Manifest | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(value).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isRecord(parsed) || parsed['format'] !== 1 || typeof parsed['stateId'] !== 'string' || !Array.isArray(parsed['subTopologies']))
    return undefined
  // Written by encode of this or an older release with the same format number.
  return parsed as unknown as Manifest
}

/** One sentence for each difference that makes the stored state unusable; empty: the release may start. */
export function manifestDifferences(stored: Manifest, wanted: Manifest): string[] {
  const differences: string[] = []
  const wantedBy = new Map(wanted.subTopologies.map((sub) => [sub.name, sub]))
  const storedBy = new Map(stored.subTopologies.map((sub) => [sub.name, sub]))
  for (const sub of stored.subTopologies) if (!wantedBy.has(sub.name)) differences.push(`the sub-topology ${sub.name} is gone`)
  for (const sub of wanted.subTopologies) {
    const before = storedBy.get(sub.name)
    if (before === undefined) {
      differences.push(`the sub-topology ${sub.name} is new`)
      continue
    }
    if (before.tasks !== sub.tasks)
      differences.push(
        `${sub.name} had ${before.tasks} tasks and would have ${sub.tasks}: the partition count of ${sub.inputs.join(' or ')} has changed, keys would move away from their state`,
      )
    if (before.inputs.join() !== sub.inputs.join())
      differences.push(`${sub.name} read ${before.inputs.join(', ')} and would read ${sub.inputs.join(', ')}`)
    differences.push(...storeDifferences(sub.name, before.stores, sub.stores), ...versionDifferences(before, sub))
  }
  return differences
}

/** True when the release has newer versions of values than any that ran before: the manifest must say so before a value is written. */
export function raisesStateVersions(stored: Manifest, wanted: Manifest): boolean {
  const before = new Map(stored.subTopologies.map((sub) => [sub.name, sub.stateVersions]))
  return wanted.subTopologies.some((sub) =>
    Object.entries(sub.stateVersions ?? {}).some(([step, cells]) =>
      Object.entries(cells).some(([cell, version]) => version > (before.get(sub.name)?.[step]?.[cell] ?? 1)),
    ),
  )
}

/** Values of a newer version cannot be read by an older release. */
function versionDifferences(before: SubTopologyManifest, after: SubTopologyManifest): string[] {
  return Object.entries(before.stateVersions ?? {}).flatMap(([step, cells]) =>
    Object.entries(cells).flatMap(([cell, stored]) => {
      const known = after.stateVersions?.[step]?.[cell] ?? 1
      return known >= stored
        ? []
        : [`the state ${cell} of ${step} has version ${stored}, and this release knows ${known}: a newer release has run`]
    }),
  )
}

type Stores = SubTopologyManifest['stores']

function storeDifferences(name: string, before: Stores, after: Stores): string[] {
  const differences: string[] = []
  for (const step of Object.keys(before))
    if (after[step] === undefined) differences.push(`the stateful step ${step} of ${name} is gone or was renamed`)
  for (const [step, cells] of Object.entries(after)) {
    const old = before[step]
    if (old === undefined) differences.push(`the stateful step ${step} of ${name} is new`)
    else if (JSON.stringify(sorted(old)) !== JSON.stringify(sorted(cells)))
      differences.push(`the state of ${step} had the cells ${describe(old)} and would have ${describe(cells)}`)
  }
  return differences
}

const sorted = (cells: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(cells).toSorted(([a], [b]) => (a < b ? -1 : 1))
const describe = (cells: Readonly<Record<string, string>>): string =>
  sorted(cells)
    .map(([name, kind]) => `${name} (${kind})`)
    .join(', ')
