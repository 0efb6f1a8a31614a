/**
 * Records between the stages of a live version whose place was taken: its later stages have not processed them, and nobody else can. The
 * new version has given what comes of them to its shadow, so a flip would lose it (engine.md 6.2: results of a dead later stage).
 */
import { readRange } from '../acquire/range-reader.ts'
import { rangeOr } from '../acquire/restore.ts'
import { partitionId } from '../ports/log.ts'
import { readRepartition } from '../task/repartition-record.ts'
import type { SharedContext } from './shared-topic.ts'
import type { CommitTail } from './version-records.ts'

/** How many there are; counted up to the first partition that has some. */
export async function undrainedRecords(context: SharedContext, live: CommitTail): Promise<number> {
  for (const { positions, epoch } of live.records.values()) {
    for (const [id, from] of Object.entries(positions)) {
      if (!id.startsWith(`${live.of.prefix}.`)) continue
      const cutAt = id.lastIndexOf(':')
      const partition = { topic: id.slice(0, cutAt), partition: Number(id.slice(cutAt + 1)) }
      const { end } = rangeOr((await context.log.admin.ranges([partition])).get(partitionId(partition.topic, partition.partition)))
      let found = 0
      await readRange(context.log, context.clock, {
        partition,
        from,
        until: end,
        stallMs: context.stallMs,
        signal: context.signal,
        onRecords: (records) => {
          for (const { headers } of records) {
            const meaning = readRepartition(headers)
            if (meaning.kind === 'record' && meaning.epoch === epoch) found += 1
          }
        },
      })
      if (found > 0) return found
    }
  }
  return 0
}
