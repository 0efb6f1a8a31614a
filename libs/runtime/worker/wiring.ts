/**
 * From a plan and the partition counts of the cluster to tasks with named topics. Pure.
 *
 * A sub-topology has as many tasks as its largest input has partitions. An input with fewer partitions is simply absent from
 * the higher tasks, unless inputs meet in a stateful step: then the counts must be equal (co-partitioning).
 */
import { Fault } from '../../faults/fault.ts'
import { internalNames } from '../../dataflow/plan.ts'
import type { ExternalInput, InternalNames, RepartitionInput, SubTopologyPlan, TopologyPlan } from '../../dataflow/plan.ts'
import { partitionId } from '../ports/log.ts'
import type { PartitionId } from '../ports/log.ts'
import { taskId } from './assignor.ts'

export interface InputWiring {
  readonly id: PartitionId
  readonly topic: string
  readonly partition: number
  /** Of the topic. */
  readonly partitions: number
  /** Index in the plan's `inputs`. */
  readonly input: number
  readonly external: ExternalInput | undefined
  readonly repartition: RepartitionInput | undefined
  /** Names of the tasks that write watermark markers into it. */
  readonly upstream: readonly string[]
}

export interface OutputWiring {
  readonly topic: string
  /** Where its records go while the version is not live; a repartition topic is the version's own anyway. */
  readonly shadow: string
  readonly partitions: number
  readonly repartition: boolean
}

export interface TaskWiring {
  /** `<sub-topology>.<partition>`. */
  readonly name: string
  readonly subTopology: SubTopologyPlan
  readonly partition: number
  /** Tasks of its sub-topology. */
  readonly siblings: number
  readonly transactionalId: string
  readonly commitTopic: string
  readonly inputs: readonly InputWiring[]
  readonly outputs: readonly OutputWiring[]
  /** Where a version in shadow lists the calls that it does not make. */
  readonly effectsTopic: string
  /** Step → changelog topic. */
  readonly changelogs: ReadonlyMap<string, string>
}

export interface Wiring {
  readonly plan: TopologyPlan
  readonly names: InternalNames
  readonly tasks: readonly TaskWiring[]
  readonly externalInputs: readonly string[]
  readonly sinks: readonly string[]
  /** Partition count of every topic that the topology reads or writes, internal ones too. */
  readonly partitions: ReadonlyMap<string, number>
  /** Sub-topology → number of tasks. */
  readonly taskCounts: ReadonlyMap<string, number>
}

export const externalInputsOf = (plan: TopologyPlan): string[] => [
  ...new Set(plan.subTopologies.flatMap((sub) => sub.inputs.flatMap((input) => (input.kind === 'external' ? [input.topic] : [])))),
]
export const sinksOf = (plan: TopologyPlan): string[] => [
  ...new Set(plan.subTopologies.flatMap((sub) => sub.outputs.flatMap((output) => (output.kind === 'sink' ? [output.topic] : [])))),
]

/** `external`: partition counts of the external topics that exist. Throws one Fault that names every topic that is missing or does not fit. */
export function wire(plan: TopologyPlan, external: ReadonlyMap<string, number>): Wiring {
  const names = internalNames(plan.name, plan.version)
  const externalInputs = externalInputsOf(plan)
  const sinks = sinksOf(plan)
  const missing = [...externalInputs, ...sinks].filter((topic) => !external.has(topic))
  if (missing.length > 0) {
    throw new Fault(
      'MR5008',
      'stop',
      `${missing.length === 1 ? 'the topic' : 'the topics'} ${missing.join(', ')} of ${plan.name} v${plan.version} ${missing.length === 1 ? 'does' : 'do'} not exist; create them, for example with: millrace topics create <module> --external --partitions 4`,
      { place: { topic: missing[0] } },
    )
  }
  const partitions = new Map(external)
  const taskCounts = new Map<string, number>()
  for (const sub of plan.subTopologies) {
    const counts = sub.inputs.map((input) => partitionsOfInput(plan, names, input, partitions, taskCounts))
    checkCoPartitioned(sub, counts, names)
    taskCounts.set(sub.name, Math.max(1, ...counts))
  }
  const tasks = plan.subTopologies.flatMap((sub) =>
    Array.from({ length: taskCounts.get(sub.name) ?? 1 }, (_, partition) => wireTask(sub, partition, names, partitions, taskCounts)),
  )
  return { plan, names, tasks, externalInputs, sinks, partitions, taskCounts }
}

function partitionsOfInput(
  plan: TopologyPlan,
  names: InternalNames,
  input: SubTopologyPlan['inputs'][number],
  partitions: Map<string, number>,
  taskCounts: ReadonlyMap<string, number>,
): number {
  if (input.kind === 'external') return partitions.get(input.topic) ?? 0
  const topic = names.repartition(input.step)
  const count = input.partitions ?? taskCounts.get(input.from)
  if (count === undefined)
    throw new Fault(
      'MR5001',
      'stop',
      `the plan of ${plan.name} lists ${input.from} behind its reader: this is a defect of Millrace, please report it`,
    )
  partitions.set(topic, count)
  return count
}

const topicOf = (names: InternalNames, input: SubTopologyPlan['inputs'][number]): string =>
  input.kind === 'external' ? input.topic : names.repartition(input.step)

function checkCoPartitioned(sub: SubTopologyPlan, counts: readonly number[], names: InternalNames): void {
  if (!sub.coPartitioned || new Set(counts).size <= 1) return
  const list = sub.inputs.map((input, index) => `${topicOf(names, input)} has ${counts[index]}`).join(', ')
  throw new Fault(
    'MR5009',
    'stop',
    `inputs that meet in a stateful step of ${sub.name} must have the same number of partitions: ${list}; put a keyBy() before the step, or create the topics with equal counts`,
    { place: { step: sub.name } },
  )
}

function wireTask(
  sub: SubTopologyPlan,
  partition: number,
  names: InternalNames,
  partitions: ReadonlyMap<string, number>,
  taskCounts: ReadonlyMap<string, number>,
): TaskWiring {
  const inputs = sub.inputs.flatMap((input, index): InputWiring[] => {
    const topic = topicOf(names, input)
    const count = partitions.get(topic) ?? 0
    if (partition >= count) return []
    const upstream =
      input.kind === 'external'
        ? []
        : Array.from({ length: taskCounts.get(input.from) ?? 0 }, (_, p) => taskId({ subTopology: input.from, partition: p }))
    return [
      {
        id: partitionId(topic, partition),
        topic,
        partition,
        partitions: count,
        input: index,
        external: input.kind === 'external' ? input : undefined,
        repartition: input.kind === 'repartition' ? input : undefined,
        upstream,
      },
    ]
  })
  const outputs = sub.outputs.map((output): OutputWiring => {
    const topic = output.kind === 'sink' ? output.topic : names.repartition(output.step)
    return {
      topic,
      shadow: output.kind === 'sink' ? names.shadow(topic) : topic,
      partitions: partitions.get(topic) ?? Math.max(1, ...sub.inputs.map((i) => partitions.get(topicOf(names, i)) ?? 0)),
      repartition: output.kind === 'repartition',
    }
  })
  return {
    name: taskId({ subTopology: sub.name, partition }),
    subTopology: sub,
    partition,
    siblings: taskCounts.get(sub.name) ?? 1,
    transactionalId: names.transactionalId(sub.name, partition),
    commitTopic: names.commits(sub.name),
    inputs,
    outputs,
    effectsTopic: names.effects,
    changelogs: new Map(sub.stores.map((store) => [store.step, names.changelog(store.step)])),
  }
}
