/**
 * Reads the LZ4 frame format (lz4/doc/lz4_Frame_format.md) as Kafka clients write it. The frame's own checksums are skipped:
 * the batch's CRC-32C covers the same bytes.
 */
import { copyWithin } from './snappy-reader.ts'

const FRAME_MAGIC = 0x184d2204
const UNCOMPRESSED = 0x8000_0000
const MIN_MATCH = 4

export function lz4Decompress(bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.readUInt32LE(0) !== FRAME_MAGIC) throw new RangeError('the lz4 frame does not begin with its magic number')
  const flags = bytes.readUInt8(4)
  const blockBytesMax = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 7))
  const hasBlockChecksum = (flags & 0x10) !== 0
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0)
  let out = Buffer.allocUnsafe(Math.min(bytesMax, Math.max(64 * 1024, bytes.length * 4)))
  let to = 0
  for (;;) {
    const word = bytes.readUInt32LE(at)
    at += 4
    if (word === 0) return out.subarray(0, to)
    const size = word % UNCOMPRESSED
    if (at + size > bytes.length) throw new RangeError('an lz4 block reaches beyond the batch')
    if (to + blockBytesMax > bytesMax + blockBytesMax) throw new RangeError(`the lz4 frame has more than ${bytesMax} bytes`)
    if (out.length < to + blockBytesMax) {
      const larger = Buffer.allocUnsafe(Math.max(out.length * 2, to + blockBytesMax))
      out.copy(larger, 0, 0, to)
      out = larger
    }
    const block = bytes.subarray(at, at + size)
    if (word >= UNCOMPRESSED) to += block.copy(out, to)
    else to = unpackBlock(block, out, to)
    at += size + (hasBlockChecksum ? 4 : 0)
  }
}

/** Appends one block; matches may reach back into earlier blocks. Answers the new end. */
function unpackBlock(block: Buffer, out: Buffer, start: number): number {
  let at = 0
  let to = start
  const length = (first: number): number => {
    let total = first
    if (first < 15) return total
    for (;;) {
      const byte = block[at++]
      if (byte === undefined) throw new RangeError('an lz4 length is cut')
      total += byte
      if (byte < 255) return total
    }
  }
  while (at < block.length) {
    const token = block[at++] as number // below the length
    const literals = length(token >> 4)
    if (at + literals > block.length || to + literals > out.length) throw new RangeError('an lz4 literal reaches beyond its block')
    block.copy(out, to, at, at + literals)
    at += literals
    to += literals
    if (at === block.length) return to
    const distance = block.readUInt16LE(at)
    at += 2
    const matched = length(token & 15) + MIN_MATCH
    if (distance === 0 || distance > to || to + matched > out.length) throw new RangeError('an lz4 match points outside its frame')
    copyWithin(out, to, distance, matched)
    to += matched
  }
  return to
}
