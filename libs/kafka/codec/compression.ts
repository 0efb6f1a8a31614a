/**
 * Decompression of record batches: gzip and zstd by Node, snappy and lz4 by the two small readers beside this file.
 * Millrace writes uncompressed batches.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { Fault } from '../../faults/fault.ts'
import type { TopicPartition } from '../../runtime/ports/log.ts'
import { corrupt } from './batch-header.ts'
import { lz4Decompress } from './lz4.ts'
import { snappyDecompress } from './snappy.ts'

/** A batch that claims to be larger when unpacked is refused: a damaged length must not take the memory of the process. */
export const UNPACKED_BYTES_MAX = 256 * 1024 * 1024

const codecs: Readonly<Record<number, (bytes: Buffer) => Buffer>> = {
  1: (bytes) => gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
  2: (bytes) => snappyDecompress(bytes, UNPACKED_BYTES_MAX),
  3: (bytes) => lz4Decompress(bytes, UNPACKED_BYTES_MAX),
  4: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
}

export function decompress(codec: number, bytes: Buffer, baseOffset: number, place: TopicPartition): Buffer {
  const unpack = codecs[codec]
  if (!unpack)
    throw new Fault(
      'MR3030',
      'stop-task',
      `the batch at ${place.topic}:${place.partition}:${baseOffset} is compressed by codec ${codec}, which Millrace does not know. ` +
        'Set compression.type of its producer to gzip, snappy, lz4 or zstd.',
      { place: { ...place, offset: baseOffset } },
    )
  try {
    return unpack(bytes)
  } catch (cause) {
    throw corrupt(place, baseOffset, `it cannot be decompressed: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}
