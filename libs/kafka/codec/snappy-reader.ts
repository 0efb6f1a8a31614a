/**
 * Reads snappy as Kafka clients write it: the Java clients' frame (xerial: 8 bytes magic, two versions, then chunks of
 * length and block), or one bare block (librdkafka). Format: google/snappy format_description.txt.
 */
import { assert } from '../../faults/fault.ts'

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

export function snappyDecompress(bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.length < XERIAL_HEADER_BYTES || !bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC))
    return unpackBlock(bytes, bytesMax)
  const chunks: Buffer[] = []
  let left = bytesMax
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    const size = bytes.readInt32BE(at)
    if (size <= 0 || at + 4 + size > bytes.length) throw new RangeError(`a snappy chunk of ${size} bytes reaches beyond the batch`)
    const chunk = unpackBlock(bytes.subarray(at + 4, at + 4 + size), left)
    left -= chunk.length
    chunks.push(chunk)
    at += 4 + size
  }
  return Buffer.concat(chunks)
}

function unpackBlock(bytes: Buffer, bytesMax: number): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]
    if (byte === undefined || shift > 28) throw new RangeError('the length of a snappy block is damaged')
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > bytesMax) throw new RangeError(`a snappy block claims ${size} bytes`)
  const out = Buffer.allocUnsafe(size)
  let to = 0
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0
    if ((tag & 3) === 0) {
      let length = (tag >> 2) + 1
      if (length > 60) {
        const extra = length - 60
        length = bytes.readUIntLE(at, extra) + 1
        at += extra
      }
      if (at + length > bytes.length || to + length > size) throw new RangeError('a snappy literal reaches beyond its block')
      bytes.copy(out, to, at, at + length)
      at += length
      to += length
      continue
    }
    const { length, distance, used } = copyOf(tag, bytes, at)
    at += used
    if (distance === 0 || distance > to || to + length > size) throw new RangeError('a snappy copy points outside its block')
    copyWithin(out, to, distance, length)
    to += length
  }
  if (to !== size) throw new RangeError(`a snappy block has ${to} bytes instead of ${size}`)
  return out
}

function copyOf(tag: number, bytes: Buffer, at: number): { length: number; distance: number; used: number } {
  const kind = tag & 3
  assert(kind !== 0, 'a snappy copy is no literal')
  if (kind === 1) return { length: ((tag >> 2) & 7) + 4, distance: ((tag & 0xe0) << 3) | bytes.readUInt8(at), used: 1 }
  if (kind === 2) return { length: (tag >> 2) + 1, distance: bytes.readUInt16LE(at), used: 2 }
  return { length: (tag >> 2) + 1, distance: bytes.readUInt32LE(at), used: 4 }
}

/** Repeats what lies `distance` before: the ranges may overlap, then the pattern repeats byte by byte. */
export function copyWithin(out: Buffer, to: number, distance: number, length: number): void {
  if (distance >= length) {
    out.copyWithin(to, to - distance, to - distance + length)
    return
  }
  for (let index = 0; index < length; index++) out[to + index] = out[to + index - distance] as number // below `to + length`
}
