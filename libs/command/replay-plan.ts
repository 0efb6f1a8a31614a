/** `millrace replay plan`: what a replay would read and need, and what stands in its way. Changes nothing. */
import { internalTopics } from '../runtime/worker/internal-topics.ts'
import { externalPartitions } from '../runtime/worker/prepare.ts'
import { wire } from '../runtime/worker/wiring.ts'
import { partitionId } from '../runtime/ports/log.ts'
import { roleOf } from '../runtime/switch/shared-state.ts'
import type { CommandContext } from './command.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { currentState } from './replay-target.ts'
import type { ReplayTarget } from './replay-target.ts'
import { count, table } from './text-table.ts'

interface InputPlan {
  readonly topic: string
  readonly partitions: number
  readonly records: number
  /** Null: for ever. */
  readonly retentionMs: number | null
  readonly compacted: boolean
  /** Records that the log has deleted. */
  readonly gone: number
}

interface ReplayPlan {
  readonly application: string
  readonly version: number
  readonly live: number | null
  readonly role: string
  readonly inputs: readonly InputPlan[]
  readonly topicsToCreate: readonly string[]
  /** What hinders a replay. */
  readonly problems: readonly string[]
  /** What a person should know before. */
  readonly warnings: readonly string[]
}

export async function plan(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const document = await planOf(target)
  context.io.out(context.json ? JSON.stringify(document) : textOf(document))
  return document.problems.length === 0 ? exitCodes.ok : exitCodes.failed
}

async function planOf(target: ReplayTarget): Promise<ReplayPlan> {
  const { log } = target.shared
  const topology = target.topology.plan
  const state = await currentState(target)
  const wiring = wire(topology, await externalPartitions(log, topology))
  const inputs = await Promise.all(wiring.externalInputs.map((topic) => inputPlan(target, topic, wiring.partitions.get(topic) ?? 0)))
  const wanted = [
    ...internalTopics(wiring, -1).map((topic) => topic.name),
    ...wiring.sinks.map((sink) => wiring.names.shadow(sink)),
    wiring.names.effects,
  ]
  const existing = await log.admin.describeTopics(wanted)
  const role = roleOf(state, topology.version)
  const liveReads = state.live === undefined ? [] : (state.versions.get(state.live)?.facts.inputs ?? [])
  return {
    application: topology.name,
    version: topology.version,
    live: state.live ?? null,
    role,
    inputs,
    topicsToCreate: wanted.filter((topic) => !existing.has(topic)),
    problems: [
      ...(role === 'live' ? [`v${topology.version} is the live version: give the new topology a higher one`] : []),
      ...(state.live === undefined ? ['no version is live yet: the first one needs no replay, start it with millrace run'] : []),
    ],
    warnings: warningsOf(inputs, liveReads),
  }
}

async function inputPlan({ shared }: ReplayTarget, topic: string, count: number): Promise<InputPlan> {
  const { admin } = shared.log
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  const [ranges, config] = await Promise.all([admin.ranges(partitions), admin.topicConfig(topic)])
  const all = partitions.flatMap(({ partition }) => ranges.get(partitionId(topic, partition)) ?? [])
  const retentionMs = Number(config['retention.ms'] ?? 604_800_000)
  return {
    topic,
    partitions: count,
    records: all.reduce((sum, range) => sum + range.end - range.logStart, 0),
    retentionMs: retentionMs < 0 ? null : retentionMs,
    compacted: (config['cleanup.policy'] ?? '').includes('compact'),
    gone: all.reduce((sum, range) => sum + range.logStart, 0),
  }
}

function warningsOf(inputs: readonly InputPlan[], liveReads: readonly string[]): string[] {
  return inputs.flatMap((input) => [
    ...(input.gone > 0
      ? [
          `${input.topic} has lost its first ${count(input.gone)} offsets: the new version can never hold what came from them, and the live one may`,
        ]
      : []),
    ...(input.retentionMs !== null && !input.compacted
      ? [
          `${input.topic} deletes records after ${count(Math.round(input.retentionMs / 3_600_000))} h: raise retention.ms until the replay is done`,
        ]
      : []),
    ...(input.compacted ? [`${input.topic} is compacted: a replay sees the last value of each key, not each change`] : []),
    ...(liveReads.length > 0 && !liveReads.includes(input.topic)
      ? [`${input.topic} is not read by the live version: it is followed by event time, results around a switch may differ`]
      : []),
  ])
}

function textOf(document: ReplayPlan): string {
  const rows = document.inputs.map((input) => [
    input.topic,
    String(input.partitions),
    count(input.records),
    input.retentionMs === null ? 'for ever' : `${count(Math.round(input.retentionMs / 3_600_000))} h`,
  ])
  const sum = document.inputs.reduce((total, input) => total + input.records, 0)
  return [
    `${document.application} v${document.version} (${document.role})${document.live === null ? '' : `, beside v${document.live}`}`,
    ...table(['input', 'partitions', 'records', 'kept'], rows),
    `to read: about ${count(sum)} records; each goes once through every repartition topic, and the state is built a second time beside the live one`,
    document.topicsToCreate.length === 0 ? 'all its topics exist' : `topics to create: ${document.topicsToCreate.join(', ')}`,
    ...document.warnings.map((line) => `warning: ${line}`),
    ...document.problems.map((line) => `MR2061 ${line}`),
    document.problems.length === 0 ? 'Nothing hinders the replay.' : 'The replay cannot be started.',
  ].join('\n')
}
