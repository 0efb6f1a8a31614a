/**
 * `node test/support/simulation/simulate.ts [schedules=n] [seed=n] [processes=n]`, in the Makefile: `make simulate`.
 * Runs `schedules` seeds from `seed` on. Exit code 1 when one fails; it is printed at once with the command that replays it.
 */
import { availableParallelism } from 'node:os'
import { runSeeds } from './seed-pool.ts'
import type { SeedResult } from './simulate-seed.ts'

const PROGRESS_EVERY_MS = 10_000
const SCHEDULES = 10_000

const words = new Map(
  process.argv
    .slice(2)
    .map((word) => word.split('='))
    .map(([name = '', value = '']) => [name, value]),
)
const numberOf = (name: string, byDefault: number): number => {
  const text = words.get(name) ?? ''
  const value = text === '' ? byDefault : Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}=${text} is no whole number from 1 on`)
  return value
}

const first = numberOf('seed', 1)
const count = numberOf('schedules', (words.get('seed') ?? '') === '' ? SCHEDULES : 1)
const processes = numberOf('processes', availableParallelism())
const startedAt = performance.now()
const counts = new Map<string, number>()
let done = 0
let failed = 0
let toldAt = startedAt

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const perMinute = (): number => Math.round((done / (performance.now() - startedAt)) * 60_000)

function take({ seed, scenario, failures, happenings, counts: more }: SeedResult): boolean {
  done += 1
  for (const [kind, number] of Object.entries({ ...more, [`schedule of ${scenario}`]: 1 }))
    counts.set(kind, (counts.get(kind) ?? 0) + number)
  if (failures.length > 0) {
    failed += 1
    say(`\nseed ${seed} (${scenario}) does not hold; again by: make simulate SEED=${seed}`)
    for (const failure of failures) say(`  ${failure}`)
    say(count === 1 ? happenings.map((line) => `    ${line}`).join('\n') : `  after ${happenings.length} happenings`)
  }
  if (performance.now() - toldAt >= PROGRESS_EVERY_MS) {
    toldAt = performance.now()
    say(`${done} of ${count} schedules, ${failed} failed, ${perMinute()} a minute`)
  }
  return true
}

await runSeeds({ first, count, processes, onResult: take })
for (const [kind, number] of [...counts].toSorted(([, left], [, right]) => right - left)) say(`${String(number).padStart(9)}  ${kind}`)
say(`${done} schedules (seeds ${first} to ${first + count - 1}), ${failed} failed, ${perMinute()} a minute`)
process.exitCode = failed === 0 ? 0 : 1
