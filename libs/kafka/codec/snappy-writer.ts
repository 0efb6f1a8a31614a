/** Writes snappy in the frame of the Java clients (see snappy-reader.ts). Format: google/snappy format_description.txt. */
import { BLOCK_BYTES_MAX, eachMatch } from './matches.ts'

/** Magic, version 1, readable by version 1. */
const FRAME_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1])
const SIZE_BYTES = 4
const COPY_BYTES_MAX = 64
const LITERAL = 0
const COPY = 2

/** What a block takes when nothing repeats: the limit that the format's own library gives. */
const blockBytesMax = (size: number): number => 32 + size + Math.ceil(size / 6)

export function snappyCompress(bytes: Uint8Array): Buffer {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES_MAX)
  const out = Buffer.allocUnsafe(FRAME_HEADER.length + blocks * (SIZE_BYTES + blockBytesMax(BLOCK_BYTES_MAX)))
  let to = FRAME_HEADER.copy(out)
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES_MAX) {
    const start = to + SIZE_BYTES
    const end = packBlock(bytes, from, Math.min(bytes.length, from + BLOCK_BYTES_MAX), out, start)
    out.writeInt32BE(end - start, to)
    to = end
  }
  return out.subarray(0, to)
}

/** Answers the end. */
function packBlock(bytes: Uint8Array, from: number, end: number, out: Buffer, start: number): number {
  let to = start
  let size = end - from
  for (; size >= 0x80; size >>>= 7) out[to++] = (size & 0x7f) | 0x80
  out[to++] = size
  const literals = (first: number, past: number): void => {
    const less = past - first - 1
    if (less < 0) return
    if (less < 60) out[to++] = (less << 2) | LITERAL
    else if (less < 0x100) {
      out[to++] = (60 << 2) | LITERAL
      out[to++] = less
    } else {
      out[to++] = (61 << 2) | LITERAL
      out[to++] = less & 0xff
      out[to++] = less >> 8
    }
    for (let at = first; at < past; at++) out[to++] = bytes[at] ?? 0
  }
  const last = eachMatch(bytes, from, end, (first, past, distance, matched) => {
    literals(first, past)
    for (let left = matched; left > 0; left -= COPY_BYTES_MAX) {
      out[to++] = ((Math.min(left, COPY_BYTES_MAX) - 1) << 2) | COPY
      out[to++] = distance & 0xff
      out[to++] = distance >> 8
    }
  })
  literals(last, end)
  return to
}
