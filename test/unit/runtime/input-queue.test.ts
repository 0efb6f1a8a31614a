/** The limit of an input queue: what is given out, and when nothing is left below it. */
import { describe, expect, it } from '@jest/globals'
import { InputQueue } from '../../../libs/runtime/task/input-queue.ts'
import type { InputItem } from '../../../libs/runtime/task/input-queue.ts'
import { recordsOf } from '../../../libs/runtime/ports/log.ts'
import type { FetchedBatch, LogRecord } from '../../../libs/runtime/ports/log.ts'

const recordAt = (offset: number): LogRecord => ({ offset, timestamp: 0, key: null, value: null, headers: [] })

/** An answer with records at these offsets and nothing else up to `next`. */
const answer = (fetchedFrom: number, offsets: readonly number[], next: number, end = 100): FetchedBatch => ({
  topic: 'input',
  partition: 0,
  fetchedFrom,
  next,
  records: recordsOf(offsets.map(recordAt)),
  logStart: 0,
  highWatermark: end,
  lastStable: end,
  bytes: offsets.length,
})

function queue(): InputQueue {
  const wiring = {
    id: 'input:0',
    topic: 'input',
    partition: 0,
    partitions: 1,
    input: 0,
    external: undefined,
    repartition: undefined,
    upstream: [],
  } as const
  return new InputQueue(wiring, 0, 0, 1_000)
}

/** Decodes and takes all that is given out; answers their offsets. */
function takeAll(from: InputQueue): number[] {
  const taken: number[] = []
  for (;;) {
    from.addDecoded(from.toDecode(2).map((raw): InputItem => ({ kind: 'dropped', why: 'foreign', raw })))
    const item = from.take()
    if (item === undefined) return taken
    taken.push(item.raw.offset)
  }
}

describe('the limit of an input queue', () => {
  it('gives out what is below it, and the rest when it rises', () => {
    const one = queue()
    one.limitTo(3)
    one.push(answer(0, [0, 1, 2, 3, 4], 5))
    expect(takeAll(one)).toEqual([0, 1, 2])
    expect([one.position, one.limitReached, one.drained, one.empty]).toEqual([3, true, true, true])
    one.limitTo(5)
    expect([one.limitReached, one.empty]).toEqual([false, false])
    expect(takeAll(one)).toEqual([3, 4])
    expect([one.position, one.limitReached]).toEqual([5, true])
  })

  it('never falls', () => {
    const one = queue()
    one.limitTo(3)
    one.limitTo(1)
    one.push(answer(0, [0, 1, 2, 3], 4))
    expect(takeAll(one)).toEqual([0, 1, 2])
  })

  it('is reached where its last offsets are those of control or compacted records, and not before they were seen', () => {
    const one = queue()
    one.limitTo(10)
    one.push(answer(0, [0, 4], 6))
    expect(takeAll(one)).toEqual([0, 4])
    expect([one.limitReached, one.drained]).toEqual([false, false])
    one.push(answer(6, [], 12))
    expect(one.limitReached).toBe(true)
  })

  it('is reached where the next record stands behind it', () => {
    const one = queue()
    one.limitTo(10)
    one.push(answer(0, [4, 20], 21))
    expect(takeAll(one)).toEqual([4])
    expect([one.limitReached, one.position]).toEqual([true, 10])
  })

  it('is not reached while records below it wait', () => {
    const one = queue()
    one.limitTo(2)
    one.push(answer(0, [0, 1, 2], 3))
    expect([one.limitReached, one.empty]).toEqual([false, false])
    one.addDecoded(one.toDecode(9).map((raw): InputItem => ({ kind: 'dropped', why: 'foreign', raw })))
    expect([one.limitReached, one.empty]).toEqual([false, false])
  })

  it('without one a queue is drained at the end of the log only', () => {
    const one = queue()
    one.push(answer(0, [0], 1))
    takeAll(one)
    expect([one.limitReached, one.drained]).toEqual([false, false])
    one.push(answer(1, [99], 100))
    takeAll(one)
    expect(one.drained).toBe(true)
  })
})
