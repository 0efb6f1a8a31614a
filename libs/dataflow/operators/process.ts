/** process(): the user's own step, with keyed state, timers and side outputs. */
import type { Codec, KeyBytes } from '../cells.ts'
import { END_OF_TIME } from '../plan.ts'
import type { StepCounters, TaskHost } from '../plan.ts'
import type { ProcessNode } from '../graph.ts'
import type { KeyCodec } from '../key-bytes.ts'
import { lengthCell, timerCell, timerTimeCell } from '../plan-parts.ts'
import { stateCodec } from '../state-version.ts'
import { structuredCodec } from '../structured-codec.ts'
import type { Current } from './current.ts'
import type { Prefetcher, Receiver, Alarm, TickingStep, TimedStep } from './operator.ts'
import { ListStateView, MapStateView, ValueStateView } from './state-views.ts'
import { markCodec, timesCodec, TimerSet } from './timers.ts'
import { promised } from './stateless.ts'

export interface ProcessParts {
  readonly node: ProcessNode
  readonly host: TaskHost
  readonly keys: KeyCodec
  readonly next: Receiver
  readonly sides: ReadonlyMap<string, Receiver>
  readonly alarm: Alarm
  readonly holdMs: number
  readonly current: Current
  readonly counters: StepCounters
}

interface NamedTimer {
  readonly name: string
  readonly timers: TimerSet
  readonly kind: 'event-time' | 'processing-time'
  readonly onTimer: (at: number, context: unknown) => unknown
}

/** What handlers get besides the value; the same object for every record. */
class Context {
  readonly state: Readonly<Record<string, unknown>>
  readonly timers: Readonly<Record<string, TimerSet>>
  readonly emit: (value: unknown) => void
  readonly side: Readonly<Record<string, (value: unknown) => void>>
  readonly #current: Current
  readonly #watermark: () => number

  constructor(current: Current, watermark: () => number, own: Pick<Context, 'state' | 'timers' | 'emit' | 'side'>) {
    this.#current = current
    this.#watermark = watermark
    this.state = own.state
    this.timers = own.timers
    this.emit = own.emit
    this.side = own.side
  }
  get key(): unknown {
    return this.#current.key
  }
  get timestamp(): number {
    return this.#current.timestamp
  }
  get headers(): ReadonlyMap<string, Uint8Array> {
    return this.#current.headers
  }
  get position(): Current['position'] {
    return this.#current.position
  }
  get watermark(): number {
    return this.#watermark()
  }
}

export class ProcessOperator implements Receiver, TimedStep, TickingStep, Prefetcher {
  readonly #parts: ProcessParts
  readonly #onRecord: ProcessNode['onRecord']
  readonly #context: Context
  readonly #eventTimers: readonly NamedTimer[]
  readonly #clockTimers: readonly NamedTimer[]
  readonly #prefetchers: readonly { prefetch(key: KeyBytes): void }[]
  /** Wall clock of the tick in hand. */
  #now: number | undefined
  /** This step's own. */
  #watermark = -Infinity

