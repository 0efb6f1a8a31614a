/** What happened in a run: a line for each thing, told with a failure, and counts by kind. */
export class Happenings {
  readonly lines: string[] = []
  readonly counts: Record<string, number> = {}

  note(kind: string, about = ''): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    this.lines.push(about === '' ? kind : `${kind}: ${about}`)
  }

  /** Counts without a line. */
  count(kind: string, number: number): void {
    if (number > 0) this.counts[kind] = (this.counts[kind] ?? 0) + number
  }
}
