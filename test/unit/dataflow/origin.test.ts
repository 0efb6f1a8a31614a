import { describe, expect, it } from '@jest/globals'
import {
  Origin,
  INDEX_MAX,
  TRAILER_END_BYTES,
  ancestorsOf,
  pathOf,
  placeOf,
  trailerBytes,
  writeTrailer,
} from '../../../libs/dataflow/operators/origin.ts'
import { decodeStructured, encodeStructured } from '../../../libs/dataflow/structured-codec.ts'

function travelling(value: unknown, origin: Origin, index: number): Uint8Array {
  const room = origin.bytesOf(index) + TRAILER_END_BYTES
  const bytes = encodeStructured(value, room)
  writeTrailer(bytes, bytes.length - room, origin, index)
  return bytes
}
const at = (offset: number, partition = 3): Origin => {
  const origin = new Origin()
  origin.external(placeOf('clicks', partition), offset)
  return origin
}
const after = (value: Uint8Array): Origin => {
  const origin = new Origin()
  origin.repartition(value)
  return origin
}
const text = (path: Uint8Array | undefined): string => Buffer.from(path ?? []).toString('latin1')

describe('the origin of a record between stages', () => {
  it.each([[{ page: 'ä', n: 1 }], [[null, 1]], [null], [new Date(5)], [undefined], ['']])(
    'travels behind the value %p, which is read as it was',
    (value) => {
      const bytes = travelling(value, at(2 ** 47 + 5), 7)
      expect(decodeStructured(bytes, trailerBytes(bytes))).toEqual(value)
      expect(bytes.length).toBe(encodeStructured(value).length + 14)
      expect(text(pathOf(bytes))).toBe(text(at(2 ** 47 + 5).path(7)))
    },
  )

  it('grows by the index of each stage, and keeps what it came of', () => {
    const first = travelling('a', at(9), 1)
    const second = travelling('b', after(first), 2)
    const result = after(second).path(3)
    expect([...ancestorsOf(result ?? new Uint8Array())]).toEqual([text(pathOf(first)), text(pathOf(second)), text(result)])
  })

  it('tells partitions, offsets and results of one record apart', () => {
    const paths = [at(1).path(0), at(1).path(1), at(2).path(0), at(1, 4).path(0), at(1 + 2 ** 40).path(0)]
    expect(new Set(paths.map(text)).size).toBe(paths.length)
  })

  it('is none where nobody can tell: of an older release, of what time has fired, of too many results', () => {
    expect(after(encodeStructured({ page: 'a' })).path(0)).toBeUndefined()
    expect(at(1).path(INDEX_MAX + 1)).toBeUndefined()
    const fired = at(1)
    fired.none()
    expect(fired.path(0)).toBeUndefined()
  })
})
