/** Records that no service can use, as they come from broken phones and other teams: each must end in the dead letters. */
import type { CityRecord } from './city.ts'
import type { Random } from './random.ts'

type Garbage = Extract<CityRecord, { kind: 'garbage' }>

const spoilers: readonly ((record: CityRecord) => Pick<Garbage, 'key' | 'value'>)[] = [
  (record) => ({ key: record.key, value: '{"rider":"rider-7","pickup":' }),
  (record) => ({ key: record.key, value: '\u0000\u0001 not JSON at all' }),
  (record) => ({ key: record.key, value: JSON.stringify({ of: 'another schema', was: record.kind }) }),
  (record) => ({ key: record.key, value: JSON.stringify(record.value).replace(/"(requestedAt|seenAt)":\d+/, '"$1":-1') }),
  (record) => ({ key: null, value: JSON.stringify(record.value) }),
]

export function garbageRecord(record: CityRecord, timestamp: number, random: Random): CityRecord {
  const spoil = spoilers[random.below(spoilers.length)] ?? refuse
  return { kind: 'garbage', topic: record.topic, ...spoil(record), timestamp }
}

function refuse(): never {
  throw new Error('there is no such kind of garbage')
}
