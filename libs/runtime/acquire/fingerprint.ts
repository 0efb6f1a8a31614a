/**
 * Tells a partition that was read before from another one with the same name (engine.md 3, holes H10, H13): kafkajs cannot read
 * topic ids, so the last record read is remembered by offset, timestamp and a hash of key and value.
 */
import { createHash } from 'node:crypto'
import type { Fingerprint } from '../task/commit-record.ts'

interface Readable {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

export function fingerprintOf(record: Readable): Fingerprint {
  const hash = createHash('sha1')
  for (const part of [record.key, record.value]) {
    hash.update(part === null ? 'null' : `${part.length}:`)
    if (part !== null) hash.update(part)
  }
  return { offset: record.offset, timestamp: record.timestamp, hash: hash.digest('base64') }
}

/** `found`: what stands at the remembered offset today; undefined when nothing is retained there. */
export function compareFingerprint(remembered: Fingerprint | undefined, found: Readable | undefined): 'same' | 'different' | 'unknown' {
  if (remembered === undefined || found === undefined || found.offset !== remembered.offset) return 'unknown'
  const now = fingerprintOf(found)
  return now.hash === remembered.hash && now.timestamp === remembered.timestamp ? 'same' : 'different'
}
