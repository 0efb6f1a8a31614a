/**
 * Windows by event time. A total is kept for each key and open window in a timed cell, by start of the window.
 *
 *     late      iff stamp >= end + lateness      (D1; a result that arrives behind the step's watermark counts as stamped by it)
 *     emitted   when the watermark >= end + lateness, with timestamp end - 1 (D2), once (D3)
 */
import { toKeyBytes } from '../cells.ts'
import type { KeyBytes, TimedCell } from '../cells.ts'
import type { Format } from '../format.ts'
import { windowed } from '../formats.ts'
import type { WindowNode } from '../graph.ts'
import type { KeyCodec } from '../key-bytes.ts'
import type { StepCounters } from '../plan.ts'
import type { Window } from '../records.ts'
import { copyOf } from '../structured-codec.ts'
import { lastStart } from '../windows.ts'
import type { Current } from './current.ts'
import type { ChangeReceiver, FlushingStep, Prefetcher, Receiver, TimedStep } from './operator.ts'

export interface WindowParts {
  readonly node: WindowNode
  readonly open: TimedCell<unknown>
  readonly keys: KeyCodec
  readonly late: Receiver
  /** How far the watermark of this step is behind the task's, ms. */
  readonly holdMs: number
  readonly current: Current
  readonly counters: StepCounters
}

abstract class WindowOperator implements Receiver, TimedStep, Prefetcher {
  protected readonly parts: WindowParts
  protected readonly sizeMs: number
  protected readonly open: TimedCell<unknown>
  readonly #everyMs: number
  readonly #latenessMs: number
  readonly #initial: (() => unknown) | undefined
  readonly #add: WindowNode['add']
  /** From the start of a window to the task's watermark that closes it, ms. */
  readonly #closesAfterMs: number
  /** This step's own. */
  #watermark = -Infinity

  constructor(parts: WindowParts) {
    this.parts = parts
    const { node } = parts
    this.open = parts.open
    this.sizeMs = node.sizeMs
    this.#everyMs = node.everyMs
    this.#latenessMs = node.latenessMs
    this.#initial = node.initial
    this.#add = node.add
    this.#closesAfterMs = node.sizeMs + node.latenessMs + parts.holdMs
  }

  push(value: unknown, current: Current): void {
    this.parts.counters.records += 1
    const { timestamp } = current
    // Windows that end at or before this are closed for the record.
    const closed = Math.max(current.stamp, this.#watermark) - this.#latenessMs
    const size = this.sizeMs
    let start = lastStart(timestamp, this.#everyMs)
    if (start + size <= closed) {
      this.#late(value, current)
      return
    }
    current.reached = true
    do {
      this.#addTo(start, value, current)
      start -= this.#everyMs
    } while (start > timestamp - size && start + size > closed)
  }

  #addTo(start: number, value: unknown, current: Current): void {
    const { keyBytes } = current
    const total = this.open.get(start, keyBytes)
    const before = this.before(total)
    let after: unknown
    if (total !== undefined) after = this.#add(total, value, current)
    else after = this.#initial === undefined ? value : this.#add(this.#initial(), value, current)
    this.open.set(start, keyBytes, after)
    this.added(start, before, after, current)
  }

  #late(value: unknown, current: Current): void {
    const { counters, late } = this.parts
    counters.late += 1
    current.late = true
    const { reached } = current
    late.push(value, current)
    // It ends as late, also when somebody reads the late ones.
    current.reached = reached
  }

  dueAt(): number {
    return this.open.earliest() + this.#closesAfterMs
  }

  advance(taskWatermark: number): boolean {
    this.#watermark = taskWatermark - this.parts.holdMs
    const upTo = taskWatermark - this.#closesAfterMs
    let fired = false
    while (this.open.earliest() <= upTo) {
      const due = this.open.take(upTo)
      if (due.length === 0) break
      fired = true
      for (const { time, key, value } of due) this.closed(time, key, value)
    }
    return fired
  }

