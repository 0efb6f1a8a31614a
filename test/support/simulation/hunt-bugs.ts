/**
 * `node test/support/simulation/hunt-bugs.ts [limit=n] [write]`, in the Makefile: `make simulate-bugs`. Runs the simulator on each planted bug until it finds it, and says
 * how many schedules it took; `write` notes that in planted-bugs.json, which test/integration/simulation/planted-bugs.test.ts holds it to.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { plantedBugs } from './planted-bugs.ts'
import type { PlantedBug } from './planted-bugs.ts'
import { runSeeds } from './seed-pool.ts'
import type { SeedResult } from './simulate-seed.ts'

const TABLE = join(import.meta.dirname, '../../simulation/planted-bugs.json')
const LIMIT = 3_000
/** With a bug some schedules never end; on a busy machine sound ones are slow, too. So a stall counts only where the sound engine ends in half that time. */
const STALL_MS = 15_000

export interface Found {
  readonly bug: string
  /** Undefined: not within the limit. */
  readonly schedules: number | undefined
  readonly by: SeedResult | undefined
}

/** From seed 1 on, one after another: how many it takes is the same each time. */
export async function huntBug(bug: PlantedBug, limit: number): Promise<Found> {
  let schedules = 0
  let by: SeedResult | undefined
  while (by === undefined && schedules < limit) {
    const { taken, failed } = await firstFailure(bug, schedules + 1, limit - schedules)
    schedules += taken
    if (failed?.scenario !== 'stalled' || (await soundlyEnds(failed.seed))) by = failed
  }
  return { bug: bug.name, schedules: by === undefined ? undefined : schedules, by }
}

interface Failed {
  /** Schedules up to it, or all of them. */
  readonly taken: number
  readonly failed: SeedResult | undefined
}

async function firstFailure(bug: PlantedBug, first: number, count: number): Promise<Failed> {
  let taken = 0
  let failed: SeedResult | undefined
  await runSeeds({
    first,
    count,
    processes: 1,
    bug: bug.name,
    stallMs: STALL_MS,
    onResult: (result) => {
      if (failed === undefined) taken += 1
      if (result.failures.length > 0) failed ??= result
      return failed === undefined
    },
  })
  return { taken, failed }
}

async function soundlyEnds(seed: number): Promise<boolean> {
  let ends = false
  await runSeeds({
    first: seed,
    count: 1,
    processes: 1,
    stallMs: STALL_MS / 2,
    onResult: ({ failures }) => (ends = failures.length === 0),
  })
  return ends
}

export const recordedSchedules = (): Readonly<Record<string, number>> =>
  // Written by this file.
  JSON.parse(readFileSync(TABLE, 'utf8')) as Record<string, number>

async function main(words: readonly string[]): Promise<void> {
  const limit = Number(words.find((word) => word.startsWith('limit='))?.slice(6) ?? LIMIT)
  const waiting = [...plantedBugs]
  const taken = new Map<string, number>()
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const { schedules, by } = await huntBug(bug, limit)
      if (schedules !== undefined) taken.set(bug.name, schedules)
      const how = by === undefined ? `NOT FOUND in ${limit}` : `${schedules}, in ${by.scenario}: ${by.failures[0]?.slice(0, 160)}`
      process.stdout.write(`${bug.name}: ${how}\n`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  if (taken.size < plantedBugs.length) process.exitCode = 1
  if (!words.includes('write')) return
  const table = Object.fromEntries(plantedBugs.map(({ name }) => [name, taken.get(name)]))
  writeFileSync(TABLE, `${JSON.stringify(table, undefined, 2)}\n`)
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
