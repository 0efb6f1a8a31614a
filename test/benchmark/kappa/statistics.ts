/** What is made of several runs. Pure. */

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = inOrder(values)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

export const spreadOf = (values: readonly number[]): Spread => ({
  min: values.length === 0 ? 0 : Math.min(...values),
  median: median(values),
  max: values.length === 0 ? 0 : Math.max(...values),
})

/** The smallest value that is not below `share` of all (nearest rank); of values in ascending order. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

/** Each run of the first with the run of the second in the same round; rounds that one of them lacks are left out. */
export function ratios(first: ReadonlyMap<number, number>, second: ReadonlyMap<number, number>): number[] {
  return [...first].flatMap(([round, value]) => {
    const other = second.get(round)
    return other === undefined || other === 0 ? [] : [value / other]
  })
}

const inOrder = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
