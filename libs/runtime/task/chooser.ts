/**
 * Which input goes next (engine.md 4.2): the record with the smallest event time among the heads; ties go to the first input. An input at
 * its gate counts as ended (hole S18). Pure.
 */
import type { InputQueue } from './input-queue.ts'

/**
 * The queue to take from; 'wait' when records wait but another input is empty here and not known to be empty at its broker;
 * undefined when there is nothing. `patient`: false when `maxIdleMs` is over and the empty input is no longer waited for.
 */
export function choose(queues: readonly InputQueue[], patient: boolean): InputQueue | 'wait' | undefined {
  let best: InputQueue | undefined
  let bestTime = Infinity
  let unknown = false
  for (const queue of queues) {
    const head = queue.head()
    if (head === undefined) {
      if (!queue.ended) unknown = true
      continue
    }
    // Markers and refusals have no effect on order: they are taken at once.
    if (head.kind !== 'record') return queue
    if (best === undefined || head.record.timestamp < bestTime) {
      best = queue
      bestTime = head.record.timestamp
    }
  }
  return best !== undefined && unknown && patient ? 'wait' : best
}
