import { describe, expect, it } from '@jest/globals'
import { simulateResets } from '../support/reset-simulation.ts'
import { scaled } from '../support/test-scale.ts'

/** More by `SIMULATION_SEEDS=5000`; one by `SIMULATION_SEED=<seed>`. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? scaled(60, 2_000))
const ONLY = process.env['SIMULATION_SEED']
const STEPS = 50
const GROUPS = 5
const TIMEOUT_MS = 1_800_000

const count = ONLY === undefined ? SEEDS : 1
const size = Math.ceil(count / GROUPS)
const groups = Array.from({ length: Math.ceil(count / size) }, (_, group) => {
  const first = Number(ONLY ?? 1) + group * size
  return { first, last: Math.min(first + size - 1, Number(ONLY ?? 1) + count - 1) }
})

async function hold(seed: number, stages: 1 | 2): Promise<number> {
  try {
    const { expected, found, mixtures, resets, events } = await simulateResets(seed, STEPS, stages)
    // The events stand in both, so that a difference is shown with what led to it.
    expect({ ...found, mixtures, events }).toEqual({ ...expected, mixtures: [], events })
    return resets
  } catch (cause) {
    throw new Error(`seed ${seed} with ${stages} stages does not hold; again by: SIMULATION_SEED=${seed} npx jest test/simulation/resets`, {
      cause,
    })
  }
}

describe.each([1, 2] as const)(
  'with %i stages, whoever resets and whatever dies meanwhile, the newest epoch is as if nothing had been before (P6)',
  (stages) => {
    it.each(groups)(
      'seeds $first to $last',
      async ({ first, last }) => {
        let resets = 0
        for (let seed = first; seed <= last; seed += 1) resets += await hold(seed, stages)
        // Else it would say nothing.
        if (last - first > 5) expect(resets).toBeGreaterThan(last - first)
      },
      TIMEOUT_MS,
    )
  },
)
