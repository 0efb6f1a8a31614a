/**
 * What a write-ahead log and a MANIFEST of RocksDB say of their sequence numbers, and whether these follow one another without a gap. Pure.
 *
 * RocksDB does not look: where one of several write-ahead logs is missing, or lost its tail in a power cut, it replays the later ones all the
 * same. The store then lacks values, and its mark, which is newer, says that they are there (P2). So we look before it opens.
 *
 *   file      blocks of 32 KiB; in them fragments: crc u32 | length u16 | type u8 | (recycled logs: log number u32) | bytes
 *   record    one fragment (FULL), or FIRST, MIDDLE..., LAST; never less than a header at the end of a block
 *   batch     sequence u64 | count u32 | entries; a batch of a write-ahead log is one record
 *   edit      (tag varint, value)...; a MANIFEST is a list of edits, the newest value of a tag counts
 *
 * Checksums are RocksDB's work: a damaged record makes it stop there, and the store is older than it could be, which is harmless.
 */
const BLOCK_BYTES = 32_768
const HEAD_BYTES = 7
const RECYCLED_HEAD_BYTES = 11
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4
/** Types 5 to 8 are 1 to 4 in a log file that is used again. */
const RECYCLED = 4
const BATCH_HEAD_BYTES = 12

const TAG_COMPARATOR = 1
const TAG_LOG_NUMBER = 2
const TAG_NEXT_FILE = 3
const TAG_LAST_SEQUENCE = 4
const TAG_PREVIOUS_LOG = 9
const TAG_MIN_LOG = 10
const TAG_MAX_FAMILY = 203
/** Tags from here on have a length, so that a reader may leave them out. */
const TAG_SKIPPABLE = 8_192

interface Fragment {
  readonly type: number
  readonly bytes: Uint8Array
}

function* fragmentsOf(file: Uint8Array): Generator<Fragment> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  let at = 0
  while (at + HEAD_BYTES <= file.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    const type = left < HEAD_BYTES ? 0 : view.getUint8(at + 6)
    if (type === 0) {
      at += left
      continue
    }
    const head = type > LAST ? RECYCLED_HEAD_BYTES : HEAD_BYTES
    const end = at + head + view.getUint16(at + 4, true)
    // Cut short: what a crash leaves at the end.
    if (end > file.length) return
    yield { type: type > LAST ? type - RECYCLED : type, bytes: file.subarray(at + head, end) }
    at = end
  }
}

export interface SequenceSpan {
  readonly first: number
  readonly last: number
}

/** Sequence numbers of the whole batches in a write-ahead log; undefined: there is none. */
export function spanOfLog(file: Uint8Array): SequenceSpan | undefined {
  let first: number | undefined
  let last = 0
  let begun: SequenceSpan | undefined
  for (const { type, bytes } of fragmentsOf(file)) {
    if (type === FULL || type === FIRST) begun = spanOfBatch(bytes)
    if (type === MIDDLE || begun === undefined || type === FIRST) continue
    first ??= begun.first
    last = begun.last
    begun = undefined
  }
  return first === undefined ? undefined : { first, last }
}

function spanOfBatch(bytes: Uint8Array): SequenceSpan | undefined {
  if (bytes.length < BATCH_HEAD_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = Number(view.getBigUint64(0, true))
  return { first, last: first + view.getUint32(8, true) - 1 }
}

export interface ManifestFacts {
  /** Write-ahead logs below this number are in tables already. */
  readonly logNumber: number
  /** Newest sequence number in tables. */
  readonly lastSequence: number
}

export function factsOfManifest(file: Uint8Array): ManifestFacts {
  const facts = { logNumber: 0, lastSequence: 0 }
  for (const { type, bytes } of fragmentsOf(file)) {
    // What is looked for stands at the beginning of an edit, before its list of files.
    if (type === FULL || type === FIRST) readEdit(bytes, facts)
  }
  return facts
}

function readEdit(bytes: Uint8Array, facts: { logNumber: number; lastSequence: number }): void {
  let at = 0
  const varint = (): number => {
    let number = 0
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at] ?? 0
      at += 1
      number += (byte & 127) * scale
      if (byte < 128) return number
    }
    return number
  }
  while (at < bytes.length) {
    const tag = varint()
    switch (tag) {
      case TAG_LOG_NUMBER:
        facts.logNumber = varint()
        break
      case TAG_LAST_SEQUENCE:
        facts.lastSequence = varint()
        break
      case TAG_NEXT_FILE:
      case TAG_PREVIOUS_LOG:
      case TAG_MIN_LOG:
      case TAG_MAX_FAMILY:
        varint()
        break
      default:
        if (tag !== TAG_COMPARATOR && tag < TAG_SKIPPABLE) return
        at += varint()
    }
  }
}

export interface LogSpan {
  /** Of the file. */
  readonly number: number
  readonly span: SequenceSpan | undefined
}

/** What is missing between tables and write-ahead logs, or between the logs; undefined: nothing. */
export function gapBetween({ logNumber, lastSequence }: ManifestFacts, logs: readonly LogSpan[]): string | undefined {
  let reached = lastSequence
  for (const { number, span } of logs.toSorted((a, b) => a.number - b.number)) {
    if (number < logNumber || span === undefined) continue
    if (span.first > reached + 1) return `writes ${reached + 1} to ${span.first - 1} are missing before the write-ahead log ${number}`
    reached = Math.max(reached, span.last)
  }
  return undefined
}
