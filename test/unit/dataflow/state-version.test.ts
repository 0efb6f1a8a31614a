/** Versions of stored values: what is read back, what is refused. */
import { describe, expect, it } from '@jest/globals'
import { decodeStored, stateCodec, stateVersionOf, stateVersionProblem } from '../../../libs/dataflow/state-version.ts'
import { encodeStructured } from '../../../libs/dataflow/structured-codec.ts'

const upgrade = (old: unknown, version: number): unknown => ({ from: version, was: old })
const codec = (version: number): ReturnType<typeof stateCodec> => stateCodec(stateVersionOf({ version, upgrade }))

describe('versions of stored values', () => {
  it.each([[{ a: 1 }], ['text'], [null], [new Date(0)], [new Map([['k', 1n]])], [undefined]])('%p comes back in every version', (value) => {
    for (const version of [1, 2, 65_535]) expect(codec(version).decode(codec(version).encode(value))).toEqual(value)
  })

  it('version 1 is what was written before there were versions', () => {
    expect(Buffer.from(codec(1).encode({ sum: 3 }))).toEqual(Buffer.from(encodeStructured({ sum: 3 })))
  })

  it('an older value is upgraded by the function, which learns its version', () => {
    expect(codec(3).decode(codec(1).encode(7))).toEqual({ from: 1, was: 7 })
    expect(codec(3).decode(codec(2).encode(7))).toEqual({ from: 2, was: 7 })
    expect(codec(3).decode(codec(3).encode(7))).toBe(7)
  })

  it.each([1, 2])('a value of a newer release stops the task, version %p', (version) => {
    expect(() => codec(version).decode(codec(3).encode(7))).toThrow(expect.objectContaining({ code: 'MR4050', action: 'stop-task' }))
  })

  it.each([
    ['throws', () => (undefined as unknown as { sum: number }).sum, 'sum'],
    ['is asynchronous', () => Promise.resolve(1), 'asynchronous'],
  ])('an upgrade that %s stops the task and says why', (_, broken, words) => {
    const of = stateCodec({ version: 2, upgrade: broken })
    expect(() => of.decode(codec(1).encode(7))).toThrow(
      expect.objectContaining({ code: 'MR4051', message: expect.stringContaining(words) }),
    )
  })

  it('who looks at state without the program sees the value as it is stored, with its version', () => {
    expect(decodeStored(codec(2).encode({ a: 1 }))).toEqual({ version: 2, value: { a: 1 } })
    expect(decodeStored(codec(1).encode({ a: 1 }))).toEqual({ version: 1, value: { a: 1 } })
  })

  it.each([
    [{ version: 0, upgrade }, 'whole number'],
    [{ version: 1.5, upgrade }, 'whole number'],
    [{ version: 65_536, upgrade }, 'whole number'],
    [{ version: 2 }, 'add upgrade'],
    // As plain JavaScript may give it.
    [{ version: 2, upgrade: 'sum' as unknown as () => number }, 'must be a function'],
  ])('options that cannot work are found before anything runs: %p', (options, words) => {
    expect(stateVersionProblem(stateVersionOf(options))).toContain(words)
  })
})
