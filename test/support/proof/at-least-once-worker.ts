/**
 * `millrace <words>` with exactly-once off: outputs are appended at once, outside of the transaction, as a program does that has none.
 * State and positions stay in it. A kill in between leaves outputs that come again. Only to show that the verifier sees it.
 */
import { main } from '../../../libs/command/main.ts'
import { realWorld } from '../../../libs/command/world.ts'
import { armFailPoint } from '../../../libs/faults/fail-points.ts'
import type { Log, PartitionId, PartitionRecords, TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { partitionId } from '../../../libs/runtime/ports/log.ts'

/**
 * FAIL_POINT=after-send:n counts only the commits that have outputs: a kill in one that has none repeats nothing, and nobody could see it.
 */
const [, count] = /^after-send:(\d+)$/.exec(process.env['FAIL_POINT'] ?? '') ?? []
let outputsLeft = Number(count ?? Infinity)
delete process.env['FAIL_POINT']

/** Internal topics have dots in their names, those of the test topology have none. */
const isOutput = ({ topic }: PartitionRecords): boolean => !topic.includes('.')

function atLeastOnce(log: Log): Log {
  return {
    admin: log.admin,
    openReader: (events, options) => log.openReader(events, options),
    joinGroup: (options, events) => log.joinGroup(options, events),
    append: (batches) => log.append(batches),
    close: () => log.close(),
    async openProducer(transactionalId, options) {
      return halfTransactional(log, await log.openProducer(transactionalId, options))
    },
  }
}

function halfTransactional(log: Log, inside: TransactionalProducer): TransactionalProducer {
  return {
    transactionalId: inside.transactionalId,
    async send(batches) {
      const outputs = batches.filter(isOutput)
      if (outputs.length > 0) await log.append(outputs)
      const sent = new Map<PartitionId, { first: number; last: number }>()
      // Nobody needs offsets of outputs.
      for (const { topic, partition } of outputs) sent.set(partitionId(topic, partition), { first: 0, last: 0 })
      if (outputs.length > 0 && --outputsLeft === 0) armFailPoint('after-send')
      const others = batches.filter((batch) => !isOutput(batch))
      if (others.length > 0) for (const [id, offsets] of await inside.send(others)) sent.set(id, offsets)
      return sent
    },
    sendPositions: (identity, positions) => inside.sendPositions(identity, positions),
    commit: () => inside.commit(),
    close: () => inside.close(),
  }
}

process.exitCode = await main(process.argv.slice(2), undefined, {
  ...realWorld,
  openLog: async (settings, logger) => atLeastOnce(await realWorld.openLog(settings, logger)),
})
