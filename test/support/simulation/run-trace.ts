/** One hash over everything that happened and everything that was written: the same seed has the same. */
import { createHash } from 'node:crypto'
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'

/** Of an error in a dead letter: where the source lies and how it was loaded is the process's own. */
const STACK_LINES = /\n\s+at .*/g
/** Ids are random, so that two lives of an application never share one; nothing depends on their value, and here each is told by its order. */
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

export async function digestOf(events: readonly string[], log: MemoryLog): Promise<string> {
  const ids = new Map<string, number>()
  const told = (bytes: Uint8Array | null): string =>
    bytes === null
      ? '-'
      : Buffer.from(bytes)
          .toString('latin1')
          .replace(STACK_LINES, '')
          .replace(UUID, (id) => {
            if (!ids.has(id)) ids.set(id, ids.size)
            return `id ${ids.get(id)}`
          })
  const hash = createHash('sha1')
  for (const event of events) hash.update(`${event}\n`)
  const names = await log.admin.listTopics()
  const topics = await log.admin.describeTopics(names)
  for (const name of names) {
    for (let partition = 0; partition < (topics.get(name)?.partitions ?? 0); partition += 1) {
      for (const { record, kind, state, producerId } of log.entries(name, partition)) {
        const { offset, timestamp, key, value, headers } = record
        const head = headers.map(([header, bytes]) => `${header}=${told(bytes)}`).join()
        hash.update(`${name} ${partition} ${offset} ${kind} ${state} ${producerId} ${timestamp} ${told(key)} ${told(value)} ${head}\n`)
      }
    }
  }
  return hash.digest('hex')
}
