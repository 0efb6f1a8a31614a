/** Kafka's own command line tools (Java), as an operator uses them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { kafkaJava } from '../../deploy/local-kafka/kafka-jars.ts'

const run = promisify(execFile)
const TOOL_WITHIN_MS = 60_000

/** A tool by its class; answers what it prints, and throws when it fails. */
export async function kafkaTool(tool: string, brokers: readonly string[], ...words: readonly string[]): Promise<string> {
  const { java, classPath } = await kafkaJava(() => undefined)
  const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath]
  const { stdout } = await run(java, [...jvm, tool, '--bootstrap-server', brokers.join(','), ...words], { timeout: TOOL_WITHIN_MS })
  return stdout
}

/** kafka-consumer-groups.sh. */
export const consumerGroups = (brokers: readonly string[], ...words: readonly string[]): Promise<string> =>
  kafkaTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', brokers, ...words)

export interface DescribedPartition {
  readonly topic: string
  readonly partition: number
  /** `-` where there is none. */
  readonly position: string
  readonly lag: string
  readonly member: string
}

/** The table of `--describe`: GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID ... */
export async function describeGroup(brokers: readonly string[], group: string): Promise<readonly DescribedPartition[]> {
  const text = await consumerGroups(brokers, '--describe', '--group', group)
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/u))
    .filter(([name, , partition]) => name === group && /^\d+$/u.test(String(partition)))
    .map(([, topic = '', partition, position = '', , lag = '', member = '']) => ({
      topic,
      partition: Number(partition),
      position,
      lag,
      member,
    }))
}
