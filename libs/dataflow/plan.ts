/**
 * What a topology becomes: a plan of sub-topologies that the runtime turns into tasks. Pure: no Kafka, no clock, no await.
 *
 *     topology()  →  graph of nodes  →  TopologyPlan { sub-topologies }  →  instantiate(host)  →  TaskProgram (one per task)
 */
import type { KeyBytes, StoreCells } from './cells.ts'
import type { AnyFormat } from './format.ts'
import type { Meta } from './records.ts'

/** Header names may repeat; order is kept. Same shape as the log port's. */
export type Header = readonly [name: string, value: Uint8Array]

export interface TopologyPlan {
  readonly name: string
  readonly version: number
  /** In the order of the flow: a sub-topology stands behind all that feed it. */
  readonly subTopologies: readonly SubTopologyPlan[]
}

/** What happens to a record of a source that cannot be used. */
export type RefusalPolicy = 'dead-letter' | 'skip' | 'stop'

/** Records that have waited in the log for longer are left out, but for those that are kept. */
export interface SourceShedding {
  readonly olderThanMs: number
  /** Part of them, or which. */
  readonly keep: number | ((value: unknown) => boolean)
}

export interface ExternalInput {
  readonly kind: 'external'
  readonly topic: string
  readonly outOfOrdernessMs: number
  readonly startAt: 'earliest' | 'latest' | number | undefined
  /** Default 'dead-letter'. */
  readonly onRefused: RefusalPolicy
  /** A record whose event time is further ahead of the wall clock than this is refused. */
  readonly aheadOfClockMsMax: number
  /** A record with a larger key or more headers than these is refused. */
  readonly keyBytesMax: number
  readonly headersMax: number
  /** Records per second, of all partitions; undefined: no limit. */
  readonly rateLimit: number | undefined
  readonly shed: SourceShedding | undefined
  readonly keyFormat: AnyFormat
  readonly valueFormat: AnyFormat
}

export interface RepartitionInput {
  readonly kind: 'repartition'
  /** Name of the keyBy step; the topic is internalNames(...).repartition(step). */
  readonly step: string
  /** Sub-topology that writes it. */
  readonly from: string
  /** Fixed by the user, or undefined: as many as the largest input of the upstream sub-topology. */
  readonly partitions: number | undefined
}

export type InputPlan = ExternalInput | RepartitionInput

export interface SinkOutput {
  readonly kind: 'sink'
  readonly topic: string
  readonly keyFormat: AnyFormat
  readonly valueFormat: AnyFormat
  /** True for tables: null values are written as tombstones, the topic should be compacted. */
  readonly table: boolean
}

export interface RepartitionOutput {
  readonly kind: 'repartition'
  readonly step: string
}

export type OutputPlan = SinkOutput | RepartitionOutput

/** One stateful step = one store = one changelog topic. */
export interface StorePlan {
  readonly step: string
  /** Kinds of its cells by name; part of the manifest: a release that changes them does not start without a migration. */
  readonly cells: Readonly<Record<string, 'value' | 'map' | 'timed'>>
  /** Version of the values of each cell that the user's code fills. */
  readonly versions: Readonly<Record<string, number>>
}

export interface SubTopologyPlan {
  /** From the user's names: the alphabetically first external topic or keyBy step among the inputs. */
  readonly name: string
  readonly inputs: readonly InputPlan[]
  readonly outputs: readonly OutputPlan[]
  readonly stores: readonly StorePlan[]
  /** True when several inputs meet in a stateful step: their partition counts must be equal. */
  readonly coPartitioned: boolean
  /** Largest time by which a step emits behind the watermark (a window: its lateness), along any path to a repartition output, ms. */
  readonly holdMs: number
  /** Largest time by which anything fires behind the watermark of a task, ms: what is older has been fired for sure. */
  readonly closeMs: number
  instantiate(host: TaskHost): TaskProgram
}

/** A step as a tap sees it. */
export interface TappedStep {
  /** In the order in which the steps were written. */
  readonly id: number
  /** Name given by the user, or what kind of step it is. */
  readonly title: string
  /** Where it stands in the user's code. */
  readonly at: string
  /** `events`: each result counts. `rows`: only the last of each key does. `updates`: it comes from rows, and how many there are depends on commits. */
  readonly results: 'events' | 'rows' | 'updates'
}

/** Sees each result of each step when it is passed on; `current` is only valid during the call. */
export type Tap = (step: TappedStep, value: unknown, current: Meta<unknown>) => void

/** What a task offers to its program. */
export interface TaskHost {
  readonly partition: number
  /** Default: nobody looks, which costs nothing. */
  readonly tap?: Tap
  /** Results say where they come from, so that a switch can compare them (engine.md 6.2). Default: they do not. */
  readonly tellsOrigins?: boolean
  /** Looks whether user code has changed a value in place that goes on as the bytes that it came as (test kit). Default false. */
  readonly findsChangedValues?: boolean
  store(step: string): StoreCells
  /** Current number of partitions of an output (index in `outputs`). */
  partitionsOf(output: number): number
  /**
   * Hands over an encoded record; kept until the commit. `partition`: chosen by the program (murmur2 of the key bytes, as Java does).
   * `stamp`: origin watermark just before the record; -Infinity for results fired by time. Only repartition outputs carry it.
   */
  emit(
    output: number,
    partition: number,
    key: KeyBytes | null,
    value: Uint8Array | null,
    timestamp: number,
    stamp: number,
    headers: readonly Header[],
  ): void
  /** Wall clock, epoch ms (processing-time timers). */
  now(): number
  /** Hands over a call to the world; made after the commit, by the live version only. */
  effect(call: EffectCall): void
}

