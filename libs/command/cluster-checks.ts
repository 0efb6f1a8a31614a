/** Checks of the cluster: brokers, durability, transactions, rights, topics, clocks. */
import { internalNames, type TopologyPlan } from '../dataflow/plan.ts'
import { internalTopics } from '../runtime/worker/internal-topics.ts'
import type { Clock } from '../runtime/ports/clock.ts'
import { partitionId, type FetchedBatch, type Log, type TopicPartition } from '../runtime/ports/log.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import { externalInputsOf } from '../runtime/worker/wiring.ts'
import { attempt, failed, ok, skipped, warning, type Check } from './checks.ts'
import { seconds } from './text-table.ts'
import { readTopicFacts } from './topic-facts.ts'
import { durabilityNotes, externalTopicsOf, topicReport, wiringOf, type TopicFacts } from './topic-report.ts'

export interface ClusterCheckOptions {
  readonly log: Log
  readonly clock: Clock
  readonly settings: Settings
  /** Undefined: no module was given; only the cluster itself is checked. */
  readonly plan: TopologyPlan | undefined
}

/** Producers whose clock is further ahead than this close windows too early. */
const AHEAD_MS_MAX = 60_000
const NEWEST_TIMEOUT_MS = 5_000
/** Partitions of the inputs that are looked at. */
const NEWEST_PARTITIONS_MAX = 32

export async function clusterChecks(options: ClusterCheckOptions): Promise<readonly Check[]> {
  const { plan } = options
  const brokers = await attempt('brokers', 'Check brokers, network, TLS and SASL settings.', () => brokerCheck(options))
  if (brokers.some((check) => check.verdict === 'failed')) return brokers
  return [
    ...brokers,
    ...(await attempt('transactions', transactionCure, () => transactionCheck(options))),
    ...(await attempt(
      'cluster topics',
      'Allow Describe and DescribeConfigs on __transaction_state and __consumer_offsets, or check them yourself.',
      () => clusterTopics(options),
    )),
    ...(plan === undefined
      ? [skipped('topics, group, clocks', 'give a topology module to check them')]
      : [
          ...(await attempt('topics', 'Allow Describe and DescribeConfigs on the topics.', () => topicChecks(options, plan))),
          ...(await attempt('group', 'Allow Read and Describe on the group.', () => groupCheck(options, plan))),
          ...(await attempt('clocks', 'Allow Read on the inputs.', () => clockCheck(options, plan))),
        ]),
  ]
}

async function brokerCheck({ log }: ClusterCheckOptions): Promise<readonly Check[]> {
  const { clusterId, brokers, controller } = await log.admin.brokers()
  const found = `${brokers.length} in cluster ${clusterId}: ${brokers.map((broker) => broker.address).join(', ')}`
  if (controller === undefined)
    return [warning('brokers', `${found}; no controller`, 'Wait, or look at the controllers: topics cannot be created.')]
  return [
    brokers.length < 3
      ? warning('brokers', found, 'Fine for development. In production run three or more, else one lost broker loses data.')
      : ok('brokers', found),
  ]
}

const transactionCure =
  'Allow Write on the transactional id (prefixed with the name and version of the application), and set transactionTimeoutMs to at most transaction.max.timeout.ms of the brokers.'

/** Opening a transactional producer writes nothing to topics, and needs the right and the time-out that a worker needs. */
async function transactionCheck({ log, settings, plan }: ClusterCheckOptions): Promise<readonly Check[]> {
  const prefix = plan === undefined ? 'millrace' : internalNames(plan.name, plan.version).prefix
  const transactionalId = `${prefix}.doctor`
  const producer = await log.openProducer(transactionalId, { transactionTimeoutMs: settings.transactionTimeoutMs })
  await producer.close()
  return [ok('transactions', `opened ${transactionalId} with a time-out of ${seconds(settings.transactionTimeoutMs / 1000)}`)]
}

async function clusterTopics({ log }: ClusterCheckOptions): Promise<readonly Check[]> {
  const facts = await readTopicFacts(log.admin, ['__transaction_state', '__consumer_offsets'])
  return [...facts].map(([name, topic]) => {
    const notes = [
      ...durabilityNotes(topic),
      ...(topic.replicationFactor < 2 ? ['it has one replica: with its broker, commits and positions are lost'] : []),
    ]
    const found = `${topic.replicationFactor} replicas, min.insync.replicas ${topic.config['min.insync.replicas'] ?? '?'}`
    return notes.length === 0
      ? ok(name, found)
      : warning(name, `${found}; ${notes.join('; ')}`, 'Fine for development. In production: three replicas, two in sync.')
  })
}

