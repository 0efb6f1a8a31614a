import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { cursor, readVarlong, varintSize, varlongSize, writeVarint, writeVarlong } from '../../../libs/kafka/codec/varints.ts'

const bytes = Buffer.alloc(16)
const written = (value: number): string => bytes.subarray(0, writeVarlong(bytes, 0, value)).toString('hex')

describe('zigzag varints', () => {
  it('are those of the protocol', () => {
    expect([0, -1, 1, -2, 63, 64, -65, 300, 2 ** 31 - 1, -(2 ** 31)].map(written)).toEqual([
      '00',
      '01',
      '02',
      '03',
      '7e',
      '8001',
      '8101',
      'd804',
      'feffffff0f',
      'ffffffff0f',
    ])
  })

  it('are read back, take as many bytes as was said, and leave the cursor behind themselves', () => {
    const anything = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(2 ** 28, 2 ** 27, -(2 ** 27) - 1, 2 ** 31, -(2 ** 31) - 1))
    fc.assert(
      fc.property(anything, (value) => {
        const end = writeVarlong(bytes, 0, value)
        expect(end).toBe(varlongSize(value))
        expect(readVarlong(bytes, 0, end)).toBe(value)
        expect(cursor).toBe(end)
      }),
    )
  })

  it('of 32 bits are the same bytes by the shorter way', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const end = writeVarint(bytes, 0, value)
        expect(end).toBe(varintSize(value))
        expect(bytes.subarray(0, end).toString('hex')).toBe(written(value))
      }),
    )
  })

  it('that do not end where they must are no number', () => {
    expect(readVarlong(Buffer.from([0x80, 0x80]), 0, 2)).toBeNaN()
    expect(readVarlong(Buffer.alloc(11, 0xff), 0, 11)).toBeNaN()
  })
})
