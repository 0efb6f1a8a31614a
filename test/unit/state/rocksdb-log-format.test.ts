import { describe, expect, it } from '@jest/globals'
import { gapBetween, spanOfLog } from '../../../libs/state/rocksdb-log-format.ts'

const BLOCK_BYTES = 32_768
const HEAD_BYTES = 7

function fragment(type: number, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt16LE(bytes.length, 4)
  head.writeUInt8(type, 6)
  return Buffer.concat([head, bytes])
}

function batch(sequence: number, count: number, bytes = 0): Buffer {
  const head = Buffer.alloc(12)
  head.writeBigUInt64LE(BigInt(sequence), 0)
  head.writeUInt32LE(count, 8)
  return Buffer.concat([head, Buffer.alloc(bytes, 7)])
}

const FULL = 1
const FIRST = 2
const LAST = 4

describe('the sequence numbers in a write-ahead log', () => {
  it('are those of its first and its last whole batch', () => {
    expect(spanOfLog(Buffer.concat([fragment(FULL, batch(5, 3)), fragment(FULL, batch(8, 2))]))).toEqual({ first: 5, last: 9 })
    expect(spanOfLog(Buffer.alloc(0))).toBeUndefined()
    expect(spanOfLog(Buffer.alloc(BLOCK_BYTES))).toBeUndefined()
  })

  it('leave out a batch that a crash has cut, also where it goes over a block', () => {
    const long = batch(6, 4, BLOCK_BYTES)
    const first = fragment(FULL, batch(5, 1))
    const room = BLOCK_BYTES - first.length - HEAD_BYTES
    const whole = Buffer.concat([first, fragment(FIRST, long.subarray(0, room)), fragment(LAST, long.subarray(room))])
    expect(spanOfLog(whole)).toEqual({ first: 5, last: 9 })
    expect(spanOfLog(whole.subarray(0, -1))).toEqual({ first: 5, last: 5 })
    expect(spanOfLog(whole.subarray(0, BLOCK_BYTES))).toEqual({ first: 5, last: 5 })
  })
})

describe('write-ahead logs behind the tables', () => {
  const manifest = { logNumber: 9, lastSequence: 100 }
  const log = (number: number, first: number, last: number) => ({ number, span: { first, last } })

  it.each([
    ['none', []],
    ['one that begins where the tables end', [log(9, 101, 120)]],
    ['a number that was never a file', [log(11, 101, 120), log(12, 121, 130)]],
    ['an old one, whose writes are in tables', [log(8, 1, 50), log(9, 101, 120)]],
    ['one that begins in the tables', [log(9, 90, 120)]],
    ['an empty one', [log(9, 101, 120), { number: 10, span: undefined }]],
  ])('have no gap: %s', (_, logs) => {
    expect(gapBetween(manifest, logs)).toBeUndefined()
  })

  it.each([
    ['the first', [log(11, 121, 130)], 'writes 101 to 120 are missing before the write-ahead log 11'],
    ['one between', [log(9, 101, 120), log(12, 131, 140)], 'writes 121 to 130 are missing before the write-ahead log 12'],
    ['the tail of one', [log(9, 101, 115), log(11, 121, 130)], 'writes 116 to 120 are missing before the write-ahead log 11'],
  ])('have a gap where %s is missing', (_, logs, gap) => {
    expect(gapBetween(manifest, logs)).toBe(gap)
  })
})
