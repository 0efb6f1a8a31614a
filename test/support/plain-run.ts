/**
 * Runs a topology without a runtime: every sub-topology as tasks over plain cells, repartition topics as arrays, commits by hand.
 * What it keeps of engine.md: one watermark for each input partition, stamps, markers behind the records of a commit, holds.
 */
import { fromKeyBytes, toKeyBytes } from '../../libs/dataflow/cells.ts'
import type { AnyFormat } from '../../libs/dataflow/format.ts'
import { partitionOf } from '../../libs/dataflow/murmur2.ts'
import { RecordRefused } from '../../libs/dataflow/plan.ts'
import type { Header, Outcome, OutputPlan, RawRecord, StepCounters, SubTopologyPlan, TaskProgram } from '../../libs/dataflow/plan.ts'
import { planOf } from '../../libs/dataflow/topology.ts'
import type { Topology } from '../../libs/dataflow/topology.ts'
import { PlainStores } from './plain-cells.ts'

export interface Sent {
  readonly key?: string | null
  /** As JSON; undefined: no value. Bytes go as they are. */
  readonly value?: unknown
  readonly timestamp?: number
  readonly partition?: number
  readonly headers?: readonly Header[]
}

export interface Written {
  readonly topic: string
  readonly partition: number
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly headers: readonly Header[]
}

interface Emitted {
  readonly output: OutputPlan
  readonly partition: number
  readonly record: RawRecord
  readonly stamp: number
}

class PlainTask {
  readonly plan: SubTopologyPlan
  readonly partition: number
  readonly stores = new PlainStores()
  readonly inputWatermarks: number[]
  emitted: Emitted[] = []
  watermark = -Infinity
  program: TaskProgram
  readonly #run: PlainRun
  #saved: { readonly inputWatermarks: readonly number[]; readonly watermark: number }

  constructor(run: PlainRun, plan: SubTopologyPlan, partition: number) {
    this.#run = run
    this.plan = plan
    this.partition = partition
    this.inputWatermarks = plan.inputs.map(() => -Infinity)
    this.#saved = { inputWatermarks: [...this.inputWatermarks], watermark: -Infinity }
    this.program = this.#instantiate()
  }

  #instantiate(): TaskProgram {
    return this.plan.instantiate({
      partition: this.partition,
      store: (step) => this.stores.store(step),
      partitionsOf: () => this.#run.partitions,
      now: () => this.#run.now,
      effect: () => undefined,
      emit: (output, partition, key, value, timestamp, stamp, headers) => {
        const target = this.plan.outputs[output]
        if (target === undefined) throw new RangeError(`no output ${output}`)
        this.emitted.push({
          output: target,
          partition,
          record: { offset: 0, timestamp, key: key === null ? null : fromKeyBytes(key), value, headers },
          stamp,
        })
      },
    })
  }

  take(input: number, raw: RawRecord, stamp: number | undefined): Outcome {
    const record = this.program.read(input, this.partition, raw)
    this.program.prefetch(record)
    const external = this.plan.inputs[input]
    const outcome = this.program.process(record, stamp ?? this.inputWatermarks[input] ?? -Infinity)
    if (external?.kind === 'external') this.raise(input, record.timestamp - external.outOfOrdernessMs)
    return outcome
  }

  raise(input: number, watermark: number): void {
    this.inputWatermarks[input] = Math.max(this.inputWatermarks[input] ?? -Infinity, watermark)
    const merged = Math.min(...this.inputWatermarks)
    if (merged <= this.watermark) return
    this.watermark = merged
    this.program.advance(merged)
  }

  commit(): Emitted[] {
    this.program.flush()
    this.stores.commit()
    this.#saved = { inputWatermarks: [...this.inputWatermarks], watermark: this.watermark }
    const { emitted } = this
    this.emitted = []
    return emitted
  }

  crash(): void {
    this.emitted = []
    this.stores.crash()
    this.inputWatermarks.splice(0, this.inputWatermarks.length, ...this.#saved.inputWatermarks)
    this.watermark = this.#saved.watermark
    this.program = this.#instantiate()
    if (this.watermark !== -Infinity) this.program.advance(this.watermark)
  }
}

export class PlainRun {
  readonly partitions: number
  /** Wall clock. */
  now = Date.UTC(2030, 0)
  readonly outcomes: Record<Outcome, number> = { processed: 0, filtered: 0, late: 0 }
  readonly refused: { readonly reason: string; readonly message: string }[] = []
  readonly tasks: readonly PlainTask[]
  #written: Written[] = []
  /** Watermark of each upstream task as its last marker said it, by repartition step. */
  readonly #markers = new Map<string, number[]>()

