/** Where a batch ends, as it is asked for on the command line. */
import { describe, expect, it } from '@jest/globals'
import { batchOf } from '../../../libs/command/until-flags.ts'
import type { BatchRequest } from '../../../libs/runtime/batch/bounds.ts'

const asked = (flags: Readonly<Record<string, string | true>>): BatchRequest | undefined =>
  batchOf({
    has: (name) => flags[name] !== undefined,
    flag: (name) => {
      const value = flags[name]
      return typeof value === 'string' ? value : undefined
    },
  })

describe('the end of a batch, from flags', () => {
  it('is none for a stream', () => {
    expect(asked({})).toBeUndefined()
  })

  it.each([
    [{ 'until-end': true }, { until: { kind: 'end' }, close: true }],
    [
      { 'until-end': true, 'no-close': true },
      { until: { kind: 'end' }, close: false },
    ],
    [{ until: '2026-01-01T00:00:00Z' }, { until: { kind: 'timestamp', timestamp: Date.UTC(2026, 0, 1) }, close: true }],
    [{ until: '1767225600000' }, { until: { kind: 'timestamp', timestamp: Date.UTC(2026, 0, 1) }, close: true }],
    [{ until: 'orders:0=5, orders:1=0' }, { until: { kind: 'positions', positions: { 'orders:0': 5, 'orders:1': 0 } }, close: true }],
  ] satisfies [Record<string, string | true>, BatchRequest][])('%j', (flags, expected) => {
    expect(asked(flags)).toEqual(expected)
  })

  it.each([
    [{ 'until-end': true as const, until: '5' }, 'exclude each other'],
    [{ 'no-close': true as const }, 'give --until-end or --until too'],
    [{ until: 'yesterday' }, 'is no time'],
    [{ until: 'orders=5' }, 'is no position'],
    [{ until: 'orders:0=-5' }, 'is no position'],
  ])('%j is refused', (flags, words) => {
    expect(() => asked(flags)).toThrow(expect.objectContaining({ code: 'MR2010', message: expect.stringContaining(words) }))
  })
})
