/** `millrace load <file> --topic <topic>`: writes the records of a JSON file to a topic, in order of time. */
import { Fault } from '../../faults/fault.ts'
import { toKeyBytes } from '../../dataflow/cells.ts'
import { murmur2 } from '../../dataflow/murmur2.ts'
import { NO_HEADERS, type LogAdmin, type OutgoingRecord, type PartitionRecords } from '../../runtime/ports/log.ts'
import { connectionKeys } from '../connection-keys.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { findInputFile, readRecords, type FileRecord } from '../input-file.ts'
import { usage } from '../parse-arguments.ts'
import { count } from '../text-table.ts'

export const loadCommand: Command = {
  name: 'load',
  summary: 'Write the records of a JSON file to a topic, in order of time.',
  usage: '<file>',
  positionalsMin: 1,
  positionalsMax: 1,
  flags: {
    topic: { value: 'topic', meaning: 'Topic to write to. Needed.' },
    key: { value: 'field', meaning: 'Field that becomes the key, as text. Without it records have no key and go round all partitions.' },
    time: {
      value: 'field',
      meaning:
        'Field with the time of the record; records are written in its order. Without it: the time of loading, the order of the file.',
    },
    partitions: { value: 'n', meaning: 'Creates the topic with so many partitions, keeping records for ever, if it does not exist.' },
    limit: { value: 'n', meaning: 'Write only the first n records (in order of time).' },
  },
  settings: [...connectionKeys, 'replicationFactor'],
  details: [
    'The file is a JSON array of objects, or one object for each line; a path into an installed package works too. Values are the JSON text, partitions',
    'are chosen as Java clients do (murmur2 of the key). Nested fields with dots. --time takes epoch milliseconds, ISO 8601 or 2001/01/31 23:59; without',
    'a zone it is UTC.',
    'Example: millrace load vega-datasets/data/flights-20k.json --topic flights --key origin --time date --partitions 4',
  ],
  run,
}

/** Records of one call; a million of them at once would hold all in memory twice. */
const BATCH_RECORDS_MAX = 1_000
const BATCH_BYTES_MAX = 512 * 1024

async function run(context: CommandContext): Promise<ExitCode> {
  const [name = ''] = context.positionals
  const topic = context.flag('topic')
  if (topic === undefined) throw usage('--topic is missing: millrace load <file> --topic <topic>')
  const wanted = wholeNumber(context, 'partitions')
  const limit = wholeNumber(context, 'limit')
  const records = readRecords(findInputFile(name, context.io.directory), name, {
    key: context.flag('key'),
    time: context.flag('time'),
  }).slice(0, limit)
  const { replicationFactor } = await context.settings()
  const log = await context.log()
  const partitions = await partitionsOf(log.admin, topic, wanted, replicationFactor)
  const startedAt = context.world.clock.monotonic()
  for (const batch of batches(records, topic, partitions, context.world.clock.now())) await log.append(batch)
  const tookSeconds = (context.world.clock.monotonic() - startedAt) / 1000
  const [first, last] = [records[0]?.time, records.at(-1)?.time]
  const facts = { topic, partitions, records: records.length, firstTime: first ?? null, lastTime: last ?? null, seconds: tookSeconds }
  const span = first === undefined || last === undefined ? '' : `, ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`
  context.io.out(
    context.json
      ? JSON.stringify(facts)
      : `${count(records.length)} records to ${topic} (${partitions} partitions)${span}, in ${tookSeconds.toFixed(1)} s`,
  )
  return exitCodes.ok
}

function wholeNumber(context: CommandContext, flag: string): number | undefined {
  const text = context.flag(flag)
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw usage(`--${flag} must be a whole number above 0, and "${text}" is not`)
}

async function partitionsOf(admin: LogAdmin, topic: string, wanted: number | undefined, replicationFactor: number): Promise<number> {
  const existing = (await admin.describeTopics([topic])).get(topic)
  if (existing !== undefined) {
    if (wanted === undefined || wanted === existing.partitions) return existing.partitions
    throw new Fault(
      'MR2042',
      'stop',
      `topic ${topic} exists with ${existing.partitions} partitions, not ${wanted}. Leave --partitions out, or load into another topic.`,
    )
  }
  if (wanted === undefined) throw new Fault('MR2042', 'stop', `topic ${topic} does not exist. Give --partitions <n> to create it.`)
  // Records of the past would be deleted at once by the usual retention of a week.
  await admin.createTopics([{ name: topic, partitions: wanted, replicationFactor, config: { 'retention.ms': '-1' } }])
  return wanted
}

/** Cut by number and size; within a batch and from batch to batch each partition keeps the order of the records. */
export function* batches(
  records: readonly FileRecord[],
  topic: string,
  partitions: number,
  now: number,
): Generator<readonly PartitionRecords[]> {
  let byPartition = new Map<number, OutgoingRecord[]>()
  let held = 0
  let heldBytes = 0
  const full = (): PartitionRecords[] => [...byPartition].map(([partition, list]) => ({ topic, partition, records: list }))
  for (const [index, record] of records.entries()) {
    const key = record.key === null ? null : Buffer.from(record.key)
    const value = Buffer.from(record.value)
    const partition = key === null ? index % partitions : (murmur2(toKeyBytes(key)) & 0x7fffffff) % partitions
    const list = byPartition.get(partition) ?? []
    list.push({ key, value, timestamp: record.time ?? now, headers: NO_HEADERS })
    byPartition.set(partition, list)
    held++
    heldBytes += value.length
    if (held >= BATCH_RECORDS_MAX || heldBytes >= BATCH_BYTES_MAX) {
      yield full()
      byPartition = new Map()
      held = 0
      heldBytes = 0
    }
  }
  if (held > 0) yield full()
}
