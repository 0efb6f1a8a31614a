/** The input of the city: topics, and the simulated hour written into them in order of arrival. */
import { toKeyBytes } from '../../libs/dataflow/cells.ts'
import { murmur2 } from '../../libs/dataflow/murmur2.ts'
import { NO_HEADERS } from '../../libs/runtime/ports/log.ts'
import type { Log, OutgoingRecord } from '../../libs/runtime/ports/log.ts'
import { cityLife } from '../surge-pricing/city.ts'
import type { CityRecord } from '../surge-pricing/city.ts'
import { driverLocations, rideRequests, surgePrices } from '../surge-pricing/topics.ts'

export const CITY_PARTITIONS = 4
/** A thousandth of rubbish: it must end in the dead letters and disturb nobody. */
const GARBAGE_SHARE = 0.001
const BATCH_RECORDS = 2_000

export async function createCityTopics(log: Log): Promise<void> {
  await log.admin.createTopics(
    [rideRequests, driverLocations, surgePrices].map(({ topic }) => ({
      name: topic,
      partitions: CITY_PARTITIONS,
      replicationFactor: -1,
      config: { 'retention.ms': '-1' },
    })),
  )
}

/** An hour of city life is written in about this time, so that one sees it flow; a reader who is slower is not waited for. */
const HOUR_TAKES_MS = 18_000

/** Answers how many records were written. `onShare` hears how much of the time is in, 0 to 1. */
export async function loadCity(log: Log, minutes: number, onShare: (share: number) => void): Promise<number> {
  const begun = performance.now()
  let batch: CityRecord[] = []
  let count = 0
  let first: number | undefined
  for (const record of cityLife({ minutes, garbage: GARBAGE_SHARE })) {
    first ??= record.timestamp
    batch.push(record)
    count += 1
    if (batch.length < BATCH_RECORDS) continue
    await write(log, batch)
    const share = (record.timestamp - first) / (minutes * 60_000)
    onShare(share)
    const ahead = begun + share * HOUR_TAKES_MS * (minutes / 60) - performance.now()
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead))
    batch = []
  }
  await write(log, batch)
  return count
}

async function write(log: Log, records: readonly CityRecord[]): Promise<void> {
  const lists = new Map<string, { readonly topic: string; readonly partition: number; readonly records: OutgoingRecord[] }>()
  for (const record of records) {
    const key = record.key === null ? null : Buffer.from(record.key)
    const partition = key === null ? 0 : (murmur2(toKeyBytes(key)) & 0x7fffffff) % CITY_PARTITIONS
    const value = Buffer.from(record.kind === 'garbage' ? record.value : JSON.stringify(record.value))
    const id = `${record.topic}:${partition}`
    let list = lists.get(id)
    if (list === undefined) {
      list = { topic: record.topic, partition, records: [] }
      lists.set(id, list)
    }
    list.records.push({ key, value, timestamp: record.timestamp, headers: NO_HEADERS })
  }
  await log.append([...lists.values()])
}
