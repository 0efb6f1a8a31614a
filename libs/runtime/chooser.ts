/**
 * Which input goes next (engine.md 4.2): the record with the smallest event time among the heads; ties go to the first input. Pure.
 */
import type { InputQueue } from './input-queue.ts'

export type Choice =
  | { readonly kind: 'take'; readonly queue: InputQueue }
  /** Records wait, but an input is empty here and not known to be empty at its broker. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'nothing' }

const WAIT: Choice = { kind: 'wait' }
const NOTHING: Choice = { kind: 'nothing' }

/** `patient`: false when `maxIdleMs` is over and the empty input is no longer waited for. */
export function choose(queues: readonly InputQueue[], patient: boolean): Choice {
  let best: InputQueue | undefined
  let bestTime = Infinity
  let unknown = false
  for (const queue of queues) {
    const head = queue.head()
    if (head === undefined) {
      if (!queue.drained) unknown = true
      continue
    }
    // Markers and refusals have no effect on order: they are taken at once.
    if (head.kind !== 'record') return { kind: 'take', queue }
    if (best === undefined || head.record.timestamp < bestTime) {
      best = queue
      bestTime = head.record.timestamp
    }
  }
  if (best === undefined) return NOTHING
  return unknown && patient ? WAIT : { kind: 'take', queue: best }
}
