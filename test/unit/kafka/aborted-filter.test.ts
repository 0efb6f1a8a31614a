import { describe, expect, it } from '@jest/globals'
import type { AbortedTransaction } from '../../../libs/kafka/codec/aborted-filter.ts'
import { batch, decoded, marker, place, record } from './batches.ts'

const zeroKey = Buffer.alloc(4)
const data = (offset: number, producerId: number, key: Buffer | null = null): Buffer =>
  batch(offset, [record('v', { key })], { producerId })
const abort = (offset: number, producerId: number): Buffer => marker(offset, producerId, 'abort')
const commit = (offset: number, producerId: number): Buffer => marker(offset, producerId, 'commit')
const began = (producerId: number, firstOffset: number): AbortedTransaction => ({ producerId, firstOffset })

interface Vector {
  readonly name: string
  readonly answer: readonly Buffer[]
  readonly aborted: readonly AbortedTransaction[]
  readonly delivered: readonly number[]
}

/** The first three are what kafkajs delivers wrongly (kafka-client.md K1). */
const vectors: readonly Vector[] = [
  {
    name: 'transactions that overlap, listed in the order in which they were aborted',
    answer: [data(5, 2), data(10, 2), data(20, 1), abort(21, 1), data(22, 2), abort(23, 2)],
    aborted: [began(1, 20), began(2, 5)],
    delivered: [],
  },
  {
    name: 'an answer that begins inside two aborted transactions',
    answer: [data(10, 2), data(11, 1), abort(12, 1), abort(13, 2)],
    aborted: [began(1, 5), began(2, 7)],
    delivered: [],
  },
  {
    name: 'an aborted record whose key is four zero bytes, like that of an abort marker',
    answer: [data(5, 2), data(6, 2, zeroKey), data(7, 2), abort(8, 2)],
    aborted: [began(2, 5)],
    delivered: [],
  },
  {
    name: 'a committed record whose key is four zero bytes',
    answer: [data(5, 2, zeroKey), commit(6, 2)],
    aborted: [],
    delivered: [5],
  },
  {
    name: 'abort, then commit of one producer',
    answer: [data(5, 2), abort(6, 2), data(7, 2), commit(8, 2)],
    aborted: [began(2, 5)],
    delivered: [7],
  },
  {
    name: 'commit, abort, commit of one producer',
    answer: [data(1, 1), commit(2, 1), data(3, 1), abort(4, 1), data(5, 1), commit(6, 1)],
    aborted: [began(1, 3)],
    delivered: [1, 5],
  },
  {
    name: 'two aborts, then a commit of one producer',
    answer: [data(5, 1), abort(6, 1), data(7, 1), abort(8, 1), data(9, 1), commit(10, 1)],
    aborted: [began(1, 5), began(1, 7)],
    delivered: [9],
  },
  { name: 'a transaction whose marker comes in a later answer', answer: [data(5, 1), data(6, 1)], aborted: [began(1, 5)], delivered: [] },
  { name: 'a marker that begins an answer', answer: [abort(4, 2), data(5, 1), commit(6, 1)], aborted: [], delivered: [5] },
  {
    name: 'records outside transactions among aborted ones',
    answer: [data(5, 1), batch(6, [record('v')]), data(7, 1), abort(8, 1)],
    aborted: [began(1, 5)],
    delivered: [6],
  },
]

describe('reading committed records only', () => {
  it.each(vectors)('is right for $name', ({ answer, aborted, delivered }) => {
    const records = decoded(Buffer.concat([...answer]), 0, aborted, place)

    expect(records.map(({ offset }) => offset)).toEqual(delivered)
  })
})
