/** P5 in numbers: what became of the records of one task. Counted per layer, added up when the layer's commit happened. */
export interface TaskCounters {
  processed: number
  filtered: number
  late: number
  refused: number
  deadLetters: number
  /** Repartition records of an older epoch, or not written by Millrace. */
  dropped: number
}

export const noCounts = (): TaskCounters => ({ processed: 0, filtered: 0, late: 0, refused: 0, deadLetters: 0, dropped: 0 })

export function addCounts(total: TaskCounters, part: TaskCounters): void {
  total.processed += part.processed
  total.filtered += part.filtered
  total.late += part.late
  total.refused += part.refused
  total.deadLetters += part.deadLetters
  total.dropped += part.dropped
}
