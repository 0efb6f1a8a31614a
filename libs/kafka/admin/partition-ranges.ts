/** Where partitions begin and end: asks each leader, follows leaders that move. */
import type { PartitionId, PartitionRange, TopicPartition } from '../../runtime/ports/log.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { isLeaderMoved } from '../failures.ts'
import { LEADER_WAIT_MS_MAX, MISSING_TOPIC_WAIT_MS_MAX } from '../limits.ts'
import { persist } from '../persist.ts'
import type { Api } from '../wire/api.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { Isolation } from '../wire/admin-apis.ts'
import { EARLIEST, LATEST, listOffsetsApi } from '../wire/admin-apis.ts'
import type { PartitionError } from '../wire/transaction-apis.ts'

export async function listRanges(
  cluster: Cluster,
  links: Links,
  partitions: readonly TopicPartition[],
): Promise<Map<PartitionId, PartitionRange>> {
  const [starts, stable, ends] = await Promise.all([
    listOffsets(cluster, links, partitions, EARLIEST, 'read-uncommitted'),
    listOffsets(cluster, links, partitions, LATEST, 'read-committed'),
    listOffsets(cluster, links, partitions, LATEST, 'read-uncommitted'),
  ])
  const ranges = new Map<PartitionId, PartitionRange>()
  for (const { topic, partition } of partitions) {
    const id = partitionId(topic, partition)
    const end = ends.get(id) ?? 0
    // Three answers, three moments: what is written or deleted meanwhile must not turn the range round.
    ranges.set(id, { logStart: Math.min(starts.get(id) ?? 0, end), end, lastStable: Math.min(stable.get(id) ?? 0, end) })
  }
  return ranges
}

/** The first position at or after the timestamp; the end where there is none. */
export async function listPositionsAt(
  cluster: Cluster,
  links: Links,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<Map<PartitionId, number>> {
  const found = await listOffsets(cluster, links, partitions, timestamp, 'read-uncommitted')
  const none = partitions.filter(({ topic, partition }) => (found.get(partitionId(topic, partition)) ?? -1) < 0)
  for (const [id, end] of await listOffsets(cluster, links, none, LATEST, 'read-uncommitted')) found.set(id, end)
  return found
}

async function listOffsets(
  cluster: Cluster,
  links: Links,
  partitions: readonly TopicPartition[],
  timestamp: number,
  isolation: Isolation,
): Promise<Map<PartitionId, number>> {
  const answers = await askLeaders(cluster, links, partitions, listOffsetsApi, (ofBroker) => ({
    isolation,
    timestamp,
    partitions: ofBroker,
  }))
  return new Map(answers.map(({ topic, partition, offset }) => [partitionId(topic, partition), offset]))
}

/** Asks the leader of each partition; again, bounded, where leaders have moved. The request must be one that may be sent twice. */
export async function askLeaders<Item extends TopicPartition, Request, Answer extends PartitionError>(
  cluster: Cluster,
  links: Links,
  items: readonly Item[],
  api: Api<Request, readonly Answer[]>,
  request: (ofBroker: readonly Item[]) => Request,
): Promise<readonly Answer[]> {
  if (items.length === 0) return []
  const missingEnd = performance.now() + MISSING_TOPIC_WAIT_MS_MAX
  const mayRepeat = (error: unknown): boolean => {
    for (const { topic, partition } of items) cluster.forgetLeader(topic, partition)
    if (error instanceof NoAnswer) return true
    if (!(error instanceof Refused) || !isLeaderMoved(error.code)) return false
    return error.code !== code.UNKNOWN_TOPIC_OR_PARTITION || performance.now() < missingEnd
  }
  return persist({ deadlineMs: LEADER_WAIT_MS_MAX, pauseMs: 20, pauseMsMax: 500, mayRepeat }, async () => {
    const leaders = await cluster.leaders(items)
    const answers = await Promise.all([...leaders].map(([broker, ofBroker]) => links.send(broker, api, request(ofBroker))))
    const all = answers.flat()
    const refused = all.find(({ errorCode }) => errorCode !== code.NONE)
    if (refused) throw new Refused(api.name, refused.errorCode, `${refused.topic}:${refused.partition}`)
    return all
  })
}
