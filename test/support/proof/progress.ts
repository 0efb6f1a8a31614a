/** Watches how far the group has committed: when it goes on after a start, for whom each kill made it stand still, and for how long. */
import { partitionId } from '../../../libs/runtime/ports/log.ts'
import type { TopicPartition } from '../../../libs/runtime/ports/log.ts'
import type { EngineRig } from '../engine-rig.ts'

const LOOK_MS = 50

interface Start {
  /** Also moved to each later start: a worker that dies and comes back meanwhile makes all wait for it. */
  at: number
  /** By a look that began after the start: nothing that the one before has done counts. Undefined: not yet. */
  from: readonly number[] | undefined
  /** Kills that wait for their end of standstill. */
  readonly waiting: { longestMs: number }[]
  wentOn: boolean
}

export interface Begun {
  /** Every input partition has gone on since this start. */
  readonly wentOn: boolean
  untilWentOn(withinMs: number): Promise<void>
}

export class Progress {
  readonly #rig: EngineRig
  readonly #partitions: readonly TopicPartition[]
  #positions: readonly number[]
  #wanted = true
  #loop: Promise<void> = Promise.resolve()
  readonly #starts = new Map<string, Start>()

  constructor(rig: EngineRig, inputs: readonly (readonly [topic: string, partitions: number])[]) {
    this.#rig = rig
    this.#partitions = inputs.flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })))
    this.#positions = this.#partitions.map(() => 0)
  }

  begin(): void {
    this.#loop = this.#run()
  }

  async end(): Promise<void> {
    this.#wanted = false
    await this.#loop
  }

  begun(seat: string): Begun {
    // Taken from the start before: a look at that one may be under way.
    const waiting = this.#starts.get(seat)?.waiting.splice(0) ?? []
    const at = performance.now()
    for (const other of this.#starts.values()) if (!other.wentOn) other.at = at
    const start: Start = { at, from: undefined, waiting, wentOn: false }
    this.#starts.set(seat, start)
    return {
      get wentOn() {
        return start.wentOn
      },
      untilWentOn: (withinMs) => this.#until(() => start.wentOn, withinMs),
    }
  }

  died(seat: string, facts: { longestMs: number }): void {
    this.#starts.get(seat)?.waiting.push(facts)
  }

  async untilAllMoved(): Promise<void> {
    const from = this.#positions
    await this.#until(() => this.#movedSince(from), Infinity)
  }

  #movedSince(from: readonly number[]): boolean {
    return this.#positions.every((position, index) => position > (from[index] ?? 0))
  }

  async #until(holds: () => boolean, withinMs: number): Promise<void> {
    const end = performance.now() + withinMs
    while (this.#wanted && !holds()) {
      if (performance.now() > end)
        throw new Error(`no progress in ${withinMs} ms; committed: ${this.#positions.join(', ')}; ${this.#rig.lastWords()}`)
      await pause()
    }
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      const starts = [...this.#starts.values()]
      // Not while the group moves to another coordinator, say: the next look may be answered.
      const found = await this.#rig.log.admin.committed(this.#rig.group, this.#partitions).catch(() => undefined)
      if (found !== undefined)
        this.#positions = this.#partitions.map(({ topic, partition }, index) =>
          Math.max(this.#positions[index] ?? 0, found.get(partitionId(topic, partition))?.position ?? 0),
        )
      if (found !== undefined) for (const start of starts) this.#look(start)
      await pause()
    }
  }

  #look(start: Start): void {
    start.from ??= this.#positions
    if (start.wentOn || !this.#movedSince(start.from)) return
    start.wentOn = true
    const milliseconds = performance.now() - start.at
    for (const facts of start.waiting.splice(0)) facts.longestMs = Math.max(facts.longestMs, milliseconds)
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_MS))
