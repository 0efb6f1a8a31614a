/** Kinds of windows: which windows does a record belong to? All are [start, end) and aligned to the epoch (S1). */
import { Fault } from '../faults/fault.ts'
import type { Duration } from './duration.ts'

export interface SplittingWindows {
  readonly kind: 'tumbling' | 'hopping'
  readonly sizeMs: number
  /** Distance of two starts. Equal to the size for tumbling windows. */
  readonly everyMs: number
}
export type WindowKind = SplittingWindows

/** Windows of one size, one after the other: every record is in exactly one. */
export function tumbling(size: Duration): SplittingWindows {
  if (!(size > 0)) throw new Fault('MR1019', 'stop', `tumbling(${size}): a window must be longer than 0 ms`)
  return { kind: 'tumbling', sizeMs: size, everyMs: size }
}

/** Windows of one size that start every so often and overlap: a record is in `size / every` of them, and costs as much. */
export function hopping(size: Duration, { every }: { readonly every: Duration }): SplittingWindows {
  if (!(size > 0) || !(every > 0) || every > size) {
    throw new Fault(
      'MR1019',
      'stop',
      `hopping(${size}, { every: ${every} }): the size must be above 0 ms and the step between 1 ms and the size`,
    )
  }
  return { kind: 'hopping', sizeMs: size, everyMs: every }
}

/** Start of the last window that holds the time. */
export const lastStart = (timestamp: number, everyMs: number): number => timestamp - (((timestamp % everyMs) + everyMs) % everyMs)
