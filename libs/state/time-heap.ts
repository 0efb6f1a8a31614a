/** A binary heap of times, smallest first. */
export class TimeHeap {
  readonly #times: number[] = []

  /** Infinity when empty. */
  get earliest(): number {
    return this.#times[0] ?? Infinity
  }

  push(time: number): void {
    const times = this.#times
    let at = times.push(time) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = times[parent] ?? -Infinity
      if (above <= time) break
      times[at] = above
      at = parent
    }
    times[at] = time
  }

  pop(): void {
    const times = this.#times
    const last = times.pop()
    if (last === undefined || times.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= times.length) break
      if ((times[child + 1] ?? Infinity) < (times[child] ?? Infinity)) child += 1
      const below = times[child] ?? Infinity
      if (below >= last) break
      times[at] = below
      at = child
    }
    times[at] = last
  }
}