async function topicChecks({ log }: ClusterCheckOptions, plan: TopologyPlan): Promise<readonly Check[]> {
  const external = await readTopicFacts(log.admin, externalTopicsOf(plan))
  const wiring = wiringOf(plan, external)
  const internal = 'names' in wiring ? internalTopics(wiring, -1).map((topic) => topic.name) : []
  const facts: ReadonlyMap<string, TopicFacts> = new Map([...external, ...(await readTopicFacts(log.admin, internal))])
  const report = topicReport(plan, facts)
  const rows = report.rows.map((row): Check => {
    const name = `topic ${row.topic}`
    const found =
      row.partitions === undefined ? 'does not exist' : `${row.kind}, ${row.partitions} partitions, ${row.replicationFactor} replicas`
    if (row.verdict === 'ok') return ok(name, found)
    return row.verdict === 'failed' ? failed(name, found, row.notes.join('; ')) : warning(name, found, row.notes.join('; '))
  })
  return [
    ...rows,
    ...report.problems.map((problem) =>
      failed('co-partitioning', problem, 'Give the topics the same number of partitions, or put a keyBy before the step.'),
    ),
  ]
}

async function groupCheck({ log }: ClusterCheckOptions, plan: TopologyPlan): Promise<readonly Check[]> {
  const { group } = internalNames(plan.name, plan.version)
  const { state, members } = await log.admin.describeGroup(group)
  return [ok('group', `${group}: ${state}, ${members} members`)]
}

/** Brokers tell no time, but the newest records do: one from the future means that a clock is wrong, here or at a producer. */
async function clockCheck({ log, clock }: ClusterCheckOptions, plan: TopologyPlan): Promise<readonly Check[]> {
  const described = await log.admin.describeTopics(externalInputsOf(plan))
  const partitions = [...described.values()]
    .flatMap(({ name, partitions: count }) => Array.from({ length: count }, (_, partition): TopicPartition => ({ topic: name, partition })))
    .slice(0, NEWEST_PARTITIONS_MAX)
  const newest = await newestTimestamp(log, clock, partitions)
  if (newest === undefined) return [skipped('clocks', 'the inputs have no records to compare with')]
  const aheadMs = newest - clock.now()
  if (aheadMs <= AHEAD_MS_MAX) return [ok('clocks', `the newest input record is ${seconds(Math.max(0, -aheadMs) / 1000)} old`)]
  return [
    warning(
      'clocks',
      `the newest input record is ${seconds(aheadMs / 1000)} ahead of the clock of this machine`,
      'Check NTP here and at the producers; records from the future close windows too early (see aheadOfClock of the source).',
    ),
  ]
}

async function newestTimestamp(log: Log, clock: Clock, partitions: readonly TopicPartition[]): Promise<number | undefined> {
  const ranges = await log.admin.ranges(partitions)
  const waiting = new Set<string>()
  let newest: number | undefined
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const over = (topic: string, partition: number): void => {
    waiting.delete(partitionId(topic, partition))
    if (waiting.size === 0) finish()
  }
  const reader = log.openReader({
    onBatch: (batch: FetchedBatch) => {
      for (const record of batch.records) newest = Math.max(newest ?? -Infinity, record.timestamp)
      if (batch.next >= batch.lastStable) over(batch.topic, batch.partition)
    },
    onOutOfRange: ({ topic, partition }) => over(topic, partition),
    onFault: ({ topic, partition }) => over(topic, partition),
  })
  const cancel = new AbortController()
  try {
    for (const { topic, partition } of partitions) {
      const range = ranges.get(partitionId(topic, partition))
      if (range === undefined || range.lastStable <= range.logStart) continue
      waiting.add(partitionId(topic, partition))
    }
    if (waiting.size === 0) return undefined
    for (const { topic, partition } of partitions) {
      const range = ranges.get(partitionId(topic, partition))
      // The last two offsets: the very last may be a transaction marker.
      if (range !== undefined && waiting.has(partitionId(topic, partition)))
        reader.assign({ topic, partition }, Math.max(range.logStart, range.lastStable - 2))
    }
    await Promise.race([finished, clock.sleep(NEWEST_TIMEOUT_MS, cancel.signal)])
    return newest
  } finally {
    cancel.abort()
    await reader.close()
  }
}
