/**
 * Deletes repartition records that their reader has committed: they are needed by nobody else. Only a broker's disk depends on it, so a
 * refusal is noted once and not tried again.
 */
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Task } from '../task/task.ts'
import type { Note } from '../note.ts'

const PURGE_INTERVAL_MS = 30_000

export class Purge {
  readonly #log: Log
  readonly #clock: Clock
  readonly #note: Note
  readonly #due = new Map<string, number>()
  #off = false

  constructor(log: Log, clock: Clock, note: Note) {
    this.#log = log
    this.#clock = clock
    this.#note = note
  }

  stop(): void {
    this.#off = true
  }

  committed(task: Task): void {
    const inputs = task.context.task.inputs.filter((input) => input.repartition !== undefined)
    if (this.#off || inputs.length === 0) return
    const now = this.#clock.monotonic()
    const due = this.#due.get(task.name)
    this.#due.set(task.name, due === undefined || now >= due ? now + PURGE_INTERVAL_MS : due)
    if (due === undefined || now < due) return
    const positions = task.run?.acquired.ledger.record.positions ?? {}
    const below = inputs.map(({ topic, partition, id }) => ({ topic, partition, position: positions[id] ?? 0 }))
    this.#log.admin.deleteRecords(below).catch((error: unknown) => {
      if (this.#off) return
      this.#off = true
      this.#note(
        'warn',
        `repartition records cannot be deleted (${error instanceof Error ? error.message : String(error)}); they stay until you delete them`,
        { task: task.name },
      )
    })
  }
}
