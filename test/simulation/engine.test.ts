import { describe, expect, it } from '@jest/globals'
import { simulate } from '../support/engine-simulation.ts'

/** More by `SIMULATION_SEEDS=5000`; one by `SIMULATION_SEED=<seed>`. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 200)
const ONLY = process.env['SIMULATION_SEED']
const STEPS = 60
const GROUPS = 10

const count = ONLY === undefined ? SEEDS : 1
const size = Math.ceil(count / GROUPS)
const groups = Array.from({ length: Math.ceil(count / size) }, (_, group) => {
  const first = Number(ONLY ?? 1) + group * size
  return { first, last: Math.min(first + size - 1, Number(ONLY ?? 1) + count - 1) }
})

describe('whatever crashes, sleeps, is lost, late or away, every record counts once (P1-P5)', () => {
  it.each(groups)(
    'seeds $first to $last',
    async ({ first, last }) => {
      for (let seed = first; seed <= last; seed += 1) {
        const { expected, found, events } = await simulate(seed, STEPS).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`)
        })
        try {
          expect(found).toEqual(expected)
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n\nwhat happened:\n${events.join('\n')}`)
        }
      }
    },
    120_000,
  )
})
