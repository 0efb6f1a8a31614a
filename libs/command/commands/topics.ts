/** `millrace topics check|create <module>`: do the topics fit the topology, and make them fit. */
import { Fault } from '../../faults/fault.ts'
import type { TopologyPlan } from '../../dataflow/plan.ts'
import { internalTopics } from '../../runtime/worker/internal-topics.ts'
import { sharedTopic } from '../../runtime/switch/shared-state.ts'
import { ensureSharedTopic } from '../../runtime/switch/shared-topic.ts'
import { ensureInternalTopics } from '../../runtime/worker/prepare.ts'
import type { LogAdmin, TopicSpec } from '../../runtime/ports/log.ts'
import { connectionKeys } from '../connection-keys.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { loadTopology } from '../topology-module.ts'
import { usage } from '../parse-arguments.ts'
import { table } from '../text-table.ts'
import { createMissing, readTopicFacts } from '../topic-facts.ts'
import { externalTopicsOf, topicReport, wiringOf, type TopicReport } from '../topic-report.ts'

export const topicsCommand: Command = {
  name: 'topics',
  summary: 'Check whether the topics fit a topology, or create those that are missing.',
  usage: 'check|create <module>',
  positionalsMin: 2,
  positionalsMax: 2,
  flags: {
    external: { meaning: 'create: also inputs and outputs that do not exist. Needs --partitions.' },
    partitions: { value: 'n', meaning: 'Partitions of the external topics that are created.' },
    retain: { meaning: 'Created external topics keep their records for ever (retention.ms=-1): needed for events of the past.' },
  },
  settings: [...connectionKeys, 'replicationFactor'],
  details: [
    'check: exit code 3 when a topic does not fit.',
    'create: creates what is missing, with the settings that Millrace needs; topics that exist are not changed.',
    'Example: millrace topics create services/surge-pricing/topology.ts --external --partitions 4',
  ],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [action, module = ''] = context.positionals
  if (action !== 'check' && action !== 'create') throw usage(`millrace topics does check or create, not "${action}"`)
  const externalPartitions = partitionsFlag(context)
  const { plan } = await loadTopology(module, context.io.directory)
  const { admin } = await context.log()
  const created = action === 'create' ? await create(context, plan, admin, externalPartitions) : []
  const report = await reportOf(plan, admin)
  if (context.json) context.io.out(JSON.stringify({ ...report, created }))
  else context.io.out(textOf(report, created))
  return report.failed > 0 ? exitCodes.topology : exitCodes.ok
}

function partitionsFlag(context: CommandContext): number | undefined {
  const text = context.flag('partitions')
  if (context.has('external') && text === undefined)
    throw usage('--external needs --partitions <n>, the number for topics that are created')
  if (text === undefined) return undefined
  const partitions = Number(text)
  if (Number.isSafeInteger(partitions) && partitions > 0 && partitions <= 10_000) return partitions
  throw usage(`--partitions must be a whole number from 1 to 10000, and "${text}" is not`)
}

async function create(context: CommandContext, plan: TopologyPlan, admin: LogAdmin, partitions: number | undefined): Promise<string[]> {
  const { replicationFactor, restoreStallMs } = await context.settings()
  const created: string[] = []
  if (context.has('external') && partitions !== undefined) {
    const config = context.has('retain') ? { 'retention.ms': '-1' } : {}
    created.push(...(await createMissing(admin, externalSpecs(plan, partitions, replicationFactor, config))))
  }
  const wiring = wiringOf(plan, await readTopicFacts(admin, externalTopicsOf(plan)))
  if (wiring instanceof Fault) throw wiring
  const control = { log: await context.log(), clock: context.world.clock, stallMs: restoreStallMs, signal: new AbortController().signal }
  if (await ensureSharedTopic(control.log, plan.name, replicationFactor)) created.push(sharedTopic(plan.name))
  created.push(...(await ensureInternalTopics(control, wiring, internalTopics(wiring, replicationFactor))))
  return created
}

export function externalSpecs(
  plan: TopologyPlan,
  partitions: number,
  replicationFactor: number,
  config: Readonly<Record<string, string>>,
): TopicSpec[] {
  const tables = new Set(
    plan.subTopologies.flatMap((sub) => sub.outputs.flatMap((output) => (output.kind === 'sink' && output.table ? [output.topic] : []))),
  )
  return externalTopicsOf(plan).map((name) => ({
    name,
    partitions,
    replicationFactor,
    config: tables.has(name) ? { ...config, 'cleanup.policy': 'compact' } : config,
  }))
}

async function reportOf(plan: TopologyPlan, admin: LogAdmin): Promise<TopicReport> {
  const external = await readTopicFacts(admin, externalTopicsOf(plan))
  const wiring = wiringOf(plan, external)
  const internal = wiring instanceof Fault ? [] : internalTopics(wiring, -1).map((topic) => topic.name)
  return topicReport(plan, new Map([...external, ...(await readTopicFacts(admin, internal))]))
}

function textOf(report: TopicReport, created: readonly string[]): string {
  const rows = report.rows.map((row) => [
    row.topic,
    row.kind,
    row.partitions === undefined ? '-' : String(row.partitions),
    row.replicationFactor === undefined ? '-' : String(row.replicationFactor),
    [created.includes(row.topic) ? 'created' : row.verdict, ...row.notes].join('; '),
  ])
  const summary =
    report.failed === 0 ? 'All topics fit.' : `MR2030 ${report.failed} ${report.failed === 1 ? 'thing does' : 'things do'} not fit.`
  return [
    `${report.application} v${report.version}`,
    ...table(['topic', 'kind', 'partitions', 'replicas', ''], rows),
    ...report.problems,
    summary,
  ].join('\n')
}
