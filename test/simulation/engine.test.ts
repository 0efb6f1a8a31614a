import { describe, expect, it } from '@jest/globals'
import { availableParallelism } from 'node:os'
import { checkPlanted, plantedBugs } from '../support/simulation/planted-bugs.ts'
import { runSeeds } from '../support/simulation/seed-pool.ts'
import type { PoolOptions } from '../support/simulation/seed-pool.ts'
import { simulateSeed } from '../support/simulation/simulate-seed.ts'
import type { SeedResult } from '../support/simulation/simulate-seed.ts'
import { scaled } from '../support/test-scale.ts'
import { keptSeeds } from './kept-seeds.ts'

/** Of each run of this test; more by `make simulate SCHEDULES=n`. */
const SCHEDULES = scaled(500, 50_000)
const TIMEOUT_MS = scaled(5, 120) * 60_000
const TRACED_SEEDS = [7, 8, 12]

const told = ({ seed, scenario, failures }: SeedResult): string =>
  `seed ${seed} (${scenario}) does not hold; again by: make simulate SEED=${seed}\n${failures.join('\n')}`

async function failuresOf(options: Pick<PoolOptions, 'first' | 'count'>): Promise<string[]> {
  const failed: SeedResult[] = []
  await runSeeds({
    ...options,
    processes: availableParallelism(),
    onResult: (result) => {
      if (result.failures.length > 0) failed.push(result)
      return failed.length < 3
    },
  })
  return failed.map(told)
}

async function digestsOf(seeds: readonly number[]): Promise<(string | undefined)[]> {
  const digests: (string | undefined)[] = []
  for (const first of seeds)
    await runSeeds({ first, count: 1, processes: 1, digest: true, onResult: ({ digest }) => digests.push(digest) > 0 })
  return digests
}

describe('whatever crashes, sleeps, is lost, late, twice or away, every record counts once (P1-P5)', () => {
  it(
    `seeds 1 to ${SCHEDULES}`,
    async () => {
      expect(await failuresOf({ first: 1, count: SCHEDULES })).toEqual([])
    },
    TIMEOUT_MS,
  )

  it.each(keptSeeds)(
    'seed $seed, which has found: $found',
    async ({ seed }) => {
      expect(await failuresOf({ first: seed, count: 1 })).toEqual([])
    },
    TIMEOUT_MS,
  )
})

describe('the same seed is the same run', () => {
  it(
    'twice in this process, after other runs, and in a process of its own',
    async () => {
      const here = []
      const again = []
      for (const seed of TRACED_SEEDS) here.push((await simulateSeed(seed, { digest: true })).digest)
      for (const seed of TRACED_SEEDS.toReversed()) again.unshift((await simulateSeed(seed, { digest: true })).digest)
      const elsewhere = await digestsOf(TRACED_SEEDS)
      expect(new Set(here).size).toBe(TRACED_SEEDS.length)
      expect(again).toEqual(here)
      expect(elsewhere).toEqual(here)
    },
    TIMEOUT_MS,
  )
})

describe('bugs that are planted to be found', () => {
  it.each(plantedBugs)('the source still has what is replaced by: $name', (bug) => {
    expect(() => checkPlanted(bug)).not.toThrow()
  })
})
