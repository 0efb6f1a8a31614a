import { describe, expect, it } from '@jest/globals'
import { heartbeatPause } from '../../../libs/kafka/group/heartbeats.ts'

describe('the pause between heartbeats', () => {
  it.each([
    { age: 0, set: 3_000, pause: 20 },
    { age: 100, set: 3_000, pause: 50 },
    { age: 2_999, set: 3_000, pause: 100 },
    { age: 3_000, set: 3_000, pause: 3_000 },
  ])('is $pause ms in a generation of $age ms', ({ age, set, pause }) => {
    expect(heartbeatPause(age, set)).toBe(pause)
  })

  it('is never longer than what is set', () => {
    for (const age of [0, 100, 2_000, 10_000]) expect(heartbeatPause(age, 15)).toBe(15)
  })
})
