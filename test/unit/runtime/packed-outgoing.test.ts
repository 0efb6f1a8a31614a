/** Records that wait to be sent are what was added, whatever their sizes, and may be asked for in any order. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Header, OutgoingRecord } from '../../../libs/runtime/ports/log.ts'
import { NULL_SIZE } from '../../../libs/runtime/ports/log.ts'
import { PackedOutgoing } from '../../../libs/runtime/ports/packed-outgoing.ts'

const bytes = (maxLength: number) => fc.option(fc.uint8Array({ maxLength }).map((array) => Buffer.from(array)))
const headerLists: readonly (readonly Header[])[] = [[], [['a', Buffer.from('1')]], [['b', Buffer.alloc(0)]]]
const outgoing: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: bytes(40),
  value: bytes(2_000),
  timestamp: fc.integer(),
  headers: fc.constantFrom(...headerLists),
})

describe('packed outgoing records', () => {
  it('are the records that were added', () => {
    fc.assert(
      fc.property(fc.array(outgoing, { maxLength: 60 }), (records) => {
        const packed = PackedOutgoing.of(records)
        expect(packed).toHaveLength(records.length)
        expect([...packed]).toEqual(records)
        for (const [index, { key, value, timestamp, headers }] of records.entries()) {
          expect(packed.keySizeAt(index)).toBe(key?.length ?? NULL_SIZE)
          expect(packed.valueSizeAt(index)).toBe(value?.length ?? NULL_SIZE)
          expect(packed.timestampAt(index)).toBe(timestamp)
          expect(packed.headersAt(index)).toBe(headers)
          const target = Buffer.alloc(5_000)
          const end = packed.copyValue(index, target, packed.copyKey(index, target, 7))
          expect(target.subarray(7, end)).toEqual(Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]))
        }
      }),
    )
  })

  it('take a key as the text of its bytes', () => {
    const every = Array.from({ length: 256 }, (_, byte) => byte)
    for (const key of [0, 1, 24, 25, 60, 256].map((size) => Buffer.from(every.slice(256 - size)))) {
      const packed = new PackedOutgoing()
      packed.add(key.toString('latin1'), Buffer.from('value'), 1, [])
      expect([...packed]).toEqual([{ key, value: Buffer.from('value'), timestamp: 1, headers: [] }])
    }
  })

  it('keep what was added when the buffers of the caller change', () => {
    const key = Buffer.from('key')
    const packed = new PackedOutgoing()
    packed.add(key, key, 1, [])
    key.fill(0)
    const before = packed.at(0)
    // More than there was room for: what was given out stays as it is.
    for (let index = 0; index < 100; index += 1) packed.add(null, Buffer.alloc(100, index), index, [])
    const same = { key: Buffer.from('key'), value: Buffer.from('key'), timestamp: 1, headers: [] }
    expect([before, packed.at(0)]).toEqual([same, same])
  })

  it('are taken as they are when they are packed, and have nothing behind their end', () => {
    const packed = PackedOutgoing.of([{ key: null, value: null, timestamp: 1, headers: [] }])
    expect(PackedOutgoing.of(packed)).toBe(packed)
    expect([packed.at(1), packed.at(-1)]).toEqual([undefined, undefined])
  })
})
