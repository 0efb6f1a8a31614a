import { describe, expect, it } from '@jest/globals'
import { switchLife } from '../support/switch-simulation.ts'
import { scaled } from '../support/test-scale.ts'

const LIVES = Number(process.env['SWITCH_LIVES'] ?? scaled(30, 2_000))
const FIRST = Number(process.env['SWITCH_SEED'] ?? 1)
const TIMEOUT_MS = scaled(2, 60) * 60_000

describe('S1-S9: whatever dies, and whoever commands at the same moment, each result comes once and every switch ends', () => {
  it(
    `seeds ${FIRST} to ${FIRST + LIVES - 1}`,
    async () => {
      let flips = 0
      let owing = 0
      for (let seed = FIRST; seed < FIRST + LIVES; seed += 1) {
        const life = await switchLife(seed)
        flips += life.flips
        owing += life.owing
        if (life.failures.length > 0) throw new Error(`seed ${seed} does not hold:\n${[...life.story, ...life.failures].join('\n')}`)
      }
      // Lives in which nothing is switched would hold always.
      expect(flips).toBeGreaterThan(LIVES / 2)
      expect(owing).toBeGreaterThan(LIVES / 10)
    },
    TIMEOUT_MS,
  )
})
