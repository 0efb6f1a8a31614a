/** An order of requests that no client can rely on, the same for one seed: for tests of what must hold whatever arrives first. */

/** Runs one waiting task in each turn of the event loop, chosen by the seed. */
export function shuffledSchedule(seed: number): (task: () => void) => void {
  const random = mulberry32(seed)
  const waiting: (() => void)[] = []
  const runOne = (): void => {
    const [task] = waiting.splice(Math.floor(random() * waiting.length), 1)
    task?.()
  }
  return (task) => {
    waiting.push(task)
    setImmediate(runOne)
  }
}

/** Mulberry32: a small generator with a period of 2^32, good enough for choices in tests. Numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
