/**
 * Where a result comes from: the record of an external input, and the way through the stages. A switch tells by it which results of a dead
 * live version are missing (engine.md 6.2). Travels behind the value in repartition topics, where it costs no object for each record. Pure.
 *
 *     value ‖ path ‖ length of the path u8 ‖ 0xFE       no structured value ends so: 0xFE is no byte of UTF-8
 *     path = place u32 (hash of topic:partition) | offset u48 | index u16 of the result of each stage
 */
import { murmur2 } from '../murmur2.ts'

/** Header of results in shadow topics: their path. */
export const ORIGIN = 'millrace-origin'

const END = 0xfe
const END_BYTES = 2
const HEAD_BYTES = 10
const INDEX_BYTES = 2
export const INDEX_MAX = 0xff_ff
const PATH_BYTES_MAX = 0xff

/** Bytes behind the value; 0: it has no path. */
export function trailerBytes(value: Uint8Array): number {
  const { length } = value
  return length > END_BYTES && value[length - 1] === END ? (value[length - END_BYTES] ?? 0) + END_BYTES : 0
}

export function pathOf(value: Uint8Array): Uint8Array | undefined {
  const bytes = trailerBytes(value)
  return bytes === 0 ? undefined : value.subarray(value.length - bytes, value.length - END_BYTES)
}

/** All beginnings of a path: what it comes from, stage by stage. */
export function* ancestorsOf(path: Uint8Array): Generator<string> {
  const text = Buffer.from(path).toString('latin1')
  for (let end = HEAD_BYTES + INDEX_BYTES; end <= text.length; end += INDEX_BYTES) yield text.slice(0, end)
}

export const placeOf = (topic: string, partition: number): number => murmur2(Buffer.from(`${topic}:${partition}`).toString('latin1')) >>> 0

/** A path's origin: of an external record, or of a repartition record that has one. */
export class Origin {
  #place = 0
  #offset = 0
  /** A repartition record's value with its trailer. */
  #from: Uint8Array | undefined
  #bytes = 0

  none(): void {
    this.#bytes = 0
  }

  external(place: number, offset: number): void {
    this.#place = place
    this.#offset = offset
    this.#from = undefined
    this.#bytes = HEAD_BYTES + INDEX_BYTES
  }

  repartition(value: Uint8Array): void {
    const trailer = trailerBytes(value)
    const bytes = trailer - END_BYTES + INDEX_BYTES
    this.#from = value
    this.#bytes = trailer === 0 || bytes > PATH_BYTES_MAX ? 0 : bytes
  }

  /** Of the path of a result; 0: it has none. */
  bytesOf(index: number): number {
    return index > INDEX_MAX ? 0 : this.#bytes
  }

  write(target: Uint8Array, at: number, index: number): void {
    const end = at + this.#bytes - INDEX_BYTES
    const from = this.#from
    if (from === undefined) {
      writeUint32(target, at, this.#place)
      writeUint16(target, at + 4, Math.floor(this.#offset / TWO_TO_32))
      writeUint32(target, at + 6, this.#offset)
    } else {
      const start = from.length - END_BYTES - (end - at)
      for (let one = 0; one < end - at; one += 1) target[at + one] = from[start + one] as number // inside: the trailer's own length
    }
    writeUint16(target, end, index)
  }

  path(index: number): Uint8Array | undefined {
    const bytes = this.bytesOf(index)
    if (bytes === 0) return undefined
    const path = new Uint8Array(bytes)
    this.write(path, 0, index)
    return path
  }
}

/** `bytes`: those of an encoded value, with room for a path of `size` and its end behind `at`. */
export function writeTrailer(bytes: Uint8Array, at: number, origin: Origin, index: number): void {
  const size = origin.bytesOf(index)
  origin.write(bytes, at, index)
  bytes[at + size] = size
  bytes[at + size + 1] = END
}

export const TRAILER_END_BYTES = END_BYTES

const TWO_TO_32 = 2 ** 32

function writeUint16(target: Uint8Array, at: number, number: number): void {
  target[at] = number >>> 8
  target[at + 1] = number
}

/** The low 32 bits. */
function writeUint32(target: Uint8Array, at: number, number: number): void {
  writeUint16(target, at, number >>> 16)
  writeUint16(target, at + 2, number & 0xff_ff)
}
