/** What a task offers to its program: cells, and the way of results into the outbox of the active layer. */
import { RecordRefused } from '../../dataflow/plan.ts'
import type { Header, TaskProgram } from '../../dataflow/plan.ts'
import type { TaskState } from '../../state/task-state.ts'
import { TASK_HEADER } from '../switch/handover.ts'
import type { Suppressed } from '../switch/handover.ts'
import { listedEffect } from '../effects/listed-effect.ts'
import type { EffectRunner } from '../effects/effect-runner.ts'
import type { ActiveLayer } from './active-layer.ts'
import type { RepartitionHeaders } from './repartition-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { OutputRole } from '../switch/task-switch.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface HostContext {
  readonly application: string
  readonly task: TaskWiring
  readonly clock: Clock
  /** Where results go. */
  readonly role: OutputRole
  readonly effects: EffectRunner
  /** Calls of effect steps are only listed, also by a live version: a run that must leave no trace. */
  readonly listsEffects: boolean
  readonly suppressed: Suppressed
  readonly freezeValues: boolean
  recordBytesMax(topic: string): number
}

/** What a record needs besides its key and value in a batch of its own, bytes. */
const ENVELOPE_BYTES = 512

/** Lengths of name and value take up to 5 bytes each. */
const HEADER_BYTES = 10

function bytesOf(headers: readonly Header[]): number {
  if (headers.length === 0) return 0
  let bytes = 0
  for (const [name, value] of headers) bytes += HEADER_BYTES + Buffer.byteLength(name) + value.length
  return bytes
}

export function instantiateProgram(
  context: HostContext,
  state: TaskState,
  epoch: number,
  headers: RepartitionHeaders,
  layer: () => ActiveLayer,
): TaskProgram {
  const { task, clock } = context
  const { outputs } = task
  const topics = outputs.map((output) => (context.role === 'live' ? output.topic : output.shadow))
  // Every real output says who wrote it (engine.md 6.2); one shared array, so that the log's encoder sees it is the same.
  const origin: Header = ['millrace', Buffer.from(`${context.application}/${epoch}`)]
  const own: readonly Header[] = context.role === 'live' ? [origin] : [origin, [TASK_HEADER, Buffer.from(task.name)]]
  const plain: readonly Header[] = Object.freeze(own)
  return task.subTopology.instantiate({
    partition: task.partition,
    tellsOrigins: context.role === 'shadow',
    findsChangedValues: context.freezeValues,
    store: (step) => state.cells(step),
    partitionsOf: (output) => outputs[output]?.partitions ?? 1,
    now: () => clock.now(),
    effect: (call) => {
      const { counts } = context.effects
      if (context.role === 'shadow' || context.listsEffects) {
        counts.inShadow += 1
        layer().outbox.add(task.effectsTopic, 0, listedEffect(call, task.name, clock.now()))
      } else if (headers.repeated) counts.repeated += 1
      else layer().effects.push(call)
    },
    emit: (output, partition, key, value, timestamp, stamp, user) => {
      const target = outputs[output]
      if (target === undefined) throw new RangeError(`there is no output ${output}`)
      if (!target.repartition && context.suppressed.size > 0 && context.suppressed.take(target.topic, user)) return
      const bytes = (key?.length ?? 0) + (value?.length ?? 0) + bytesOf(user) + ENVELOPE_BYTES
      if (bytes > context.recordBytesMax(target.topic)) {
        throw new RecordRefused(
          'too-large',
          `a result for ${target.topic} has ${bytes - ENVELOPE_BYTES} bytes; the topic takes at most ${context.recordBytesMax(target.topic)} (max.message.bytes)`,
        )
      }
      const all = target.repartition ? headers.of(timestamp, stamp, user) : user.length === 0 ? plain : [...user, ...own]
      layer().outbox.add(topics[output] ?? target.topic, partition, { key, value, timestamp, headers: all })
    },
  })
}
