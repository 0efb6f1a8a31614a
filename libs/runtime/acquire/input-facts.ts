/** Gathers what the comparison needs to know of external input partitions: C, the range of the log, the start of a first run, identity. */
import { decodeMarker } from '../task/commit-record.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import type { PartitionFacts } from './barrier.ts'
import { compareFingerprint } from './fingerprint.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, LogAdmin, PartitionRange } from '../ports/log.ts'
import { readOne } from './range-reader.ts'
import { rangeOr } from './restore.ts'
import type { Settings } from '../settings/settings.ts'
import type { InputWiring } from '../worker/wiring.ts'

export interface InputFactsContext {
  readonly log: Log
  readonly clock: Clock
  readonly settings: Pick<Settings, 'startAt' | 'restoreStallMs'>
  readonly signal: AbortSignal
  identity(): { readonly groupId: string }
}

export async function gatherInputs(
  context: InputFactsContext,
  inputs: readonly InputWiring[],
  commitRecord: CommitRecord | undefined,
  /** C, where it was asked for together with that of other inputs. */
  known?: Awaited<ReturnType<LogAdmin['committed']>>,
): Promise<PartitionFacts[]> {
  const { admin } = context.log
  const committed = known ?? (await admin.committed(context.identity().groupId, inputs))
  const ranges = await admin.ranges(inputs)
  return await Promise.all(
    inputs.map(async (input) => {
      const range = rangeOr(ranges.get(input.id))
      const answer = committed.get(input.id)
      return {
        id: input.id,
        committed: answer === undefined ? undefined : { position: answer.position, marker: decodeMarker(answer.metadata) },
        logStart: range.logStart,
        logEnd: range.end,
        firstRunPosition: await firstRunPosition(context, input, range),
        identity: await identityOf(context, input, range, commitRecord),
      }
    }),
  )
}

async function firstRunPosition(context: InputFactsContext, input: InputWiring, range: PartitionRange): Promise<number> {
  const startAt = input.external?.startAt ?? context.settings.startAt
  if (startAt === 'earliest') return range.logStart
  if (startAt === 'latest') return range.end
  const at = typeof startAt === 'number' ? startAt : Date.parse(startAt)
  return (await context.log.admin.positionsAt([input], at)).get(partitionId(input.topic, input.partition)) ?? range.end
}

async function identityOf(
  context: InputFactsContext,
  input: InputWiring,
  range: PartitionRange,
  commitRecord: CommitRecord | undefined,
): Promise<PartitionFacts['identity']> {
  const remembered = commitRecord?.identity[input.id]
  if (remembered === undefined || remembered.offset < range.logStart || remembered.offset >= range.lastStable) return 'unknown'
  const found = await readOne(context.log, context.clock, {
    partition: input,
    from: remembered.offset,
    until: remembered.offset + 1,
    stallMs: context.settings.restoreStallMs,
    signal: context.signal,
  })
  return compareFingerprint(remembered, found)
}
