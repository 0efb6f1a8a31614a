/** Reads the facts of topics from a cluster. */
import type { LogAdmin, TopicSpec } from '../runtime/ports/log.ts'
import type { TopicFacts } from './topic-report.ts'

/** Topics that do not exist are absent. */
export async function readTopicFacts(admin: LogAdmin, names: readonly string[]): Promise<Map<string, TopicFacts>> {
  const described = await admin.describeTopics([...new Set(names)])
  const facts = await Promise.all(
    [...described.values()].map(
      async ({ name, partitions, replicationFactor }) =>
        [name, { partitions, replicationFactor, config: await admin.topicConfig(name) }] as const,
    ),
  )
  return new Map(facts)
}

/** Creates those that do not exist and answers their names. */
export async function createMissing(admin: LogAdmin, specs: readonly TopicSpec[]): Promise<string[]> {
  const described = await admin.describeTopics(specs.map((spec) => spec.name))
  const missing = specs.filter((spec) => !described.has(spec.name))
  if (missing.length > 0) await admin.createTopics(missing)
  return missing.map((spec) => spec.name)
}
