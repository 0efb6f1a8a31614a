/** Memory that is filled from its beginning, and exchanged for larger when it is full. Pages that are not used take no memory. */

/** What is copied while it grows is a third of the end. */
export const GROWS_BY = 4
/** Large memory does not grow by its own size. */
const GROWTH_BYTES_MAX = 16 * 2 ** 20

/** The first `end` bytes of `from`, with room for `size` more at least. */
export function largerBytes(from: Buffer, end: number, size: number): Buffer<ArrayBuffer> {
  const { length } = from
  const larger = Buffer.allocUnsafeSlow(Math.max(end + size, Math.min(GROWS_BY * length, length + GROWTH_BYTES_MAX)))
  from.copy(larger, 0, 0, end)
  return larger
}

/** `to`, which begins with all of `from`. */
export function continued<Numbers extends Float64Array | Int32Array>(from: Float64Array | Int32Array, to: Numbers): Numbers {
  to.set(from)
  return to
}
