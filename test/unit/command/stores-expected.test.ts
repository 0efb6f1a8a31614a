import { describe, expect, it } from '@jest/globals'
import { storesExpected } from '../../../libs/command/workers.ts'

describe('stores among which the memory for state is divided', () => {
  it('are those of all tasks, at whichever worker of the process', () => {
    expect(storesExpected(8, 0, 1)).toBe(8)
    expect(storesExpected(8, 0, 4)).toBe(8)
  })

  it('are more where a worker of the process keeps a copy of what another one has', () => {
    expect(storesExpected(8, 1, 1)).toBe(8)
    expect(storesExpected(8, 1, 2)).toBe(16)
    expect(storesExpected(8, 3, 2)).toBe(16)
  })

  it('are one at least', () => {
    expect(storesExpected(0, 2, 1)).toBe(1)
  })
})
