/** P5 in numbers: what became of the records of one task. Counted per layer, added up when the layer's commit happened. */
export interface TaskCounters {
  processed: number
  filtered: number
  late: number
  refused: number
  deadLetters: number
  /** Repartition records of an older epoch, or not written by Millrace. */
  dropped: number
  /** Left out because the application was behind, as the source says. */
  shed: number
}

export const noCounts = (): TaskCounters => ({ processed: 0, filtered: 0, late: 0, refused: 0, deadLetters: 0, dropped: 0, shed: 0 })

export function addCounts(total: TaskCounters, part: TaskCounters): void {
  total.processed += part.processed
  total.filtered += part.filtered
  total.late += part.late
  total.refused += part.refused
  total.deadLetters += part.deadLetters
  total.dropped += part.dropped
  total.shed += part.shed
}

/** What has happened to one task since its worker started. */
export interface TaskHistory {
  commits: number
  lastCommitAt: number | undefined
  lastCommitMs: number | undefined
  aborts: number
  fenced: number
  /** Times that its state was cleared and began anew in a new epoch. */
  resets: number
  /** Records left out with consent: offsets were moved over them, or they are no longer in the log. */
  leftOut: number
}

export const noHistory = (): TaskHistory => ({
  commits: 0,
  lastCommitAt: undefined,
  lastCommitMs: undefined,
  aborts: 0,
  fenced: 0,
  resets: 0,
  leftOut: 0,
})
