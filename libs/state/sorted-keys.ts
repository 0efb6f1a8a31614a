/** An ordered set of keys in chunks: insert, remove and ordered walk without sorting everything again. */
import type { KeyBytes } from '../dataflow/cells.ts'

/** A chunk is split when it grows beyond this: splicing so many is still one small memory move. */
const CHUNK_KEYS_MAX = 512

export class SortedKeys {
  /** In order; no chunk is empty, but the only one may be. */
  readonly #chunks: KeyBytes[][] = [[]]

  add(key: KeyBytes): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at] ?? []
    const place = firstAtOrAfter(chunk, key)
    if (chunk[place] === key) return
    chunk.splice(place, 0, key)
    if (chunk.length > CHUNK_KEYS_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1))
  }

  delete(key: KeyBytes): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at] ?? []
    const place = firstAtOrAfter(chunk, key)
    if (chunk[place] !== key) return
    chunk.splice(place, 1)
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1)
  }

  /** Keys in [from, to), in order; `to` undefined: to the end. The set must not change meanwhile. */
  *range(from: KeyBytes, to: KeyBytes | undefined): Generator<KeyBytes> {
    let at = this.#chunkOf(from)
    let place = firstAtOrAfter(this.#chunks[at] ?? [], from)
    for (; at < this.#chunks.length; at += 1, place = 0) {
      const chunk = this.#chunks[at] ?? []
      for (; place < chunk.length; place += 1) {
        const key = chunk[place]
        if (key === undefined || (to !== undefined && key >= to)) return
        yield key
      }
    }
  }

  /** The last chunk that begins at or below the key, else the first. */
  #chunkOf(key: KeyBytes): number {
    let low = 0
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#chunks[middle]?.[0] ?? '') <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

function firstAtOrAfter(keys: readonly KeyBytes[], key: KeyBytes): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
