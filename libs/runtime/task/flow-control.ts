/**
 * What a source says about too much input: at most so many records a second, and which to leave out when the application is behind
 * (`rateLimit`, `shed`). Everything else waits in the log: queues are bounded, a full one pauses its partition.
 */
import type { SourceShedding } from '../../dataflow/plan.ts'
import type { Clock } from '../ports/clock.ts'
import { Pace } from '../switch/pace.ts'
import type { CommitRecord } from './commit-record.ts'
import type { RunContext } from './run-context.ts'
import type { InputItem, InputQueue } from './input-queue.ts'

/** Undefined: no limit. A partition has its share of the source's rate, so that nobody must ask the owners of the others. */
export function paceOf({ wiring }: InputQueue): Pace | undefined {
  const rate = wiring.external?.rateLimit
  return rate === undefined ? undefined : new Pace(rate / wiring.partitions)
}

/**
 * From which offset on a queue may shed; undefined: not at all. A version in shadow and a batch compute what all records give, however old they
 * are, and so does what is processed again after a reset of offsets.
 */
export function shedsFrom(
  { bounds }: Pick<RunContext, 'bounds'>,
  { role, repeats }: Pick<CommitRecord, 'role' | 'repeats'>,
): ((queue: InputQueue) => number) | undefined {
  if (role !== 'live' || bounds !== undefined) return undefined
  return ({ wiring }) => repeats?.positions[wiring.id] ?? 0
}

/** The item itself, or that its record is left out. */
export function shedOrKeep(item: InputItem, shed: SourceShedding | undefined, clock: Clock): InputItem {
  if (shed === undefined || item.kind !== 'record') return item
  const { raw, record } = item
  if (clock.now() - raw.timestamp <= shed.olderThanMs || isKept(shed.keep, record)) return item
  return { kind: 'shed', timestamp: record.timestamp, raw }
}

interface Candidate {
  readonly value: unknown
  readonly partition: number
  readonly offset: number
}

function isKept(keep: SourceShedding['keep'], { value, partition, offset }: Candidate): boolean {
  return typeof keep === 'number' ? lot(partition, offset) < keep : keep(value)
}

/** From 0 up to 1, the same for the same place: a run that is repeated after a failure draws no new lots. */
export function lot(partition: number, offset: number): number {
  // Neighbours must not have neighbouring lots: each step spreads every bit (constants of the 32-bit Murmur3 finalizer, public domain).
  let bits = Math.imul(offset ^ Math.floor(offset / 2 ** 32) ^ Math.imul(partition + 1, 0x9e3779b1), 0x85ebca6b) >>> 0
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
}
