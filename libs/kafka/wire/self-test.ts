/**
 * Refuses to start on another kafkajs than the one that was checked: version, patches, and the codec's own vectors. Takes less
 * than a millisecond; runs once per process.
 */
import { Fault } from '../../faults/fault.ts'
import { PackedOutgoing } from '../../runtime/ports/packed-outgoing.ts'
import { AbortedFilter } from '../codec/aborted-filter.ts'
import { encodeBatch } from '../codec/batch-encoder.ts'
import { crc32c, crc32cOfTables } from '../codec/crc32c.ts'
import { decodeRecordSet } from '../codec/record-set.ts'
import type { KafkajsLogger } from './kafkajs.ts'
import { kafkajsVersion, RequestQueue } from './kafkajs.ts'

export const KAFKAJS_VERSION = '2.2.4'

let isChecked = false

export function checkWire(): void {
  if (isChecked) return
  const failed = wireFailure()
  if (failed !== undefined)
    throw new Fault('MR3023', 'stop', `${failed}. Run \`npm ci\`, which installs kafkajs ${KAFKAJS_VERSION} and applies deploy/patches.`)
  isChecked = true
}

/** What is wrong with the wire, or undefined. */
function wireFailure(): string | undefined {
  if (kafkajsVersion !== KAFKAJS_VERSION) return `kafkajs is ${kafkajsVersion} instead of ${KAFKAJS_VERSION}`
  if (hasTimerLoop()) return 'kafkajs is not patched: an idle connection runs a timer every millisecond (K15)'
  if (!checksumsAreRight()) return 'the checksum CRC-32C gives a wrong result'
  if (!readsHeadersBack()) return 'record headers are not read back as they were written (K13)'
  if (!dropsAborted()) return 'aborted records are not dropped (K1)'
  return undefined
}

/** Long ones are another's work than short ones. */
function checksumsAreRight(): boolean {
  const long = Buffer.alloc(1_000, '123456789')
  return crc32cOfTables(Buffer.from('123456789'), 0, 9) === 0xe3069283 && crc32c(long, 3, 999) === crc32cOfTables(long, 3, 999)
}

/** Unpatched, a check of an empty queue schedules the next check, for ever. */
function hasTimerLoop(): boolean {
  const quiet = (): void => undefined
  const logger: KafkajsLogger = { namespace: () => logger, debug: quiet, info: quiet, warn: quiet, error: quiet }
  const queue = new RequestQueue({
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'self-test',
    broker: 'none',
    logger,
  })
  queue.scheduleCheckPendingRequests()
  const loops = queue.throttleCheckTimeoutId !== null
  queue.destroy()
  return loops
}

function readsHeadersBack(): boolean {
  const names = ['plain', '__proto__', 'constructor', 'plain']
  const headers = names.map((name, index) => [name, Buffer.from([index])] as const)
  const record = { key: null, value: Buffer.from('v'), timestamp: 1, headers }
  const { bytes } = encodeBatch(PackedOutgoing.of([record]), 0, {
    producerId: 1,
    producerEpoch: 0,
    baseSequence: 0,
    transactional: true,
    bytesMax: 1_000,
  })
  const read = decodeRecordSet(bytes, 0, [], { topic: 'self-test', partition: 0 }).slice(0, 1)[0]
  return (
    read !== undefined &&
    read.headers.length === names.length &&
    read.headers.every(([name, value], index) => name === names[index] && value[0] === index)
  )
}

/** Two transactions, listed in the order in which they were aborted instead of that in which they began. */
function dropsAborted(): boolean {
  const filter = new AbortedFilter([
    { producerId: 1, firstOffset: 20 },
    { producerId: 2, firstOffset: 5 },
  ])
  return filter.isAborted(2, 10) && filter.isAborted(1, 20) && filter.isAborted(2, 22)
}
