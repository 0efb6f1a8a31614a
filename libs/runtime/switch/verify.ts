/**
 * Verification: a switch that is always abandoned (engine.md 6.2, step 6). While both versions are halted at one place the ends of their
 * topics are noted; what stands below them is compared afterwards, when the live version goes on already.
 */
import { fromKeyBytes, toKeyBytes } from '../../dataflow/cells.ts'
import type { SinkOutput, TopologyPlan } from '../../dataflow/plan.ts'
import { IDENTITY } from '../../dataflow/operators/current.ts'
import { readRange } from '../acquire/range-reader.ts'
import { partitionId } from '../ports/log.ts'
import type { LogRecord, PartitionRange, TopicPartition } from '../ports/log.ts'
import { OutputComparison } from './compare-outputs.ts'
import type { ComparedRecord, Side, SinkComparison } from './compare-outputs.ts'
import type { CompareRules } from './compare-values.ts'
import { writerOf } from './handover.ts'
import { knownVersion } from './replays.ts'
import { runSwitch } from './run-switch.ts'
import type { SwitchRequest } from './run-switch.ts'
import type { SinkFacts } from './shared-state.ts'
import { readShared } from './shared-topic.ts'
import type { SharedContext } from './shared-topic.ts'

export interface VerifyRequest extends Pick<SwitchRequest, 'to' | 'pauseMsMax' | 'onStep'> {
  /** Of the version that is verified: decodes what both have written. */
  readonly plan: TopologyPlan
  readonly rules: CompareRules
  /** Part of the keys that is compared, 0 to 1. */
  readonly sample: number
}

export interface Verification {
  readonly application: string
  readonly live: number
  readonly version: number
  readonly s: number
  /** How long the live version stood still. */
  readonly pauseMs: number | undefined
  readonly sample: number
  readonly sinks: readonly SinkComparison[]
}

export async function verify(context: SharedContext, request: VerifyRequest): Promise<Verification> {
  const { to, pauseMsMax, onStep } = request
  const facts = knownVersion(await readShared(context), context.application, to)
  let ends: ReadonlyMap<string, PartitionRange> = new Map()
  const result = await runSwitch(context, {
    to,
    pauseMsMax,
    onStep,
    purpose: 'verify',
    keepWarm: false,
    fence: false,
    decide: 'abandon',
    beforeDecision: async () => {
      ends = await context.log.admin.ranges(
        facts.sinks.flatMap((sink) => [...partitionsOf(sink, 'topic'), ...partitionsOf(sink, 'shadow')]),
      )
    },
  })
  const sinks: SinkComparison[] = []
  for (const sink of facts.sinks) {
    const comparison = new OutputComparison(sink.topic, sink.table, request.rules)
    for (let partition = 0; partition < sink.partitions; partition += 1) {
      const abreast = new Abreast(context)
      const one = (side: Side, which: 'topic' | 'shadow'): Promise<void> =>
        read(context, request, { sink, partition, which }, ends, (records) => {
          for (const record of records) comparison.add(side, record)
          return abreast.went(side, records.length)
        }).finally(() => abreast.ended(side))
      await Promise.all([one('live', 'topic'), one('next', 'shadow')])
    }
    sinks.push(comparison.result())
  }
  return {
    application: context.application,
    live: result.from,
    version: to,
    s: result.s,
    pauseMs: result.pauseMs,
    sample: request.sample,
    sinks,
  }
}

const partitionsOf = (sink: SinkFacts, which: 'topic' | 'shadow'): TopicPartition[] =>
  Array.from({ length: sink.partitions }, (_, partition) => ({ topic: sink[which], partition }))

/**
 * Two topics that hold the same, or nearly: the reader that is ahead waits for the other one, so that what only one has shown so far is little.
 */
class Abreast {
  readonly #context: SharedContext
  readonly #counts: Record<Side, number> = { live: 0, next: 0 }

  constructor(context: SharedContext) {
    this.#context = context
  }

  async went(side: Side, records: number): Promise<void> {
    const counts = this.#counts
    counts[side] += records
    const other = side === 'live' ? 'next' : 'live'
    while (counts[side] > counts[other] + AHEAD_MAX) await this.#context.clock.sleep(AHEAD_PAUSE_MS)
  }

  /** Nothing comes any more: nobody waits for it. */
  ended(side: Side): void {
    this.#counts[side] = Infinity
  }
}

const AHEAD_MAX = 20_000
const AHEAD_PAUSE_MS = 5

async function read(
  context: SharedContext,
  request: VerifyRequest,
  { sink, partition, which }: { readonly sink: SinkFacts; readonly partition: number; readonly which: 'topic' | 'shadow' },
  ends: ReadonlyMap<string, PartitionRange>,
  take: (records: readonly ComparedRecord[]) => Promise<void>,
): Promise<void> {
  const formats = formatsOf(request.plan, sink.topic)
  const range = ends.get(partitionId(sink[which], partition))
  if (range === undefined) return
  // Others may write to the real topic too.
  const isOurs = (record: LogRecord): boolean =>
    writerOf(record)?.startsWith(`${context.application}.v`) === true && isSampled(record, request.sample)
  await readRange(context.log, context.clock, {
    partition: { topic: sink[which], partition },
    from: range.logStart,
    until: range.end,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => take(records.filter(isOurs).map((record) => compared(record, formats))),
  })
}

/** By key, so that a table's row is there whole or not at all. */
function isSampled({ key, offset }: LogRecord, sample: number): boolean {
  if (sample >= 1) return true
  let hash = 2_166_136_261
  for (const byte of key ?? Buffer.from(String(offset))) hash = Math.imul(hash ^ byte, 16_777_619)
  return (hash >>> 0) / 2 ** 32 < sample
}

function formatsOf(plan: TopologyPlan, topic: string): SinkOutput | undefined {
  const outputs = plan.subTopologies.flatMap((sub) => sub.outputs)
  return outputs.find((output): output is SinkOutput => output.kind === 'sink' && output.topic === topic)
}

function compared(record: LogRecord, formats: SinkOutput | undefined): ComparedRecord {
  const identity = record.headers.find(([name]) => name === IDENTITY)?.[1]
  return {
    key: record.key === null ? '' : readable(record.key),
    value: record.value === null ? null : decoded(record.value, formats),
    identity: identity === undefined ? undefined : toKeyBytes(identity),
    timestamp: record.timestamp,
  }
}

/** Text where it is text, else as it stands in the log. */
function readable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  return Buffer.compare(Buffer.from(text, 'utf8'), bytes) === 0 ? text : fromKeyBytes(toKeyBytes(bytes)).toString('hex')
}

/** What cannot be decoded is compared as bytes: the other version may write another form. */
function decoded(value: Uint8Array, formats: SinkOutput | undefined): unknown {
  try {
    return formats === undefined ? readable(value) : formats.valueFormat.decode(value)
  } catch {
    return readable(value)
  }
}
