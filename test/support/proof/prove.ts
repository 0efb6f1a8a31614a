/** One proof: an application of its own on running brokers, its workers killed again and again, and the verdict. With a planted bug the verdict must be against it. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EngineRig } from '../engine-rig.ts'
import { runUnderKills } from './run-under-kills.ts'
import { verdictOf } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const PARTITIONS = 3
const KILLS_OF_ONE_WORKER = 4
/** Before a transaction begins, which must be refused then; and when all of it is written, positions too, and only its end is missing. */
const SLEEPS = ['before-send:8', 'before-end-of-transaction:8'] as const
/** Orders a second. */
const RATE = 300

export interface ProofRequest {
  readonly brokers: readonly string[]
  /** Even: each task has a standby copy at the other worker. */
  readonly seed: number
  /** Its name in simulation/planted-bugs.ts; undefined or empty: the engine as it is. */
  readonly bug?: string | undefined
  readonly say: (text: string) => void
}

export interface Proof extends Verdict {
  /** Where workers died → how often. */
  readonly kills: ReadonlyMap<string, number>
}

export async function prove({ brokers, seed, bug, say }: ProofRequest): Promise<Proof> {
  const topics = { orders: PARTITIONS, chains: PARTITIONS, regions: PARTITIONS, windows: PARTITIONS }
  const standbys = { MILLRACE_STANDBY_REPLICAS: String(seed % 2 === 0 ? 1 : 0) }
  const environment = { ...standbys, ...environmentOf(bug) }
  const rig = await EngineRig.open({ brokers, module: 'test/support/proof/topology.ts', topics, environment })
  let passed = false
  try {
    const { workers, kills, copies } = await runUnderKills({
      rig,
      partitions: PARTITIONS,
      seed,
      rate: RATE,
      kills: KILLS_OF_ONE_WORKER,
      sleeps: SLEEPS,
      say,
    })
    const verdict = await verdictOf({ rig, workers, tasks: 2 * PARTITIONS, copies, say })
    passed = verdict.checks.every((one) => one.passed)
    return { ...verdict, kills }
  } finally {
    if (!passed && environmentOf(bug) === undefined) process.env['ENGINE_TEST_KEEP'] = '1' // Stores and words of the workers are evidence.
    await rig.close()
  }
}

/** What makes a worker load its sources with the bug in them. */
export function environmentOf(bug: string | undefined): Readonly<Record<string, string>> | undefined {
  if (bug === undefined || bug === '') return undefined
  const planter = pathToFileURL(join(import.meta.dirname, '../simulation/plant-bug.ts'))
  return { SIMULATION_BUG: bug, NODE_OPTIONS: `--import ${planter.href}` }
}
