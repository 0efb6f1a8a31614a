/**
 * What a worker makes sure of before it joins the group: topics exist and fit, internal ones are there with the right settings, the
 * manifest fits the topology. Changes nothing that exists.
 */
import { Fault } from '../../faults/fault.ts'
import type { BatchRequest, Bounds } from '../batch/bounds.ts'
import { ensureBounds } from '../batch/ensure-bounds.ts'
import { checkManifest, ensureManifest, readControl } from '../acquire/control.ts'
import type { ControlContext } from '../acquire/control.ts'
import { complaintsAbout, internalTopics } from './internal-topics.ts'
import type { InternalTopic } from './internal-topics.ts'
import type { Manifest } from '../acquire/manifest.ts'
import type { Log } from '../ports/log.ts'
import type { Settings } from '../settings/settings.ts'
import { externalInputsOf, sinksOf, wire } from './wiring.ts'
import type { Wiring } from './wiring.ts'
import { registerVersion, versionFacts } from '../switch/register.ts'
import { roleOf } from '../switch/shared-state.ts'
import type { SharedState } from '../switch/shared-state.ts'
import type { TopologyPlan } from '../../dataflow/plan.ts'

export interface Prepared {
  readonly wiring: Wiring
  readonly manifest: Manifest
  /** Where it ends; undefined: a stream. */
  readonly bounds: Bounds | undefined
  /** Largest record that a topic takes, bytes. */
  readonly recordBytesMax: ReadonlyMap<string, number>
}

/** Partition counts of the external topics that exist. */
export async function externalPartitions(log: Log, plan: TopologyPlan): Promise<ReadonlyMap<string, number>> {
  const described = await log.admin.describeTopics([...externalInputsOf(plan), ...sinksOf(plan)])
  return new Map([...described].map(([name, topic]) => [name, topic.partitions]))
}

export async function prepare(context: ControlContext, plan: TopologyPlan, settings: Settings, batch?: BatchRequest): Promise<Prepared> {
  const { log } = context
  const wiring = wire(plan, await externalPartitions(log, plan))
  const topics = internalTopics(wiring, settings.replicationFactor)
  await ensureInternalTopics(context, wiring, topics)
  await checkSettings(log, topics)
  const manifest = await ensureManifest(context, wiring)
  const internal = topics.map((topic) => topic.name)
  const facts = versionFacts(wiring, manifest, internal)
  const shared = await registerVersion({ ...context, application: plan.name }, facts, settings.replicationFactor)
  if (batch?.close === true) checkBatchRole(shared, plan)
  const bounds = await ensureBounds(context, wiring, manifest, batch)
  return { wiring, manifest, bounds, recordBytesMax: await recordLimits(log, wiring) }
}

/** A version beside the live one waits, and runs in shadow no further than that one: a batch of it would wait without end. */
function checkBatchRole(shared: SharedState, { name, version }: TopologyPlan): void {
  const role = roleOf(shared, version)
  if (role === 'live' || role === 'retired') return
  throw new Fault(
    'MR2150',
    'stop',
    `v${version} of ${name} is not live, v${shared.live} is: beside it a batch would never begin. Nothing was started; give the topology of the batch a name of its own`,
  )
}

/** Creates what is missing at the first run, and answers their names. Later a missing one was deleted: its content is lost, and an empty one would hide that. */
export async function ensureInternalTopics(
  context: ControlContext,
  wiring: Wiring,
  topics: readonly InternalTopic[],
): Promise<readonly string[]> {
  const { admin } = context.log
  const existing = await admin.describeTopics(topics.map((topic) => topic.name))
  const missing = topics.filter((topic) => !existing.has(topic.name))
  if (missing.length === 0) return []
  const known = existing.has(wiring.names.control) ? (await readControl(context, wiring.names.control)).manifest : undefined
  if (known !== undefined) {
    // What is missing may be new in this release: then that is what to say.
    checkManifest(known, wiring)
    const names = missing.map((topic) => topic.name).join(', ')
    throw new Fault(
      'MR5006',
      'stop',
      `${wiring.plan.name} v${wiring.plan.version} has run before, but its internal topics ${names} are gone. Somebody deleted them; an empty one would mean state lost in silence, so nothing was created. Restore them, or use a new version of the application to reprocess`,
      { place: { topic: missing[0]?.name } },
    )
  }
  await admin.createTopics(missing)
  return missing.map((topic) => topic.name)
}

async function checkSettings(log: Log, topics: readonly InternalTopic[]): Promise<void> {
  const described = await log.admin.describeTopics(topics.map((topic) => topic.name))
  const configs = await Promise.all(topics.map(async (topic) => await log.admin.topicConfig(topic.name)))
  const complaints = topics.flatMap((topic, index) =>
    complaintsAbout(topic, described.get(topic.name)?.partitions ?? 0, configs[index] ?? {}),
  )
  if (complaints.length === 0) return
  const list = complaints.map((c) => `${c.topic}: ${c.setting} is '${c.found}', must be '${c.wanted}'`).join('; ')
  const cure = complaints.some((c) => c.setting === 'partitions')
    ? 'Partitions were added to an input, as a rule: keys would move to other partitions than their state. Give the topology a new version, which builds its state anew'
    : 'Change them (kafka-configs --alter)'
  throw new Fault(
    'MR5005',
    'stop',
    `internal topics do not have the settings that keep state safe: ${list}. ${cure}; nothing was started`,
    { place: { topic: complaints[0]?.topic } },
  )
}

const MAX_MESSAGE_BYTES_DEFAULT = 1_048_588

async function recordLimits(log: Log, wiring: Wiring): Promise<ReadonlyMap<string, number>> {
  const topics = [...new Set(wiring.tasks.flatMap((task) => task.outputs.map((output) => output.topic)))]
  return new Map(
    await Promise.all(
      topics.map(async (topic): Promise<[string, number]> => [
        topic,
        Number((await log.admin.topicConfig(topic))['max.message.bytes'] ?? MAX_MESSAGE_BYTES_DEFAULT),
      ]),
    ),
  )
}
