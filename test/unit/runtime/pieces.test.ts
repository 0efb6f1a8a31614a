import { describe, expect, it } from '@jest/globals'
import { piecesOf } from '../../../libs/runtime/acquire/range-reader.ts'
import type { FetchedBatch } from '../../../libs/runtime/ports/log.ts'
import { NO_HEADERS, recordsOf } from '../../../libs/runtime/ports/log.ts'

/** Offsets 10, 12, 14 ...: compaction has taken the others. */
const batchOf = (count: number): FetchedBatch => ({
  topic: 't',
  partition: 0,
  fetchedFrom: 10,
  next: 11 + 2 * count,
  records: recordsOf(
    Array.from({ length: count }, (_, index) => ({ offset: 10 + 2 * index, timestamp: 0, key: null, value: null, headers: NO_HEADERS })),
  ),
  logStart: 0,
  highWatermark: 1_000,
  lastStable: 1_000,
  bytes: 500,
})

const shown = (batch: FetchedBatch, until?: number, most?: number) =>
  [...piecesOf(batch, until, most)].map(({ records, from, to, next, bytes }) => ({
    offsets: records.slice(from, to).map(({ offset }) => offset),
    next,
    bytes,
  }))

describe('pieces of an answer', () => {
  it('hold all of its records once, each says where the next one begins, and its size counts with the last', () => {
    expect(shown(batchOf(5), undefined, 2)).toEqual([
      { offsets: [10, 12], next: 14, bytes: 0 },
      { offsets: [14, 16], next: 18, bytes: 0 },
      { offsets: [18], next: 21, bytes: 500 },
    ])
    expect(shown(batchOf(4), undefined, 2).map(({ offsets }) => offsets)).toEqual([
      [10, 12],
      [14, 16],
    ])
  })

  it('end before the offset up to which was asked', () => {
    expect(shown(batchOf(5), 15, 2)).toEqual([
      { offsets: [10, 12], next: 14, bytes: 0 },
      { offsets: [14], next: 15, bytes: 500 },
    ])
    expect(shown(batchOf(5), 14, 2)).toEqual([{ offsets: [10, 12], next: 14, bytes: 500 }])
    expect(shown(batchOf(5), 10, 2)).toEqual([{ offsets: [], next: 10, bytes: 500 }])
  })

  it('is one, without records, where the answer has none', () => {
    expect(shown(batchOf(0), undefined, 2)).toEqual([{ offsets: [], next: 11, bytes: 500 }])
  })
})
