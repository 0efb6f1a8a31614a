import { describe, expect, it } from '@jest/globals'
import { fromKeyBytes } from '../../../libs/dataflow/cells.ts'
import { text } from '../../../libs/dataflow/formats.ts'
import { keyByShape, keyCodecOf, keyFromBytes, keyToBytes } from '../../../libs/dataflow/key-bytes.ts'
import { murmur2, partitionOf } from '../../../libs/dataflow/murmur2.ts'
import type { Key } from '../../../libs/dataflow/records.ts'

const keys: readonly Key[] = [
  '',
  'a',
  'Zürich',
  '東京 🚕',
  '\0',
  '\ud800 alone',
  0,
  1,
  -1,
  0.5,
  -0.5,
  Infinity,
  -Infinity,
  Number.MAX_SAFE_INTEGER,
  5e-324,
  true,
  false,
  0n,
  255n,
  256n,
  -256n,
  2n ** 200n,
  -(2n ** 200n),
  [],
  ['a'],
  ['a', 1, true, -3n],
  ['a\0b', ''],
  [['a'], 'b'],
  [['a', 'b']],
  ['\udc00', 'x'],
]

describe('keys by shape', () => {
  it.each(keys.map((key) => [key]))('come back from their bytes: %p', (key) => {
    expect(keyFromBytes(keyToBytes(key))).toEqual(key)
    expect(keyByShape.decode(keyByShape.encode(key))).toEqual(key)
  })

  it('have different bytes when they are different', () => {
    expect(new Set(keys.map(keyToBytes)).size).toBe(keys.length)
  })

  it('write text as other producers do: plain UTF-8', () => {
    expect(Buffer.from(keyByShape.encode('Zürich 🚕'))).toEqual(Buffer.from('Zürich 🚕', 'utf8'))
    expect(keyToBytes('Zürich')).toBe(keyCodecOf(text).toBytes('Zürich'))
  })

  it('count 0 and -0 as one number', () => {
    expect(keyToBytes(-0)).toBe(keyToBytes(0))
  })

  it.each([
    ['numbers', [-Infinity, -1e9, -2, -1.5, -1, 0, 1, 1.5, 2, 256, 1e9, Infinity]],
    ['bigints', [-(2n ** 70n), -65536n, -256n, -255n, -1n, 0n, 1n, 255n, 256n, 2n ** 70n]],
    ['texts', ['', 'a', 'ab', 'b', 'ä', '東']],
    ['tuples', [[], ['a'], ['a', 'b'], ['ab'], ['b']]],
  ] as readonly (readonly [string, readonly Key[]])[])('sort as their bytes do: %s', (_, ordered) => {
    const shuffled = ordered.toReversed().map(keyToBytes).toSorted()
    expect(shuffled.map(keyFromBytes)).toEqual(ordered)
  })

  it.each([[NaN], [null], [undefined], [{}], [new Date(0)]])('refuse what is no key: %p', (value) => {
    expect(() => keyToBytes(value)).toThrow(/is no key/)
  })

  it.each(['fa0000', 'fb', 'fb90ff', 'fcff00', 'fe', 'ff00', 'f800', 'fc0261'])('refuse bytes that no key has: %s', (hex) => {
    expect(() => keyByShape.decode(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ name: 'RecordRefused', reason: 'key' }))
  })
})

describe('murmur2', () => {
  // From org.apache.kafka.common.utils.UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Java computes', (key, hash) => {
    expect(murmur2(key)).toBe(hash)
  })

  it('chooses the partition as the Java producer does: sign bit off, modulo', () => {
    expect(partitionOf('foobar', 7)).toBe((-790332482 & 0x7fffffff) % 7)
    expect(partitionOf(keyToBytes('Zürich'), 1)).toBe(0)
    expect(fromKeyBytes(keyToBytes('é'))).toEqual(Buffer.from([0xc3, 0xa9]))
  })
})
