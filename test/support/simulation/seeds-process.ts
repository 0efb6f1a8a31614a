/** A process of its own that runs the seeds it is told, one after another, and tells each result. Started by seed-pool.ts. */
import { simulateSeed } from './simulate-seed.ts'

let last: Promise<void> = Promise.resolve()

process.on('message', (seed: number) => {
  last = last.then(() => run(seed))
})

/** What fails beside the run ends the process; the pool knows which seed it had. */
async function run(seed: number): Promise<void> {
  const result = await simulateSeed(seed, { digest: process.env['SIMULATION_DIGEST'] === '1' })
  // What happened is worth telling only with a failure.
  process.send?.({ ...result, happenings: result.failures.length === 0 ? [] : result.happenings })
}
