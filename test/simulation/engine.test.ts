import { describe, expect, it } from '@jest/globals'
import { simulate } from '../support/engine-simulation.ts'

/** More by `SIMULATION_SEEDS=5000`; one by `SIMULATION_SEED=<seed>`. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 200)
const ONLY = process.env['SIMULATION_SEED']
const STEPS = 60
const GROUPS = 10
const TIMEOUT_MS = 600_000

const count = ONLY === undefined ? SEEDS : 1
const size = Math.ceil(count / GROUPS)
const groups = Array.from({ length: Math.ceil(count / size) }, (_, group) => {
  const first = Number(ONLY ?? 1) + group * size
  return { first, last: Math.min(first + size - 1, Number(ONLY ?? 1) + count - 1) }
})

async function hold(seed: number): Promise<void> {
  try {
    const { expected, found, events } = await simulate(seed, STEPS)
    // The events stand in both, so that a difference is shown with what led to it.
    expect({ ...found, events }).toEqual({ ...expected, events })
  } catch (cause) {
    throw new Error(`seed ${seed} does not hold; again by: SIMULATION_SEED=${seed} npx jest test/simulation/engine`, { cause })
  }
}

describe('whatever crashes, sleeps, is lost, late or away, every record counts once (P1-P5)', () => {
  it.each(groups)(
    'seeds $first to $last',
    async ({ first, last }) => {
      for (let seed = first; seed <= last; seed += 1) await hold(seed)
    },
    TIMEOUT_MS,
  )
})