  constructor(topology: Topology, { partitions = 1 }: { readonly partitions?: number } = {}) {
    this.partitions = partitions
    this.tasks = planOf(topology).subTopologies.flatMap((plan) =>
      Array.from({ length: partitions }, (_, partition) => new PlainTask(this, plan, partition)),
    )
  }

  /** A record of an external topic; repartition records wait for the commit. */
  send(topic: string, { key = null, ...record }: Sent): Outcome | 'refused' {
    return this.sendBytes(topic, key === null ? null : Buffer.from(key), record.value, record)
  }

  sendBytes(
    topic: string,
    keyBytes: Uint8Array | null,
    value: unknown,
    { timestamp = 0, partition, headers = [] }: Omit<Sent, 'key' | 'value'> = {},
  ): Outcome | 'refused' {
    const encoded = value === undefined ? null : value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value))
    const chosen = partition ?? (keyBytes === null ? 0 : partitionOf(toKeyBytes(keyBytes), this.partitions))
    for (const task of this.tasks) {
      const input = task.plan.inputs.findIndex((one) => one.kind === 'external' && one.topic === topic)
      if (input === -1 || task.partition !== chosen) continue
      try {
        const outcome = task.take(input, { offset: 0, timestamp, key: keyBytes, value: encoded, headers }, undefined)
        this.outcomes[outcome] += 1
        return outcome
      } catch (error) {
        if (!(error instanceof RecordRefused)) throw error
        this.refused.push({ reason: error.reason, message: error.message })
        return 'refused'
      }
    }
    throw new RangeError(`no task reads ${topic} ${chosen}`)
  }

  /** Event time of all external inputs. */
  advance(watermark: number): void {
    for (const task of this.tasks)
      task.plan.inputs.forEach((input, index) => {
        if (input.kind === 'external') task.raise(index, watermark)
      })
  }

  tick(now: number): void {
    this.now = now
    for (const task of this.tasks) if (task.program.nextTick() <= now) task.program.tick(now)
  }

  /** Commits all tasks in the order of the flow, until nothing moves. */
  commit(): void {
    for (const task of this.tasks) this.commitTask(task)
  }

  commitTask(task: PlainTask): void {
    for (const { output, partition, record, stamp } of task.commit()) {
      if (output.kind === 'sink') {
        this.#written.push(readBack(output, partition, record))
        continue
      }
      // As the header does: a stamp that is not above the event time is left out.
      const travelling = stamp > record.timestamp ? stamp : -Infinity
      const [reader, input] = this.#readerOf(output.step, partition)
      this.outcomes[reader.take(input, record, travelling)] += 1
    }
    for (const output of task.plan.outputs) {
      if (output.kind === 'repartition') this.#mark(output.step, task.partition, task.watermark - task.plan.holdMs)
    }
  }

  #mark(step: string, upstream: number, watermark: number): void {
    const markers = this.#markers.get(step) ?? Array.from({ length: this.partitions }, () => -Infinity)
    this.#markers.set(step, markers)
    markers[upstream] = watermark
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const [reader, input] = this.#readerOf(step, partition)
      reader.raise(input, Math.min(...markers))
    }
  }

  #readerOf(step: string, partition: number): readonly [task: PlainTask, input: number] {
    for (const task of this.tasks) {
      const input = task.plan.inputs.findIndex((one) => one.kind === 'repartition' && one.step === step)
      if (input !== -1 && task.partition === partition) return [task, input]
    }
    throw new RangeError(`nobody reads ${step} ${partition}`)
  }

  /** Commits, and answers what was written to a sink since the last time. */
  read(topic: string): Written[] {
    this.commit()
    const found = this.#written.filter((one) => one.topic === topic)
    this.#written = this.#written.filter((one) => one.topic !== topic)
    return found
  }

  /** Only keys and values. */
  pairs(topic: string): (readonly [key: unknown, value: unknown])[] {
    return this.read(topic).map(({ key, value }) => [key, value] as const)
  }

  counters(step: string): Pick<StepCounters, 'records' | 'results' | 'late'> {
    const total = { records: 0, results: 0, late: 0 }
    for (const task of this.tasks)
      for (const one of task.program.counters) {
        if (one.step !== step) continue
        total.records += one.records
        total.results += one.results
        total.late += one.late
      }
    return total
  }
}

function readBack(output: Extract<OutputPlan, { kind: 'sink' }>, partition: number, record: RawRecord): Written {
  const read = (format: AnyFormat, bytes: Uint8Array | null): unknown => (bytes === null ? null : format.decode(bytes))
  return {
    topic: output.topic,
    partition,
    key: read(output.keyFormat, record.key),
    value: read(output.valueFormat, record.value),
    timestamp: record.timestamp,
    headers: record.headers,
  }
}
