/**
 * Event time of one task (engine.md 5). Pure.
 *
 * Owns: the watermark of each input partition. External: max(largest event time - outOfOrderness, lifts). Repartition: the minimum
 * over the markers of all upstream tasks. The task's watermark is the minimum over all of them and never moves back. Every part is
 * in the commit record: a merged value alone would lose time at restore (hole T4).
 */
export interface TimeInput {
  /** 'topic:partition' */
  readonly id: string
  /** Milliseconds for an external input; undefined for a repartition input. */
  readonly outOfOrdernessMs: number | undefined
  /** Tasks that write watermark markers into it; empty for an external input. */
  readonly upstream: readonly string[]
}

interface TimePart {
  readonly input: TimeInput
  watermark: number
  readonly markers: Map<string, number>
}

export class TaskTime {
  readonly #parts: TimePart[]
  readonly #byId: Map<string, TimePart>
  #watermark = -Infinity

  constructor(
    inputs: readonly TimeInput[],
    saved?: {
      readonly watermarks: Readonly<Record<string, number>>
      readonly markersIn: Readonly<Record<string, Readonly<Record<string, number>>>>
    },
  ) {
    this.#parts = inputs.map((input) => {
      const markers = new Map<string, number>()
      for (const [task, watermark] of Object.entries(saved?.markersIn[input.id] ?? {}))
        if (input.upstream.includes(task)) markers.set(task, watermark)
      const part = { input, watermark: saved?.watermarks[input.id] ?? -Infinity, markers }
      if (input.upstream.length > 0) part.watermark = minimumOf(part)
      return part
    })
    this.#byId = new Map(this.#parts.map((part) => [part.input.id, part]))
    this.#merge()
  }

  /** The task's watermark: its input is believed complete up to here. */
  get watermark(): number {
    return this.#watermark
  }

  /** The partition's own watermark: the stamp of the record that comes next from it. */
  stampOf(index: number): number {
    return this.#parts[index]?.watermark ?? -Infinity
  }

  /** An external record was processed. True when the task's watermark moved. `index`: of the inputs given to the constructor. */
  observe(index: number, eventTime: number): boolean {
    const part = this.#parts[index]
    if (part === undefined) return false
    const candidate = eventTime - (part.input.outOfOrdernessMs ?? 0)
    if (candidate <= part.watermark) return false
    return this.#raise(part, candidate)
  }

  /** A lift of an external partition (a decision, or a hand-moved test clock). */
  lift(id: string, watermark: number): boolean {
    const part = this.#byId.get(id)
    return part !== undefined && watermark > part.watermark && this.#raise(part, watermark)
  }

  /** A marker of an upstream task was read from a repartition partition. */
  mark(index: number, upstreamTask: string, watermark: number): boolean {
    const part = this.#parts[index]
    if (part === undefined || !part.input.upstream.includes(upstreamTask)) return false
    if (watermark <= (part.markers.get(upstreamTask) ?? -Infinity)) return false
    part.markers.set(upstreamTask, watermark)
    const merged = minimumOf(part)
    return merged > part.watermark && this.#raise(part, merged)
  }

  /** The partition that holds the task's watermark back. */
  holdingBack(): string | undefined {
    return this.#parts.find((part) => part.watermark === this.#watermark)?.input.id
  }

  watermarkOf(id: string): number {
    return this.#byId.get(id)?.watermark ?? -Infinity
  }

  /** For the commit record. Partitions without a watermark are left out: JSON has no -Infinity. */
  saved(): { watermarks: Record<string, number>; markersIn: Record<string, Record<string, number>> } {
    const watermarks: Record<string, number> = {}
    const markersIn: Record<string, Record<string, number>> = {}
    for (const part of this.#parts) {
      if (part.input.upstream.length > 0) markersIn[part.input.id] = Object.fromEntries(part.markers)
      else if (part.watermark !== -Infinity) watermarks[part.input.id] = part.watermark
    }
    return { watermarks, markersIn }
  }

  #raise(part: TimePart, watermark: number): boolean {
    const held = part.watermark === this.#watermark
    part.watermark = watermark
    return held && this.#merge()
  }

  #merge(): boolean {
    let merged = Infinity
    for (const part of this.#parts) if (part.watermark < merged) merged = part.watermark
    if (this.#parts.length === 0 || merged <= this.#watermark) return false
    this.#watermark = merged
    return true
  }
}

function minimumOf(part: Pick<TimePart, 'markers' | 'input'>): number {
  let minimum = Infinity
  for (const task of part.input.upstream) minimum = Math.min(minimum, part.markers.get(task) ?? -Infinity)
  return minimum
}
