import { describe, expect, it } from '@jest/globals'
import { decodeMessageIndex, encodeMessageIndex, payloadOf, schemaIdOf, schemaPrefix } from '../../../libs/kafka/registry-frame.ts'

const bytes = (...numbers: number[]): Buffer => Buffer.from(numbers)

describe('the frame of a record whose schema is in a registry', () => {
  it.each([
    { id: 1, prefix: [0, 0, 0, 0, 1] },
    { id: 258, prefix: [0, 0, 0, 1, 2] },
    { id: 2 ** 31 - 1, prefix: [0, 127, 255, 255, 255] },
  ])('begins with 0 and id $id in four bytes', ({ id, prefix }) => {
    expect([...schemaPrefix(id)]).toEqual(prefix)
    expect(schemaIdOf(bytes(...prefix, 9))).toBe(id)
    expect([...payloadOf(bytes(...prefix, 9, 8))]).toEqual([9, 8])
  })

  it('is read in the middle of a larger buffer', () => {
    const inside = bytes(7, 7, 0, 0, 0, 0, 5, 42, 7).subarray(2, 8)
    expect(schemaIdOf(inside)).toBe(5)
    expect([...payloadOf(inside)]).toEqual([42])
  })

  it('is none where the bytes are too few or begin otherwise', () => {
    expect(schemaIdOf(bytes())).toBeUndefined()
    expect(schemaIdOf(bytes(0, 0, 0, 1))).toBeUndefined()
    expect(schemaIdOf(Buffer.from('{"a":1}'))).toBeUndefined()
  })

  it.each([
    { index: [0], written: [0] },
    { index: [1], written: [2, 2] },
    { index: [0, 0], written: [4, 0, 0] },
    { index: [2, 1], written: [4, 4, 2] },
    { index: [100], written: [2, 200, 1] },
  ])('writes message index $index as zigzag varints', ({ index, written }) => {
    expect([...encodeMessageIndex(index)]).toEqual(written)
    expect(decodeMessageIndex(bytes(...written, 10, 1))).toEqual({ index, message: bytes(10, 1) })
  })

  it('accepts the long form of the first message', () => {
    expect(decodeMessageIndex(bytes(2, 0, 10))).toEqual({ index: [0], message: bytes(10) })
  })

  it.each([
    { of: 'no bytes', payload: [] },
    { of: 'an index that ends early', payload: [4, 0] },
    { of: 'a negative number', payload: [1] },
    { of: 'an endless varint', payload: [128, 128, 128, 128, 128, 128, 1] },
    { of: 'a thousand levels', payload: [208, 15] },
  ])('refuses $of as message index', ({ payload }) => {
    expect(() => decodeMessageIndex(bytes(...payload))).toThrow(/Protobuf message index/)
  })
})
