/** A record that cannot be used: what its source says, stop, skip or dead letter, in the layer in hand. */
import type { ActiveLayer } from './active-layer.ts'
import { deadLetter } from './dead-letter.ts'
import type { InputItem, InputQueue } from './input-queue.ts'
import type { Clock } from '../ports/clock.ts'
import { refusalStops } from './record-failure.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface RefusalContext {
  readonly application: string
  readonly task: TaskWiring
  readonly clock: Clock
  readonly deadLetters: { readonly topic: string; readonly partitions: number }
}

export function refuse(
  { task, deadLetters, application, clock }: RefusalContext,
  { counts, outbox }: ActiveLayer,
  epoch: number,
  queue: InputQueue,
  item: Extract<InputItem, { kind: 'refused' }>,
): void {
  const { raw, reason, message, stack, attempt } = item
  const policy = queue.wiring.external?.onRefused ?? 'dead-letter'
  if (policy === 'stop') throw refusalStops(task, { queue, raw }, reason, message)
  counts.refused += 1
  if (policy === 'skip') return
  counts.deadLetters += 1
  const { topic, partition } = queue.wiring
  const letter = deadLetter(
    { ...raw, topic, partition },
    { reason, message, stack, step: task.subTopology.name, attempt },
    `${application}/${epoch}`,
    clock.now(),
  )
  outbox.add(deadLetters.topic, partition % deadLetters.partitions, letter)
}
