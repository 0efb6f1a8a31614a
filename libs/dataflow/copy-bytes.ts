/** Short pieces of memory, from here to there. */
import type { KeyBytes } from './cells.ts'

/** Shorter ones are copied by a loop: the call costs more. */
const LOOP_BYTES_MAX = 24

/** All of `source`, where there is room for it. Answers where `target` goes on. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array): number {
  const { length } = source
  if (length > LOOP_BYTES_MAX) target.set(source, at)
  else for (let index = 0; index < length; index += 1) target[at + index] = source[index] as number // below length
  return at + length
}

/** The same for a key as text of its bytes. */
export function copyKeyBytes(target: Buffer, at: number, key: KeyBytes): number {
  const { length } = key
  if (length > LOOP_BYTES_MAX) target.write(key, at, 'latin1')
  else for (let index = 0; index < length; index += 1) target[at + index] = key.charCodeAt(index)
  return at + length
}

/** `size` bytes of `source`. Answers where `target` goes on; nothing is copied where the size is not above 0. */
export function copyPart(target: Uint8Array, at: number, source: Buffer, from: number, size: number): number {
  if (size <= 0) return at
  if (size > LOOP_BYTES_MAX) source.copy(target, at, from, from + size)
  else for (let index = 0; index < size; index += 1) target[at + index] = source[from + index] as number // below size
  return at + size
}
