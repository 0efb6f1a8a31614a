/** Seeded randomness for the city simulator: the same seed gives the same numbers on every machine (mulberry32, 32-bit integer arithmetic). */
export interface Random {
  /** From 0 (inclusive) to 1 (exclusive). */
  fraction(): number
  /** From `least` (inclusive) to `most` (exclusive). */
  between(least: number, most: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** An integer from 0 (inclusive) to `count` (exclusive). */
  below(count: number): number
}

export function seededRandom(seed: number): Random {
  let state = seed | 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    fraction,
    between: (least, most) => least + fraction() * (most - least),
    chance: (probability) => fraction() < probability,
    below: (count) => Math.floor(fraction() * count),
  }
}
