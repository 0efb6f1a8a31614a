/** What the log cleaner leaves of a compacted partition. Pure. */
import { toKeyBytes } from '../dataflow/cells.ts'
import type { Entry } from './memory-topic.ts'

/**
 * Keeps, below `below` (the last stable offset), the newest committed record of each key; drops aborted records and, on
 * `purgeTombstones` (what `delete.retention.ms` later is), the newest of a key when it is a tombstone, and transaction markers.
 * Offsets stay what they are.
 */
export function compactEntries(entries: readonly Entry[], below: number, purgeTombstones: boolean): Entry[] {
  const newest = new Map<string, number>()
  for (const entry of entries) {
    if (entry.record.offset >= below) break
    if (entry.kind === 'data' && entry.state === 'committed' && entry.record.key !== null)
      newest.set(toKeyBytes(entry.record.key), entry.record.offset)
  }
  return entries.filter(({ record, kind }) => {
    if (record.offset >= below) return true
    if (kind !== 'data') return !purgeTombstones
    // An aborted record is never the newest of its key, so it goes here, too.
    if (record.key === null || newest.get(toKeyBytes(record.key)) !== record.offset) return false
    return record.value !== null || !purgeTombstones
  })
}