/** One call of an effect step. */
export interface EffectCall {
  readonly step: string
  readonly key: unknown
  readonly keyBytes: KeyBytes
  readonly value: unknown
  readonly position: { readonly topic: string; readonly partition: number; readonly offset: bigint }
  readonly timeoutMs: number
  readonly concurrency: number
  readonly order: 'per-key' | 'none'
  run(signal: AbortSignal): Promise<unknown>
}

/** A record of the log, before it is decoded. */
export interface RawRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
}

/** A decoded record that waits for its turn. */
export interface InputRecord {
  /** Index in `inputs`. */
  readonly input: number
  readonly partition: number
  readonly offset: number
  readonly key: unknown
  readonly keyBytes: KeyBytes
  readonly value: unknown
  /** Event time. */
  readonly timestamp: number
  readonly headers: readonly Header[]
  /** The bytes that the value was read from, where the engine's own form reads them as this value; of a repartition record with the path of its origin. */
  readonly valueBytes: Uint8Array | undefined
  /** It comes from a repartition topic. */
  readonly travelled: boolean
}

/** A record that cannot be used: which part, and why. Thrown by `read`, before any effect on state. */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused'
  readonly reason: 'key' | 'value' | 'schema' | 'null-key' | 'null-value' | 'event-time' | 'future' | 'too-large' | 'user-code'
  constructor(reason: RecordRefused['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** P5: every record ends as exactly one of these, or refused. */
export type Outcome = 'processed' | 'filtered' | 'late'

export interface StepCounters {
  readonly step: string
  /** Records that reached the step. */
  records: number
  /** Records or results that the step passed on. */
  results: number
  late: number
}

/** A sub-topology on one partition: synchronous, the heart of the hot path. */
/** The watermark behind the last record of a batch: every window and timer is due. Finite, since JSON knows no infinity. */
export const END_OF_TIME = Number.MAX_VALUE

export interface TaskProgram {
  /**
   * Decodes; asks the user's event-time function. Throws RecordRefused. Has no effect on state. `headers`: where they are not those of the record.
   * `prepare` below must have resolved for this record first.
   */
  read(input: number, partition: number, record: RawRecord, headers?: readonly Header[]): InputRecord
  /** Asynchronous preparation of formats (a schema to fetch); undefined when nothing is needed (always so for most formats). */
  prepare(input: number, record: RawRecord): Promise<void> | undefined
  /** Announces the state that the record will touch. */
  prefetch(record: InputRecord): void
  /** `stamp`: the watermark of the record's origin partition just before it. Errors of user code pass through. */
  process(record: InputRecord, stamp: number): Outcome
  /** Event time is complete up to here: fires what is due, operators in order of the flow. Never called with a smaller value. */
  advance(watermark: number): void
  /** Fires processing-time timers that are due. */
  tick(now: number): void
  /** Wall-clock time of the next processing-time timer; Infinity if none. */
  nextTick(): number
  /** Called before each commit: tables and every-commit windows emit what changed. */
  flush(): void
  readonly counters: readonly StepCounters[]
}

/** Names of everything internal; all start with the same prefix so that ACLs and versions stay apart. */
export interface InternalNames {
  readonly prefix: string
  readonly group: string
  readonly control: string
  readonly deadLetters: string
  commits(subTopology: string): string
  changelog(step: string): string
  repartition(step: string): string
  /** Where results for a topic go while the version is not live. */
  shadow(topic: string): string
  /** Calls to the world that a version in shadow did not make. */
  readonly effects: string
  /** Rows of tables that a version publishes when it becomes live. */
  readonly differences: string
  transactionalId(subTopology: string, partition: number): string
  /** `<sub-topology>.<partition>`, also the name of the local store. */
  task(subTopology: string, partition: number): string
}

const topicSafe = (name: string): string => name.replaceAll('/', '.')

export function internalNames(application: string, version: number): InternalNames {
  const prefix = `${application}.v${version}`
  return {
    prefix,
    group: prefix,
    control: `${prefix}.control`,
    deadLetters: `${prefix}.dead-letters`,
    commits: (subTopology) => `${prefix}.${topicSafe(subTopology)}.commits`,
    changelog: (step) => `${prefix}.${topicSafe(step)}.changelog`,
    repartition: (step) => `${prefix}.${topicSafe(step)}.repartition`,
    shadow: (topic) => `${prefix}.out.${topic}`,
    effects: `${prefix}.effects`,
    differences: `${prefix}.differences`,
    transactionalId: (subTopology, partition) => `${prefix}.${topicSafe(subTopology)}.${partition}`,
    task: (subTopology, partition) => `${topicSafe(subTopology)}.${partition}`,
  }
}
