/**
 * The commands on whole versions: start a replay, give it up, delete what it left. Each may be killed anywhere and given again: what is
 * done already is left as it is.
 */
import { failPoint } from '../../faults/fail-points.ts'
import { Fault } from '../../faults/fault.ts'
import { internalNames } from '../../dataflow/plan.ts'
import type { Log, TopicSpec } from '../ports/log.ts'
import { roleOf } from './shared-state.ts'
import type { Pacing, SharedState, VersionFacts } from './shared-state.ts'
import { readShared, writeShared } from './shared-topic.ts'
import type { SharedContext } from './shared-topic.ts'

const FOREVER = '9223372036854775807'
const ANY_TIME = { 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': FOREVER }
const KEPT = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', ...ANY_TIME }
const COMPACTED = { 'cleanup.policy': 'compact', ...ANY_TIME }

/** Faults MR2069 (nobody knows the version). */
export function knownVersion(state: SharedState, application: string, version: number): VersionFacts {
  const facts = state.versions.get(version)?.facts
  if (facts !== undefined) return facts
  const known = [...state.versions.keys()].map((one) => `v${one}`).join(', ')
  throw new Fault(
    'MR2069',
    'stop',
    `${application} has no version ${version}: ${known === '' ? 'none has ever run here' : `known are ${known}`}. Give the topology of that version, or start one of its workers first; nothing was changed`,
  )
}

/** From now on the version runs in shadow. Its topics for results are made where they are missing. */
export async function startReplay(
  context: SharedContext,
  version: number,
  pacing: Pacing,
  replicationFactor: number,
): Promise<SharedState> {
  const { application } = context
  const before = await readShared(context)
  const facts = knownVersion(before, application, version)
  checkStart(before, application, facts)
  await createShadowTopics(context, facts, replicationFactor)
  failPoint('replay:topics-made')
  const begun = await writeShared(context, (state) => {
    checkStart(state, application, facts)
    const { role, pacing: known } = state.versions.get(version) ?? { role: 'waiting', pacing: {} }
    const same = role === 'shadow' && known.rate === pacing.rate && (known.yieldToLive ?? false) === (pacing.yieldToLive ?? false)
    return same ? undefined : { kind: 'replay', version, ...pacing }
  })
  failPoint('replay:begun')
  return begun
}

function checkStart(state: SharedState, application: string, facts: VersionFacts): void {
  if (roleOf(state, facts.version) === 'live') {
    const others = [...state.versions].flatMap(([version, { role }]) => (role === 'shadow' ? [`v${version}`] : []))
    throw new Fault(
      'MR2061',
      'stop',
      `v${facts.version} of ${application} is the live version: there is nothing to replay beside it${others.length > 0 ? `, and ${others.join(', ')} runs in shadow` : ''}. Give the new topology a higher version; nothing was changed`,
    )
  }
}

/** The live version is to go on in shadow behind a switch: the very first one has never been there, and has no topics for it. */
export async function prepareShadow(context: SharedContext, version: number, replicationFactor: number): Promise<void> {
  await createShadowTopics(context, knownVersion(await readShared(context), context.application, version), replicationFactor)
}

async function createShadowTopics({ log, application }: SharedContext, facts: VersionFacts, replicationFactor: number): Promise<void> {
  const { effects, differences } = internalNames(application, facts.version)
  const lists = [effects, differences]
  const existing = await log.admin.describeTopics([...facts.sinks.map((sink) => sink.shadow), ...lists])
  const specs: TopicSpec[] = []
  for (const { topic, shadow, table, partitions } of facts.sinks) {
    if (existing.has(shadow)) continue
    const bytes = (await log.admin.topicConfig(topic))['max.message.bytes']
    const config = { ...(table ? COMPACTED : KEPT), ...(bytes === undefined ? {} : { 'max.message.bytes': bytes }) }
    specs.push({ name: shadow, partitions, replicationFactor, config })
  }
  for (const name of lists) if (!existing.has(name)) specs.push({ name, partitions: 1, replicationFactor, config: KEPT })
  if (specs.length > 0) await log.admin.createTopics(specs)
}

/** The version in shadow stops working; an open switch to it is abandoned. What it has written stays until it is dropped. */
export async function giveUpReplay(context: SharedContext, version: number): Promise<SharedState> {
  const { application } = context
  return await writeShared(context, (state) => {
    knownVersion(state, application, version)
    const role = roleOf(state, version)
    if (role === 'given-up') return undefined
    if (role !== 'shadow') throw notInShadow(application, version, role)
    return { kind: 'give-up', version }
  })
}

export const notInShadow = (application: string, version: number, role: string): Fault =>
  new Fault(
    'MR2062',
    'stop',
    `v${version} of ${application} is not in shadow, it is ${role}. ${role === 'live' ? 'It is what readers see' : 'Start its replay first: millrace replay start'}; nothing was changed`,
  )

export interface Dropped {
  readonly topics: readonly string[]
}

/** Deletes the topics that the version has named as its own, never by prefix (hole S16). Faults MR2061 (live), MR2066 (workers run). */
export async function dropVersion(context: SharedContext, version: number): Promise<Dropped> {
  const { application, log } = context
  const state = await readShared(context)
  const facts = knownVersion(state, application, version)
  const role = roleOf(state, version)
  if (role === 'live' || role === 'shadow')
    throw new Fault(
      'MR2066',
      'stop',
      `v${version} of ${application} is ${role === 'live' ? 'live' : 'in shadow: give it up first (millrace replay abandon)'}; nothing was deleted`,
    )
  const { group } = internalNames(application, version)
  const { members } = await log.admin.describeGroup(group)
  if (members > 0)
    throw new Fault(
      'MR2066',
      'stop',
      `v${version} of ${application} still has ${members} ${members === 1 ? 'worker' : 'workers'} in its group ${group}: stop them first; nothing was deleted`,
    )
  const existing = await log.admin.describeTopics(facts.topics)
  const topics = facts.topics.filter((topic) => existing.has(topic))
  await forgetPositions(log, group, facts.inputs)
  failPoint('drop:positions-forgotten')
  if (topics.length > 0) await log.admin.deleteTopics(topics)
  failPoint('drop:topics-deleted')
  await writeShared(context, (now) => (now.versions.has(version) ? { kind: 'dropped', version } : undefined))
  failPoint('drop:done')
  return { topics }
}

/** The group's positions lose their marker and go back to the start, so that the same version may be built anew. */
async function forgetPositions(log: Log, group: string, inputs: readonly string[]): Promise<void> {
  const described = await log.admin.describeTopics(inputs)
  const partitions = [...described.values()].flatMap((topic) =>
    Array.from({ length: topic.partitions }, (_, partition) => ({ topic: topic.name, partition })),
  )
  const committed = await log.admin.committed(group, partitions)
  const ranges = await log.admin.ranges(partitions)
  const moved = partitions.flatMap(({ topic, partition }) => {
    const id = `${topic}:${partition}` as const
    const range = ranges.get(id)
    return committed.has(id) && range !== undefined ? [{ topic, partition, position: range.logStart, metadata: '' }] : []
  })
  if (moved.length > 0) await log.admin.commitFromOutside(group, moved)
}
