/** One seed from its first step to its verdict. */
import { isDeepStrictEqual } from 'node:util'
import { endingOf } from './ending.ts'
import { EngineSimulation } from './engine-simulation.ts'
import { digestOf } from './run-trace.ts'

/** Measured: with fewer, starting and ending cost more than what happens between; with more, a fault is found no sooner. */
const STEPS_MIN = 20
const STEPS_MORE = 40

export interface SeedResult {
  readonly seed: number
  readonly scenario: string
  /** What does not hold; empty when all does. */
  readonly failures: readonly string[]
  readonly happenings: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  /** One hash over all that happened and all that was written, when it was asked for. */
  readonly digest: string | undefined
}

export async function simulateSeed(seed: number, options: { readonly digest?: boolean } = {}): Promise<SeedResult> {
  const simulation = await EngineSimulation.open(seed)
  const { happenings, app, scenario } = simulation
  const failures: string[] = []
  try {
    const steps = STEPS_MIN + (seed % STEPS_MORE)
    for (let step = 0; step < steps; step += 1) await simulation.step()
    const { expected, found } = await endingOf(simulation)
    for (const name of Object.keys(expected)) {
      if (isDeepStrictEqual(found[name], expected[name])) continue
      failures.push(`${name}: expected ${shown(expected[name])}, found ${shown(found[name])}`)
    }
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  const digest = options.digest === true ? await digestOf(happenings.lines, app.log) : undefined
  // After a failure nobody knows whether it could be closed.
  if (failures.length === 0) await app.close()
  return { seed, scenario: scenario.name, failures, happenings: happenings.lines, counts: happenings.counts, digest }
}

const SHOWN_MAX = 3_000
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, SHOWN_MAX)
