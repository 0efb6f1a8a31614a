/** Kafka's own hash of key bytes: records of one key go where Java producers would send them. Pure. */
import type { KeyBytes } from './cells.ts'

const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/** org.apache.kafka.common.utils.Utils.murmur2, over a binary string (one character for each byte). */
export function murmur2(key: KeyBytes): number {
  const { length } = key
  let hash = SEED ^ length
  const whole = length & ~3
  for (let at = 0; at < whole; at += 4) {
    let k = key.charCodeAt(at) | (key.charCodeAt(at + 1) << 8) | (key.charCodeAt(at + 2) << 16) | (key.charCodeAt(at + 3) << 24)
    k = Math.imul(k, M)
    k ^= k >>> R
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  const rest = length & 3
  if (rest >= 3) hash ^= key.charCodeAt(whole + 2) << 16
  if (rest >= 2) hash ^= key.charCodeAt(whole + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ key.charCodeAt(whole), M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** The partition of a key, as the default partitioner of Java producers chooses it. */
export const partitionOf = (key: KeyBytes, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions
