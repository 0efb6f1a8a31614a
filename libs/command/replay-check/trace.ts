/**
 * What the steps of one run of a topology gave, in order, task by task. The plan that runs is the user's, with a tap in each program.
 *
 * A task that failed begins again at its last commit, in a new program: what it does a second time takes the place of the first time.
 */
import { inspect } from 'node:util'
import { fromKeyBytes } from '../../dataflow/cells.ts'
import { RecordRefused } from '../../dataflow/plan.ts'
import type { InputRecord, SubTopologyPlan, TappedStep, TaskHost, TaskProgram, TopologyPlan } from '../../dataflow/plan.ts'
import { encodeStructured } from '../../dataflow/structured-codec.ts'

/** What a record or a result was, as text: what is not equal here is not equal. */
export interface TracedEvent {
  readonly step: TappedStep
  readonly key: string
  readonly value: string
  readonly timestamp: number
  /** The record in hand; undefined: fired by time, or given at a commit. */
  readonly cause: RecordPlace | undefined
}

export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface TaskTrace {
  /** Index of the sub-topology in the order of the flow. */
  readonly stage: number
  readonly name: string
  readonly events: TracedEvent[]
  /** Records that user code failed on: place → message. */
  readonly failed: Map<string, string>
}

export interface Trace {
  readonly tasks: ReadonlyMap<string, TaskTrace>
}

/** Not a step of the user's: a record that comes in. */
const INPUT = -1
export const isInput = ({ id }: TappedStep): boolean => id === INPUT

/** As many results as a sink or a repartition topic got come last: behind all steps. */
const ENDS_FROM = 1_000_000

/** The plan to run, and where its trace grows. */
export function tracedPlan(plan: TopologyPlan): { readonly plan: TopologyPlan; readonly trace: Trace } {
  const tasks = new Map<string, TaskTrace>()
  const subTopologies = plan.subTopologies.map((sub, stage) => ({
    ...sub,
    instantiate: (host: TaskHost) => {
      const name = `${sub.name}.${host.partition}`
      const task = tasks.get(name) ?? { stage, name, events: [], failed: new Map<string, string>() }
      tasks.set(name, task)
      return new TracedProgram(sub, host, task)
    },
  }))
  return { plan: { ...plan, subTopologies }, trace: { tasks } }
}

class TracedProgram implements TaskProgram {
  readonly #program: TaskProgram
  readonly #task: TaskTrace
  readonly #topics: readonly string[]
  /** What happened before the first record of this program: it is not known yet from where the task goes on. */
  #early: TracedEvent[] | undefined = []
  #inHand: RecordPlace | undefined

  constructor(sub: SubTopologyPlan, host: TaskHost, task: TaskTrace) {
    this.#task = task
    this.#topics = sub.inputs.map((input) => (input.kind === 'external' ? input.topic : input.step))
    const ends = sub.outputs.map((output, index): TappedStep => {
      const title = output.kind === 'sink' ? `to(${output.topic})` : `${output.step} (repartition)`
      return { id: ENDS_FROM + index, title, at: '', results: 'updates' }
    })
    this.#program = sub.instantiate({
      ...host,
      tap: (step, value, { key, timestamp }) => this.#add(step, key, value, timestamp),
      emit: (output, partition, key, value, timestamp, stamp, headers) => {
        const end = ends[output]
        if (end !== undefined) this.#add(end, key === null ? null : fromKeyBytes(key), value, timestamp)
        host.emit(output, partition, key, value, timestamp, stamp, headers)
      },
    })
  }

  get counters(): TaskProgram['counters'] {
    return this.#program.counters
  }

  read: TaskProgram['read'] = (...record) => this.#program.read(...record)
  prepare: TaskProgram['prepare'] = (input, record) => this.#program.prepare(input, record)
  prefetch: TaskProgram['prefetch'] = (record) => this.#program.prefetch(record)
  nextTick: TaskProgram['nextTick'] = () => this.#program.nextTick()
  advance: TaskProgram['advance'] = (watermark) => this.#program.advance(watermark)
  tick: TaskProgram['tick'] = (now) => this.#program.tick(now)
  flush: TaskProgram['flush'] = () => this.#program.flush()

  process(record: InputRecord, stamp: number): ReturnType<TaskProgram['process']> {
    const topic = this.#topics[record.input] ?? ''
    const place = { topic, partition: record.partition, offset: record.offset }
    this.#goOnAt(place)
    const before = this.#task.events.length
    this.#inHand = place
    this.#add({ id: INPUT, title: topic, at: '', results: 'updates' }, record.key, record.value, record.timestamp)
    try {
      return this.#program.process(record, stamp)
    } catch (error) {
      this.#task.events.length = before
      if (!(error instanceof RecordRefused)) this.#task.failed.set(placeText(place), error instanceof Error ? error.message : String(error))
      throw error
    } finally {
      this.#inHand = undefined
    }
  }

  /** The first record of a program: what an earlier one did from there on was not committed. */
  #goOnAt({ topic, partition, offset }: RecordPlace): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    const { events } = this.#task
    const again = events.findIndex(
      ({ step, cause }) => isInput(step) && cause?.topic === topic && cause.partition === partition && cause.offset === offset,
    )
    if (again >= 0) events.length = again
    events.push(...early)
  }

  #add(step: TappedStep, key: unknown, value: unknown, timestamp: number): void {
    const event = { step, key: textOf(key), value: textOf(value), timestamp, cause: this.#inHand }
    ;(this.#early ?? this.#task.events).push(event)
  }
}

export const placeText = ({ topic, partition, offset }: RecordPlace): string => `${topic}-${partition}@${offset}`

/** Exact: the order of fields and entries counts, as it does in the bytes of a topic. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  try {
    return Buffer.from(encodeStructured(value))
      .toString('utf8')
      .replace(/^\uFFFD/u, '')
  } catch {
    // Functions and circles may travel between steps of one task: what can be seen of them is compared.
    return inspect(value, { depth: 6 })
  }
}
