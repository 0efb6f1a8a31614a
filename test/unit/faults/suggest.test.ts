import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { didYouMean, editDistance, nearest } from '../../../libs/faults/suggest.ts'

const known = ['brokers', 'commitIntervalMs', 'adminPort', 'adminHost']

describe('suggestions for mistyped words', () => {
  it.each([
    ['broker', 'brokers'],
    ['comitIntervalMs', 'commitIntervalMs'],
    ['commit-interval-ms', 'commitIntervalMs'],
    ['COMMIT_INTERVAL', 'commitIntervalMs'],
    ['adminprot', 'adminPort'],
  ])('for %s suggest %s', (word, meant) => {
    expect(nearest(word, known)).toBe(meant)
  })

  it('suggest nothing when nothing is near', () => {
    expect(nearest('zookeeper', known)).toBeUndefined()
    expect(didYouMean('zookeeper', known)).toBe('')
  })

  it('count one step for each letter that is added, dropped, replaced or swapped with its neighbour', () => {
    expect(editDistance('port', 'prot')).toBe(1)
    expect(editDistance('port', 'ports')).toBe(1)
    expect(editDistance('port', 'pot')).toBe(1)
    expect(editDistance('port', 'pork')).toBe(1)
  })

  it('measure the same way from both words, and zero only between equal ones', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b) === 0).toBe(a === b)
      }),
    )
  })
})
