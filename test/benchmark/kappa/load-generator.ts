/**
 * A process that appends a load (load-plan.ts) at its rate, in small batches every few milliseconds, and never waits for an answer before
 * the next batch is due. Told what to do by lines of JSON on stdin; ends with it.
 *
 *   {"phase": {"first": 0, "perSecond": 5000, "at": <epoch ms>}, "until": 60000}     append numbers up to 60,000, each when it is due
 *   {"until": 80000}                                                                  so far and no further (closed loop: a rate that is never reached)
 *
 * Says `appended <number>` on stdout whenever everything up to that number is in the log.
 */
import { createInterface } from 'node:readline'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import { NO_HEADERS, type OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { dueAt, dueUntil, LoadRecords, type Phase } from './load-plan.ts'

const tickMs = 5
/** Together: so large a batch is one request. */
const recordsMax = 20_000

const [, , brokers = '', topic = '', keys = '1', partitions = '1'] = process.argv
const log = kafkaLog({ brokers: brokers.split(','), clientId: 'bench-load' })
const source = new LoadRecords({ keys: Number(keys), partitions: Number(partitions) })
let phase: Phase | undefined
let until = 0
let next = 0
let isSending = false

createInterface({ input: process.stdin }).on('line', (line) => {
  // Written by load.ts.
  const told = JSON.parse(line) as { readonly phase?: Phase; readonly until: number }
  if (told.phase !== undefined) {
    phase = told.phase
    next = phase.first
  }
  until = told.until
})
process.stdin.on('end', () => process.exit(0))

async function send(): Promise<void> {
  if (phase === undefined || isSending) return
  const end = Math.min(until, dueUntil(phase, Date.now()), next + recordsMax)
  if (end <= next) return
  isSending = true
  const batches: OutgoingRecord[][] = Array.from({ length: Number(partitions) }, () => [])
  for (let index = next; index < end; index += 1) {
    const { partition, ...record } = source.record(index, dueAt(phase, index))
    batches[partition]?.push({ ...record, headers: NO_HEADERS })
  }
  next = end
  await log.append(batches.map((records, partition) => ({ topic, partition, records })).filter(({ records }) => records.length > 0))
  process.stdout.write(`appended ${end}\n`)
  isSending = false
}

setInterval(() => {
  send().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  })
}, tickMs)
