/**
 * How far a group is, as samples over time: made by watching a run, read when it has ended. Pure.
 *
 * A sample counts the committed positions of the input and of the topics between stages together, so that a stage that runs ahead does
 * not look like the end.
 */

export interface Sample<U> {
  /** Epoch ms. */
  readonly at: number
  /** Sum of the committed positions. */
  readonly positions: number
  /** Processor time and memory at this moment. */
  readonly usage: U
}

export interface Stretch<U> {
  readonly from: Sample<U>
  readonly to: Sample<U>
  /** Of all records, those that the stretch stands for. */
  readonly records: number
  readonly seconds: number
}

/** Shares of the work that are left out of what is measured: compilers, caches and fetch sizes have found their pace then. */
export const warmUpShare = 0.3

/** From the first sample at which `share` of the work was done to the last one; undefined: nothing was done. */
export function stretchFrom<U>(samples: readonly Sample<U>[], records: number, share: number): Stretch<U> | undefined {
  const to = samples.at(-1)
  if (to === undefined || to.positions === 0) return undefined
  const from = samples.find(({ positions }) => positions > 0 && positions >= to.positions * share)
  if (from === undefined || from.at >= to.at) return undefined
  return { from, to, records: records * (1 - from.positions / to.positions), seconds: (to.at - from.at) / 1_000 }
}
