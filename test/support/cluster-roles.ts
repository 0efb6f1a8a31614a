/** Which broker has which part now: leader of a partition, coordinator of a transactional id or a group, controller of the quorum. */
import { Cluster } from '../../libs/kafka/cluster.ts'
import { kafkaSettings } from '../../libs/kafka/kafka-options.ts'
import { kafkaTool } from './kafka-tool.ts'

const REQUEST_TIMEOUT_MS = 5_000

/** With a connection of its own each time: nothing that was true a moment ago is believed. */
async function asked<Answer>(brokers: readonly string[], ask: (cluster: Cluster) => Promise<Answer>): Promise<Answer> {
  const cluster = new Cluster(kafkaSettings({ brokers, clientId: 'cluster-roles', requestTimeoutMs: REQUEST_TIMEOUT_MS }))
  try {
    return await ask(cluster)
  } finally {
    cluster.close()
  }
}

export const leaderOf = (brokers: readonly string[], topic: string, partition: number): Promise<number> =>
  asked(brokers, async (cluster) => {
    await cluster.refresh([topic])
    const leader = cluster.leaderOf(topic, partition)
    if (leader === undefined) throw new Error(`${topic}:${partition} has no leader`)
    return leader
  })

export const coordinatorOf = (brokers: readonly string[], kind: 'transaction' | 'group', name: string): Promise<number> =>
  asked(brokers, (cluster) => cluster.coordinator(kind, name))

/** Metadata names any broker as the controller; the quorum knows who it is. */
export async function controllerOf(brokers: readonly string[]): Promise<number> {
  const text = await kafkaTool('org.apache.kafka.tools.MetadataQuorumCommand', brokers, 'describe', '--status')
  const leader = /^LeaderId:\s+(\d+)$/mu.exec(text)?.[1]
  if (leader === undefined) throw new Error(`the quorum names no leader:\n${text}`)
  return Number(leader)
}
