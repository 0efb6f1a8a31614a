/** Writes the LZ4 frame format (lz4/doc/lz4_Frame_format.md) as Kafka's Java client does: independent blocks of 64 KiB, no checksums. */
import { BLOCK_BYTES_MAX, MATCH_BYTES_MIN, eachMatch } from './matches.ts'

/** Magic, version 1 with independent blocks, blocks of 64 KiB at most, and the checksum of those two bytes. */
const FRAME_HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const SIZE_BYTES = 4
/** Bit of a block's size: the block is not compressed. */
const AS_IT_IS = 0x8000_0000

/** What a block takes when nothing repeats. */
const blockBytesMax = (size: number): number => size + Math.ceil(size / 255) + 16

export function lz4Compress(bytes: Uint8Array): Buffer {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES_MAX)
  const out = Buffer.allocUnsafe(FRAME_HEADER.length + blocks * (SIZE_BYTES + blockBytesMax(BLOCK_BYTES_MAX)) + SIZE_BYTES)
  let to = FRAME_HEADER.copy(out)
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES_MAX) {
    const end = Math.min(bytes.length, from + BLOCK_BYTES_MAX)
    const start = to + SIZE_BYTES
    const packed = packBlock(bytes, from, end, out, start) - start
    if (packed < end - from) {
      out.writeUInt32LE(packed, to)
      to = start + packed
    } else {
      out.writeUInt32LE(AS_IT_IS + end - from, to)
      out.set(bytes.subarray(from, end), start)
      to = start + end - from
    }
  }
  return out.subarray(0, out.writeUInt32LE(0, to))
}

/** Answers the end. */
function packBlock(bytes: Uint8Array, from: number, end: number, out: Buffer, start: number): number {
  let to = start
  const length = (left: number): void => {
    let rest = left - 15
    for (; rest >= 255; rest -= 255) out[to++] = 255
    out[to++] = rest
  }
  const literals = (first: number, past: number, match: number): void => {
    const count = past - first
    out[to++] = (Math.min(15, count) << 4) | Math.min(15, match)
    if (count >= 15) length(count)
    for (let at = first; at < past; at++) out[to++] = bytes[at] ?? 0
  }
  const last = eachMatch(bytes, from, end, (first, past, distance, matched) => {
    const match = matched - MATCH_BYTES_MIN
    literals(first, past, match)
    out[to++] = distance & 0xff
    out[to++] = distance >> 8
    if (match >= 15) length(match)
  })
  literals(last, end, 0)
  return to
}
