/**
 * What a worker whose local stores keep failing tells the group: give my tasks to others, if there are any. It stands for longer each time, so
 * that tasks do not wander to and fro over a disk that fills again and again. Pure: time is given.
 */
const FIRST_MS = 600_000
const LONGEST_MS = 8 * FIRST_MS

export class DiskTrouble {
  #until = 0
  #lastsMs = FIRST_MS

  /** True when this is new to the group. */
  begin(now: number): boolean {
    const isNew = !this.stands(now)
    if (isNew && this.#until > 0) this.#lastsMs = Math.min(LONGEST_MS, this.#lastsMs * 2)
    this.#until = now + this.#lastsMs
    return isNew
  }

  stands(now: number): boolean {
    return now < this.#until
  }

  /** Until it is over, ms. */
  leftMs(now: number): number {
    return Math.max(0, this.#until - now)
  }
}