  prefetch(key: KeyBytes, timestamp: number): void {
    for (let start = lastStart(timestamp, this.#everyMs); start > timestamp - this.sizeMs; start -= this.#everyMs)
      this.open.prefetch(start, key)
  }

  /** What must be known of a total before user code may change it in place. */
  protected abstract before(total: unknown): unknown
  protected abstract added(start: number, before: unknown, after: unknown, current: Current): void
  protected abstract closed(start: number, key: KeyBytes, total: unknown): void
}

/** One result for each key and window, when the window closes. */
export class FinalWindowOperator extends WindowOperator {
  readonly #next: Receiver
  readonly #result: WindowNode['result']

  constructor(parts: WindowParts, next: Receiver) {
    super(parts)
    this.#next = next
    this.#result = parts.node.result
  }

  protected before(): undefined {
    return undefined
  }

  protected added(): void {
    // Nothing is shown before the end.
  }

  protected closed(start: number, keyBytes: KeyBytes, total: unknown): void {
    const { current, keys, counters } = this.parts
    const window: Window = { start, end: start + this.sizeMs }
    const key = keys.fromBytes(keyBytes)
    const identity = `${this.parts.node.name} ${start}-${window.end} ${keyBytes}`
    current.fire(key, keyBytes, window.end - 1, -Infinity, identity)
    counters.results += 1
    const result = this.#result
    this.#next.push(result === undefined ? { window, value: total } : result(total, { key, window }), current)
  }
}

interface ChangedWindow {
  readonly key: readonly [unknown, Window]
  readonly keyBytes: KeyBytes
  readonly before: unknown
  after: unknown
  timestamp: number
  stamp: number
}

/** A table of results that are corrected until the window closes; its key is [key, window]. */
export class UpdatingWindowOperator extends WindowOperator implements FlushingStep {
  readonly #next: ChangeReceiver
  readonly #wantsBefore: boolean
  readonly #atOnce: boolean
  readonly #keyFormat: Format<readonly [unknown, Window]>
  #pending = new Map<KeyBytes, ChangedWindow>()

  constructor(parts: WindowParts, next: ChangeReceiver, wantsBefore: boolean) {
    super(parts)
    this.#next = next
    this.#wantsBefore = wantsBefore
    this.#atOnce = parts.node.emit === 'every-update'
    // Keys have the type that the stream's format reads and writes.
    this.#keyFormat = windowed(parts.node.keyIn as Format<unknown>)
  }

  protected before(total: unknown): unknown {
    return this.#wantsBefore ? copyOf(total) : undefined
  }

  protected added(start: number, before: unknown, after: unknown, current: Current): void {
    const { key, keyBytes, timestamp, stamp } = current
    const pair = [key, { start, end: start + this.sizeMs }] as const
    const pairBytes = toKeyBytes(this.#keyFormat.encode(pair))
    if (this.#atOnce) {
      this.parts.counters.results += 1
      current.key = pair
      current.keyBytes = pairBytes
      this.#next.change(before, after, current)
      current.key = key
      current.keyBytes = keyBytes
      return
    }
    const pending = this.#pending.get(pairBytes)
    if (pending === undefined) {
      this.#pending.set(pairBytes, { key: pair, keyBytes: pairBytes, before, after, timestamp, stamp })
      return
    }
    pending.after = after
    pending.timestamp = Math.max(pending.timestamp, timestamp)
    pending.stamp = Math.max(pending.stamp, stamp)
  }

  flush(): void {
    const changed = this.#pending
    if (changed.size === 0) return
    this.#pending = new Map()
    const { current, counters } = this.parts
    for (const { key, keyBytes, before, after, timestamp, stamp } of changed.values()) {
      current.fire(key, keyBytes, timestamp, stamp)
      counters.results += 1
      this.#next.change(before, after, current)
    }
  }

  protected closed(): void {
    // The last correction was the final one.
  }
}
