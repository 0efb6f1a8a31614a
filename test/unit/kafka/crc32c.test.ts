import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { crc32c, crc32cOfTables } from '../../../libs/kafka/codec/crc32c.ts'

describe('the checksum of a batch', () => {
  // RFC 3720, B.4.
  it.each([
    ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 bytes that rise', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ['digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ])('of %s is that of the standard', (_, bytes, sum) => {
    expect(crc32cOfTables(bytes, 0, bytes.length)).toBe(sum)
    expect(crc32c(bytes, 0, bytes.length)).toBe(sum)
  })

  it('comes from the instruction where this repository is tested', async () => {
    const here = process.platform === 'linux' && process.arch === 'x64'
    const { crc32c: native } = here
      ? await import('@node-rs/crc32')
      : { crc32c: (bytes: Uint8Array) => crc32cOfTables(bytes, 0, bytes.length) }
    expect(native(Buffer.from('123456789'))).toBe(0xe3069283)
  })

  it('is the same by the instruction and by tables, of any part and length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(20), fc.nat(20), (bytes, from, behind) => {
        const end = Math.max(from, bytes.length - behind)
        expect(crc32c(bytes, from, end)).toBe(crc32cOfTables(bytes, from, end))
      }),
    )
    const large = Buffer.alloc(100_003, 'a batch of records')
    expect(crc32c(large, 21, large.length)).toBe(crc32cOfTables(large, 21, large.length))
  })
})
