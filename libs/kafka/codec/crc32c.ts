/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of record batches since Kafka 0.11.
 *
 * Every byte that is read or written passes here, and node:zlib has only the other CRC-32. Processors have an instruction for this one:
 * @node-rs/crc32 uses it, six times as fast as tables for a whole batch. Tables are for what is short, where the call costs more, and for
 * platforms for which that package has no binary. Slicing by eight: eight table look-ups for eight bytes, without a dependency between them.
 */
import { createRequire } from 'node:module'

const POLYNOMIAL = 0x82f63b78
const LANES = 8
/** Below, the call costs more than the tables. */
const NATIVE_BYTES_MIN = 256

/** Lane k at [k * 256 + byte]: the checksum of the byte followed by k zero bytes. */
const tables = ((): Int32Array => {
  const built = new Int32Array(LANES * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    built[byte] = crc
  }
  for (let lane = 1; lane < LANES; lane++)
    for (let byte = 0; byte < 256; byte++) {
      const shorter = built[(lane - 1) * 256 + byte] ?? 0
      built[lane * 256 + byte] = (shorter >>> 8) ^ (built[shorter & 255] ?? 0)
    }
  return built
})()

const t0 = tables.subarray(0, 256)
const t1 = tables.subarray(256, 512)
const t2 = tables.subarray(512, 768)
const t3 = tables.subarray(768, 1024)
const t4 = tables.subarray(1024, 1280)
const t5 = tables.subarray(1280, 1536)
const t6 = tables.subarray(1536, 1792)
const t7 = tables.subarray(1792, 2048)

type Checksum = (bytes: Uint8Array) => number

/** Undefined: there is none for this platform. */
const native = ((): Checksum | undefined => {
  try {
    const binding: { readonly crc32c: Checksum } = createRequire(import.meta.url)('@node-rs/crc32')
    return binding.crc32c
  } catch {
    return undefined
  }
})()

/** False: every checksum comes from tables. */
export const isChecksumNative = native !== undefined

/** Checksum of `bytes[start, end)` as an unsigned 32-bit number. */
export const crc32c = (bytes: Uint8Array, start: number, end: number): number =>
  native === undefined || end - start < NATIVE_BYTES_MIN ? crc32cOfTables(bytes, start, end) : native(bytes.subarray(start, end))

/** The same, without the instruction. */
export function crc32cOfTables(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  let at = start
  // Every index below is inside its array: bytes by the loop bound, tables by the mask. The casts only tell the compiler so.
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
    crc =
      (t7[crc & 255] as number) ^
      (t6[(crc >>> 8) & 255] as number) ^
      (t5[(crc >>> 16) & 255] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number)
  return (crc ^ -1) >>> 0
}
