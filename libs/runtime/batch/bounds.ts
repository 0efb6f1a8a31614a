/**
 * A batch is a stream that ends (engine.md 6.3): how far its external inputs are read, and what happens there.
 *
 * The bounds are positions, fixed before the first record is processed. A batch that closes its windows keeps them in the control topic, so
 * that all workers, and a repeated start, have the same ones; one that only stops fixes its own at each start.
 */
import { Fault } from '../../faults/fault.ts'
import { isRecord } from '../json.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, OutgoingRecord, PartitionId, TopicPartition } from '../ports/log.ts'
import type { Wiring } from '../worker/wiring.ts'

/** Where a batch ends: at what stands in the log now, at the first record at or after a log timestamp (epoch ms), or at positions. */
export type Until =
  | { readonly kind: 'end' }
  | { readonly kind: 'timestamp'; readonly timestamp: number }
  | { readonly kind: 'positions'; readonly positions: Readonly<Record<string, number>> }

export interface BatchRequest {
  readonly until: Until
  /** True: event time ends with the input, every window and timer fires, and the application has ended for good. False: it only stops. */
  readonly close: boolean
}

export interface Bounds {
  /** First position of each external input partition that is not read any more. */
  readonly positions: Readonly<Record<PartitionId, number>>
  readonly close: boolean
}

export const BOUNDS_KEY = 'bounds'

export const boundsRecord = (bounds: Bounds, stateId: string, now: number): OutgoingRecord => ({
  key: Buffer.from(BOUNDS_KEY),
  value: Buffer.from(JSON.stringify({ stateId, positions: bounds.positions })),
  timestamp: now,
  headers: [],
})

/** Undefined where the value is not that of a batch of this state id. */
export function decodeBounds(value: unknown, stateId: string | undefined): Bounds | undefined {
  if (!isRecord(value) || value['stateId'] !== stateId || !isRecord(value['positions'])) return undefined
  // Written by boundsRecord.
  return { positions: value['positions'] as Bounds['positions'], close: true }
}

export async function resolveUntil(log: Log, wiring: Wiring, until: Until): Promise<Bounds['positions']> {
  const partitions = externalPartitionsOf(wiring)
  switch (until.kind) {
    case 'end': {
      const ranges = await log.admin.ranges(partitions)
      return positionsOf(partitions, (id) => ranges.get(id)?.end)
    }
    case 'timestamp': {
      const found = await log.admin.positionsAt(partitions, until.timestamp)
      return positionsOf(partitions, (id) => found.get(id))
    }
    case 'positions':
      return await checkedEnds(log, partitions, given(partitions, until.positions))
  }
}

const externalPartitionsOf = (wiring: Wiring): TopicPartition[] =>
  wiring.tasks.flatMap((task) =>
    task.inputs.flatMap(({ topic, partition, external }) => (external === undefined ? [] : [{ topic, partition }])),
  )

const positionsOf = (partitions: readonly TopicPartition[], of: (id: PartitionId) => number | undefined): Bounds['positions'] =>
  Object.fromEntries(partitions.map(({ topic, partition }) => [partitionId(topic, partition), of(partitionId(topic, partition)) ?? 0]))

function given(partitions: readonly TopicPartition[], positions: Readonly<Record<string, number>>): Bounds['positions'] {
  const ids = new Set<string>(partitions.map(({ topic, partition }) => partitionId(topic, partition)))
  const unknown = Object.keys(positions).filter((id) => !ids.has(id))
  const missing = [...ids].filter((id) => positions[id] === undefined)
  if (unknown.length === 0 && missing.length === 0) return positionsOf(partitions, (id) => positions[id])
  const complaints = [
    ...(unknown.length === 0 ? [] : [`${unknown.join(', ')} is no input of this topology`]),
    ...(missing.length === 0 ? [] : [`${missing.join(', ')} has none`]),
  ]
  throw new Fault(
    'MR5036',
    'stop',
    `the positions at which the batch should end do not fit: ${complaints.join('; ')}. Nothing was started; give one position for each input partition, as topic:partition=position`,
  )
}

/** One behind the end would be waited for without end. */
async function checkedEnds(log: Log, partitions: readonly TopicPartition[], positions: Bounds['positions']): Promise<Bounds['positions']> {
  const ranges = await log.admin.ranges(partitions)
  const beyond = partitions.flatMap(({ topic, partition }) => {
    const id = partitionId(topic, partition)
    const end = ranges.get(id)?.end ?? 0
    return (positions[id] ?? 0) > end ? [`${id}=${positions[id]} is behind the end of the log, ${end}`] : []
  })
  if (beyond.length === 0) return positions
  throw new Fault(
    'MR5036',
    'stop',
    `the positions at which the batch should end do not fit: ${beyond.join('; ')}: it would wait for records that may never come. Nothing was started; give positions up to the end of the log`,
  )
}

/** For people, and to be given again: `orders:0=120,orders:1=98`. */
export const boundsText = ({ positions }: Bounds): string =>
  Object.entries(positions)
    .map(([id, position]) => `${id}=${position}`)
    .join(',')
