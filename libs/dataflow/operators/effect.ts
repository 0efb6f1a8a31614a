/** effect(): hands a call to the world over to the task, which makes it when the record is committed; the record goes on at once. */
import type { EffectNode } from '../graph.ts'
import type { StepCounters, TaskHost } from '../plan.ts'
import type { Current } from './current.ts'
import type { Receiver } from './operator.ts'

export class EffectOperator implements Receiver {
  readonly #node: EffectNode
  readonly #host: TaskHost
  readonly #next: Receiver
  readonly #counters: StepCounters

  constructor(node: EffectNode, host: TaskHost, next: Receiver, counters: StepCounters) {
    this.#node = node
    this.#host = host
    this.#next = next
    this.#counters = counters
  }

  push(value: unknown, current: Current): void {
    const { run, name, timeoutMs, concurrency, order } = this.#node
    this.#counters.records += 1
    current.reached = true
    // `current` is filled again for the next record, and the call is made later.
    const { key, keyBytes, timestamp, headers, position } = current
    this.#host.effect({
      step: name,
      key,
      keyBytes,
      value,
      position,
      timeoutMs,
      concurrency,
      order,
      run: (signal) => run(value, { key, timestamp, headers, position, signal }),
    })
    this.#counters.results += 1
    this.#next.push(value, current)
  }
}
