/**
 * The topic `<app>.control`: read by every worker and command, written by one writer at a time.
 *
 * A writer opens the transactional id of the topic, which makes every other writer powerless, reads to the end, and decides only then:
 * what it decides is what the log says (hole S4). After a failure it starts again, so `decide` sees what became of the first try.
 */
import { Fault } from '../../faults/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { Log, TopicSpec } from '../ports/log.ts'
import { readRange } from '../acquire/range-reader.ts'
import { NOTHING_SHARED, decodeShared, encodeShared, foldShared, sharedTopic } from './shared-state.ts'
import type { SharedRecord, SharedState } from './shared-state.ts'

export interface SharedContext {
  readonly log: Log
  readonly clock: Clock
  readonly application: string
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** Never compacted, never deleted: the first decision counts, so every record must stay. A few for each switch. */
const sharedTopicSpec = (application: string, replicationFactor: number): TopicSpec => ({
  name: sharedTopic(application),
  partitions: 1,
  replicationFactor,
  config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
})

/** Answers whether it had to be made. */
export async function ensureSharedTopic(log: Log, application: string, replicationFactor: number): Promise<boolean> {
  const topic = sharedTopic(application)
  if ((await log.admin.describeTopics([topic])).has(topic)) return false
  await log.admin.createTopics([sharedTopicSpec(application, replicationFactor)])
  return true
}

/** All that stands in the topic now; nothing where there is no topic. */
export async function readShared(context: SharedContext, from: SharedState = NOTHING_SHARED): Promise<SharedState> {
  const partition = { topic: sharedTopic(context.application), partition: 0 }
  const range = (await context.log.admin.ranges([partition])).get(partitionId(partition.topic, 0))
  if (range === undefined) return from
  let state = from
  await readRange(context.log, context.clock, {
    partition,
    from: Math.max(from.position, range.logStart),
    until: range.end,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => {
      for (const record of records) state = foldShared(state, record.offset, decodeShared(record.value))
    },
  })
  return state
}

/** As many writers may want the topic at one moment. */
const TRIES_MAX = 20

/** Writes what `decide` wants as one transaction, and answers what holds then. Undefined: there is nothing (left) to write. */
export async function writeShared(
  context: SharedContext,
  decide: (state: SharedState) => SharedRecord | undefined | Promise<SharedRecord | undefined>,
): Promise<SharedState> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await writeOnce(context, decide)
    } catch (error) {
      const passes =
        error instanceof Fault && (error.action === 'retry' || error.action === 'release-task' || error.action === 'acquire-again')
      if (!passes || context.signal.aborted) throw error
      if (tries >= TRIES_MAX) throw notWritten(context, error)
      await context.clock.sleep(25 * tries, context.signal)
    }
  }
}

async function writeOnce(
  context: SharedContext,
  decide: (state: SharedState) => SharedRecord | undefined | Promise<SharedRecord | undefined>,
): Promise<SharedState> {
  const topic = sharedTopic(context.application)
  const producer = await context.log.openProducer(topic)
  try {
    const state = await readShared(context)
    const record = await decide(state)
    if (record === undefined) return state
    const outgoing = { key: Buffer.from(record.kind), value: encodeShared(record), timestamp: context.clock.now(), headers: [] }
    const sent = await producer.send([{ topic, partition: 0, records: [outgoing] }])
    await producer.commit()
    return foldShared(state, sent.get(partitionId(topic, 0))?.last ?? state.position, record)
  } finally {
    // A failed close leaves a connection to time out, and must not hide what happened.
    await producer.close().catch(() => undefined)
  }
}

const notWritten = ({ application }: SharedContext, cause: Fault): Fault =>
  new Fault(
    'MR5081',
    'stop',
    `${sharedTopic(application)} could not be written in ${TRIES_MAX} tries: other commands or workers kept taking it over, or the broker is away. Nothing was decided; try again`,
    { place: { topic: sharedTopic(application) }, cause },
  )
