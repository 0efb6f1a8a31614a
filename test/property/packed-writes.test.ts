import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { PackedWrites, unpackWrites } from '../../libs/state/packed-entries.ts'
import { entryStarts, keyOrder } from '../../libs/state/packed-order.ts'
import type { StoreWrite } from '../../libs/state/store.ts'

const bytes = (max: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength: max }).map((some) => Buffer.from(some))
/** Many that are equal, that one begins the other, and that differ late. */
const key = fc.oneof(
  bytes(3),
  fc.tuple(fc.constantFrom('', 'account-', 'account-0000000000'), fc.constantFrom(0, 1, 255), bytes(2)).map(([begin, byte, end]) => {
    return Buffer.concat([Buffer.from(begin), Buffer.alloc(byte % 9, byte), end])
  }),
)
const writes: fc.Arbitrary<StoreWrite[]> = fc.array(fc.record({ key, value: fc.option(bytes(40), { nil: null }) }), { maxLength: 400 })

const text = ({ key: one, value }: StoreWrite): string =>
  `${Buffer.from(one).toString('hex')} = ${value === null ? 'deleted' : Buffer.from(value).toString('hex')}`

describe('packed writes', () => {
  it('come back as they were, in whatever way they were added', () => {
    fc.assert(
      fc.property(writes, bytes(4), (list, prefix) => {
        const packed = new PackedWrites()
        for (const [index, { key: one, value }] of list.entries()) {
          const memory = Buffer.concat([Buffer.from([index]), one, value ?? Buffer.alloc(0)])
          if (index % 2 === 0) packed.add(Buffer.concat([prefix, one]), value)
          else packed.addPart(prefix, memory, 1, one.length, 1 + one.length, value === null ? -1 : value.length)
        }
        const expected = list.map((one) => text({ ...one, key: Buffer.concat([prefix, one.key]) }))
        expect([...packed].map(text)).toEqual(expected)
        expect(packed.length).toBe(list.length)
        expect(unpackWrites(packed.release()).map(text)).toEqual(expected)
      }),
    )
  })

  it('nothing of what was cleared comes back', () => {
    const packed = new PackedWrites()
    packed.add(Buffer.from('a'), Buffer.from('1'))
    packed.clear()
    packed.add(Buffer.from('b'), null)
    expect([...packed].map(text)).toEqual(['62 = deleted'])
    expect(packed.size).toBe(1)
  })

  it('are put into the order of their keys, equal ones in the order in which they came', () => {
    fc.assert(
      fc.property(writes, (list) => {
        const packed = PackedWrites.of(list).release()
        const order = [...keyOrder(packed, entryStarts(packed))]
        const expected = [...list.keys()].toSorted((a, b) =>
          Buffer.compare(list[a]?.key ?? Buffer.alloc(0), list[b]?.key ?? Buffer.alloc(0)),
        )
        expect(order).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  // From 8,034 on fewer bytes of a key fit into one number.
  it.each([8_033, 8_034, 20_000])('are put into order also where they are %d', (count) => {
    const packed = new PackedWrites()
    const names = Array.from(
      { length: count },
      (_, index) => `account-${String((index * 7_919) % 100_003).padStart(index % 2 === 0 ? 9 : 6, '0')}`,
    )
    for (const name of names) packed.add(Buffer.from(name), null)
    packed.add(Buffer.from([0]), Buffer.from('mark'))
    const entries = packed.release()
    const all = [...names, '\0']
    const order = [...keyOrder(entries, entryStarts(entries))]
    expect(order).toEqual([...all.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(all[a] ?? ''), Buffer.from(all[b] ?? ''))))
  })

  it('give their memory away once', () => {
    const packed = PackedWrites.of([{ key: Buffer.from('a'), value: null }])
    expect(unpackWrites(packed.release()).map(text)).toEqual(['61 = deleted'])
    expect([packed.length, packed.size, [...packed]]).toEqual([0, 0, []])
    packed.add(Buffer.from('b'), Buffer.from('2'))
    expect([...packed].map(text)).toEqual(['62 = 32'])
  })
})
