/**
 * Compression of record batches. gzip and zstd by Node; snappy and lz4, which Node does not have, by the small readers and writers beside
 * this file. Batches that are read say themselves by what.
 */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { Fault } from '../../faults/fault.ts'
import type { TopicPartition } from '../../runtime/ports/log.ts'
import { corrupt } from './batch-header.ts'
import { lz4Compress } from './lz4-writer.ts'
import { lz4Decompress } from './lz4-reader.ts'
import { snappyCompress } from './snappy-writer.ts'
import { snappyDecompress } from './snappy-reader.ts'

/** As Kafka's producers name them in `compression.type`. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** A batch that claims to be larger when unpacked is refused: a damaged length must not take the memory of the process. */
export const UNPACKED_BYTES_MAX = 256 * 1024 * 1024

/** Batches are packed on the event loop between two commits: there, time counts for more than the last tenth of size. */
const gzipOptions = { level: 1 }
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export interface Packer {
  /** Bits of the attributes of a batch. */
  readonly codec: number
  readonly pack: (bytes: Buffer) => Buffer
}

const packers: Readonly<Record<Exclude<Compression, 'none'>, Packer>> = {
  gzip: { codec: 1, pack: (bytes) => gzipSync(bytes, gzipOptions) },
  snappy: { codec: 2, pack: snappyCompress },
  lz4: { codec: 3, pack: lz4Compress },
  zstd: { codec: 4, pack: (bytes) => zstdCompressSync(bytes, zstdOptions) },
}

export const packerOf = (compression: Compression): Packer | undefined => (compression === 'none' ? undefined : packers[compression])

const unpackers: Readonly<Record<number, (bytes: Buffer) => Buffer>> = {
  1: (bytes) => gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
  2: (bytes) => snappyDecompress(bytes, UNPACKED_BYTES_MAX),
  3: (bytes) => lz4Decompress(bytes, UNPACKED_BYTES_MAX),
  4: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
}

export function decompress(codec: number, bytes: Buffer, baseOffset: number, place: TopicPartition): Buffer {
  const unpack = unpackers[codec]
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
