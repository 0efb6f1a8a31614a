/**
 * kill -9 at every fail-point, again and again, of workers under load: nothing is lost, nothing is counted twice, the next start goes on
 * soon and with the store that it finds.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'
import type { Line } from '../../../services/demo/console-consumer.ts'
import { EngineRig, NAME_VARIABLE, textOf } from '../../support/engine-rig.ts'
import { plainEnvironment, repositoryRoot } from '../../support/engine-worker.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { planKills } from '../../support/proof/kill-plan.ts'
import type { PlannedKill } from '../../support/proof/kill-plan.ts'
import { Kills } from '../../support/proof/kills.ts'
import type { KillsDone } from '../../support/proof/kills.ts'
import { differences, foundResults, recompute } from '../../support/proof/oracle.ts'
import { verdictOf } from '../../support/proof/verdict.ts'
import { isFullRun, scaled } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const TWO_STAGES = 'test/support/proof/topology.ts'
const ONE_STAGE = 'test/support/proof/one-stage.ts'
const PARTITIONS = 2
/** A worker that stands alone stands still for a session after each kill: what every change affords is each point once, dealt to the three runs. */
const SHARES = isFullRun ? 1 : 3
const ROUNDS = Number(process.env['KILLS_ROUNDS'] ?? scaled(1, 7))
const RATE = 200
/**
 * The promise is 10 s, session time-out and all; the reduced run has a machine that runs other tests beside it. Of several workers that are
 * killed in turn the starts overlap, each is a rebalance for those before it: no figure of one start.
 */
const goesOnWithinMs = (workers: number): number => (isFullRun && workers === 1 ? 10_000 : 60_000)
const seed = Number(process.env['KILLS_SEED'] ?? Date.now() % 1_000_000)

/** A reset that dies before it is announced has changed nothing: with the outputs of a second epoch the oracle would not agree. */
async function resetsThatDie(rig: EngineRig): Promise<void> {
  const points: FailPoint[] = ['announce:control-taken', 'announce:tasks-fenced', 'announce:facts-read', 'announce:sent']
  for (const point of points) {
    const words = ['reset', TWO_STAGES, '--to-earliest', '--yes', `--brokers=${rig.brokers.join(',')}`]
    const env = { ...plainEnvironment(), [NAME_VARIABLE]: rig.name, FAIL_POINT: point }
    const signal = await new Promise<unknown>((resolve) => {
      const program = join(repositoryRoot, 'node_modules/.bin/node')
      const all = [join(repositoryRoot, 'libs/command/millrace.mjs'), ...words]
      execFile(program, all, { env, cwd: repositoryRoot }, (error) => resolve(error?.signal))
    })
    expect([point, signal]).toEqual([point, 'SIGKILL'])
  }
}

const linesOf = async (rig: EngineRig, topic: string): Promise<Line[]> =>
  (await rig.read(rig.topic(topic))).map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))

/** For whoever watches a long run. */
const say = (text: string): void => void (isFullRun && process.stderr.write(`${new Date().toISOString()} ${text}\n`))

function report(title: string, done: KillsDone): void {
  const rows = [...done.points].map(
    ([point, { killed, missed, longestMs }]) =>
      `${point.padEnd(28)} ${killed} kills, ${missed} elsewhere, goes on within ${(longestMs / 1_000).toFixed(1)} s`,
  )
  process.stderr.write(
    `${title}, seed ${seed}\n${rows.toSorted().join('\n')}\n${done.restoredBytes} bytes restored on disks as they were\n`,
  )
}

function expectPromises(done: KillsDone, units: readonly (readonly PlannedKill[])[], workers: number): void {
  expect(done.surprises).toEqual([])
  expect([...done.points].filter(([, { longestMs }]) => longestMs > goesOnWithinMs(workers))).toEqual([])
  const reached = [...done.points].filter(([, { killed }]) => killed > 0).map(([point]) => point)
  expect(reached.toSorted()).toEqual([...new Set(units.flat().map(({ point }) => point))].toSorted())
}

describe('kill -9 at every fail-point', () => {
  it.each([
    { workers: 1, share: 0 },
    { workers: 3, share: 1 },
  ])(
    'loses nothing and counts nothing twice: two stages, windows and timers, workers: $workers',
    async ({ workers, share }) => {
      const partitions = PARTITIONS
      const topics = { orders: partitions, chains: partitions, regions: partitions, windows: partitions }
      const rig = await EngineRig.open({ brokers: kafka.brokers, module: TWO_STAGES, topics })
      try {
        const tasks = 2 * partitions
        const units = planKills({ rounds: ROUNDS, tasks: Math.floor(tasks / workers), seed, share: { index: share % SHARES, of: SHARES } })
        const done = await new Kills({
          rig,
          workers,
          tasks,
          inputs: [
            [rig.topic('orders'), partitions],
            [rig.internal('by-region.repartition'), partitions],
          ],
          units,
          seed,
          rate: RATE,
          say,
          meanwhile: () => (workers === 1 ? resetsThatDie(rig) : Promise.resolve()),
        }).run()
        report(`two stages, workers: ${workers}`, done)
        const { checks } = await verdictOf({ rig, workers: done.workers, tasks, say: () => undefined, damaged: workers > 1 })
        expect(checks.filter(({ passed }) => !passed)).toEqual([])
        expectPromises(done, units, workers)
      } finally {
        await rig.close()
      }
    },
    scaled(400_000, 7_200_000),
  )

  it(
    'loses nothing and counts nothing twice: one stage, one worker',
    async () => {
      const rig = await EngineRig.open({
        brokers: kafka.brokers,
        module: ONE_STAGE,
        topics: { orders: PARTITIONS, chains: PARTITIONS },
      })
      try {
        const units = planKills({ rounds: ROUNDS, tasks: PARTITIONS, seed, share: { index: 2 % SHARES, of: SHARES } })
        const done = await new Kills({
          rig,
          workers: 1,
          tasks: PARTITIONS,
          inputs: [[rig.topic('orders'), PARTITIONS]],
          units,
          seed,
          rate: RATE,
          say,
        }).run()
        report('one stage', done)
        expect(await Promise.all(done.workers.map((worker) => worker.down('SIGTERM')))).toEqual([0])
        const [input, chains] = [await linesOf(rig, 'orders'), await linesOf(rig, 'chains')]
        const expected = { ...recompute(input), regions: new Map(), windows: [] }
        expect(expected.chains.size).toBeGreaterThan(0)
        expect(differences(foundResults(chains, [], []), expected)).toEqual([])
        expect(await rig.openTransactions()).toEqual([])
        expectPromises(done, units, 1)
      } finally {
        await rig.close()
      }
    },
    scaled(300_000, 7_200_000),
  )
})