  constructor(parts: ProcessParts) {
    this.#parts = parts
    const { node, current } = parts
    this.#onRecord = node.onRecord
    const prefetchers: { prefetch(key: KeyBytes): void }[] = []
    const state = this.#stateViews(prefetchers)
    const timers = Object.entries(node.timers).map(([name, kind]): readonly [string, NamedTimer] => {
      const set = this.#timerSet(name, kind)
      prefetchers.push(set)
      return [name, { name, timers: set, kind, onTimer: node.onTimer[name] ?? (() => undefined) }]
    })
    this.#prefetchers = prefetchers
    this.#eventTimers = timers.flatMap(([, timer]) => (timer.kind === 'event-time' ? [timer] : []))
    this.#clockTimers = timers.flatMap(([, timer]) => (timer.kind === 'processing-time' ? [timer] : []))
    this.#context = new Context(current, () => this.#watermark, {
      state,
      timers: Object.fromEntries(timers.map(([name, timer]) => [name, timer.timers])),
      emit: (value) => {
        parts.counters.results += 1
        parts.next.push(value, current)
      },
      side: Object.fromEntries([...parts.sides].map(([name, next]) => [name, (value: unknown) => next.push(value, current)])),
    })
  }

  #stateViews(prefetchers: { prefetch(key: KeyBytes): void }[]): Readonly<Record<string, unknown>> {
    const { node, host, current } = this.#parts
    const views = Object.entries(node.cells).map(([name, { kind, stateVersion }]): readonly [string, unknown] => {
      const cells = host.store(node.name)
      const codec = stateCodec(stateVersion)
      switch (kind) {
        case 'value': {
          const cell = cells.value(name, codec)
          prefetchers.push(cell)
          return [name, new ValueStateView(cell, current)]
        }
        case 'map':
          return [name, new MapStateView(cells.map(name, codec), current)]
        case 'list': {
          // What is decoded was encoded by this very codec.
          const length = cells.value(lengthCell(name), structuredCodec as Codec<number>)
          prefetchers.push(length)
          return [name, new ListStateView(cells.map(name, codec), length, current)]
        }
      }
    })
    return Object.fromEntries(views)
  }

  #timerSet(name: string, kind: 'event-time' | 'processing-time'): TimerSet {
    const { node, host, current, alarm } = this.#parts
    const cells = host.store(node.name)
    return new TimerSet({
      entries: cells.timed(timerCell(name), markCodec),
      times: cells.value(timerTimeCell(name), timesCodec),
      what: `${name} of "${node.title}"`,
      keyBytes: () => current.keyBytes,
      base: kind === 'event-time' ? () => current.timestamp : () => this.#now ?? host.now(),
      onSet:
        kind === 'event-time'
          ? (time) => {
              alarm.sets += 1
              if (time <= this.#watermark) alarm.rings = true
            }
          : () => undefined,
    })
  }

  push(value: unknown, current: Current): void {
    this.#parts.counters.records += 1
    current.reached = true
    const result = this.#onRecord(value, this.#context)
    if (result instanceof Promise) throw promised(`onRecord of "${this.#parts.node.title}"`, result)
  }

  dueAt(): number {
    let earliest = Infinity
    for (const { timers } of this.#eventTimers) earliest = Math.min(earliest, timers.earliest())
    return earliest + this.#parts.holdMs
  }

  advance(taskWatermark: number): boolean {
    const upTo = taskWatermark - this.#parts.holdMs
    this.#watermark = upTo
    let fired = false
    for (const timer of this.#eventTimers) {
      // A result must not be behind the watermark that it follows; behind the end of time nothing follows.
      const resultAt = (time: number): number => (upTo === END_OF_TIME ? time : Math.max(time, upTo))
      if (timer.timers.fire(upTo, (time, key) => this.#fireOne(timer, time, key, resultAt(time)))) fired = true
    }
    return fired
  }

  tickAt(): number {
    let earliest = Infinity
    for (const { timers } of this.#clockTimers) earliest = Math.min(earliest, timers.earliest())
    return earliest
  }

  tick(now: number): void {
    this.#now = now
    for (const timer of this.#clockTimers) {
      timer.timers.fire(now, (time, key) => this.#fireOne(timer, time, key, Math.max(time, this.#watermark)))
    }
    this.#now = undefined
  }

  #fireOne(timer: NamedTimer, time: number, keyBytes: KeyBytes, timestamp: number): void {
    const { current, keys, node } = this.#parts
    current.fire(keys.fromBytes(keyBytes), keyBytes, timestamp, -Infinity, `${node.name} ${timer.name} ${time} ${keyBytes}`)
    const result = timer.onTimer(time, this.#context)
    if (result instanceof Promise) throw promised(`onTimer of "${node.title}"`, result)
  }

  prefetch(key: KeyBytes): void {
    for (const one of this.#prefetchers) one.prefetch(key)
  }
}
