/**
 * Two stages, offsets moved back by Kafka's own tool and by `millrace reset`, with kill -9 in between: the newest epoch in the outputs is what
 * plain loops make of the records from the target on, and no result of an older epoch stands behind one of a newer.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { NAME_VARIABLE } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { repositoryRoot } from '../../support/engine-worker.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { announceSteps } from '../../support/reset-cases.ts'
import { LEDGER, ResetRig } from '../../support/reset-rig.ts'
import { scaled } from '../../support/test-scale.ts'

const run = promisify(execFile)
const kafka = await kafkaForTests()
const PARTITIONS = 4
const RECORDS = scaled(3_000, 100_000)
/** A worker that restores and resets lives about so long, ms: kills hit it in all of it. */
const KILL_WITHIN_MS = 4_000

const seed = Date.now() % 1_000_000
const ledger = await ResetRig.open({ brokers: kafka.brokers, stages: 2, partitions: PARTITIONS, seed })
const { rig, random } = ledger
afterAll(() => rig.close())

let epoch = 1

async function expectEpoch(target: readonly number[]): Promise<void> {
  const { difference, epochs } = await ledger.differenceFrom(target)
  expect({ difference, epoch: Math.max(...epochs) }).toEqual({ difference: undefined, epoch })
}

/** Starts workers one after the other and kills each with -9, at any moment of its start; the last one lives. */
async function startWithKills(kills: number): Promise<EngineWorker> {
  for (let n = 0; n < kills; n++) {
    const victim = rig.start({ seat: `seat-${n % 2}` })
    await new Promise((resolve) => setTimeout(resolve, 500 + random() * KILL_WITHIN_MS))
    await victim.kill()
  }
  return rig.start({ seat: 'seat-0' })
}

const noComplaints = (worker: EngineWorker): void =>
  expect(worker.lines.filter((line) => line.level === 'error' || line.level === 'fatal')).toEqual([])

describe('reprocessing a topology of two stages on a real broker', () => {
  let worker: EngineWorker
  beforeAll(async () => {
    await ledger.more(RECORDS)
    worker = rig.start({ seat: 'seat-0' })
    await expectEpoch([])
    await worker.stop()
  }, 120_000)

  it('the tool, to earliest, of all topics; workers killed at any moment of their reset', async () => {
    await ledger.tool('--all-topics', '--to-earliest')
    epoch = 2
    worker = await startWithKills(scaled(2, 20))
    await ledger.more(500)
    await expectEpoch([])
    noComplaints(worker)
    await worker.stop()
  }, 240_000)

  it('the tool, to a time', async () => {
    const { time, target } = ledger.timeAt(3)
    await ledger.tool('--topic', rig.topic('orders'), '--to-datetime', time)
    epoch = 3
    worker = await startWithKills(scaled(0, 10))
    await expectEpoch(target)
    noComplaints(worker)
    await worker.stop()
  }, 180_000)

  it('the tool, to single offsets of each partition', async () => {
    const targets = [10, 20, 30, 40]
    for (const [partition, offset] of targets.entries())
      await ledger.tool('--topic', `${rig.topic('orders')}:${partition}`, '--to-offset', String(offset))
    epoch = 4
    worker = await startWithKills(scaled(0, 10))
    await ledger.more(500)
    await expectEpoch(targets)
    noComplaints(worker)
  }, 240_000)

  it('millrace reset while the worker runs, killed with -9 behind each step and repeated', async () => {
    const command = async (killAt?: string): Promise<string> => {
      const program = join(repositoryRoot, 'node_modules/.bin/node')
      const words = [
        'reset',
        LEDGER,
        '--to-earliest',
        '--yes',
        '--json',
        `--brokers=${rig.brokers.join(',')}`,
        '--transaction-timeout-ms=3000',
      ]
      const environment = {
        PATH: process.env['PATH'],
        [NAME_VARIABLE]: rig.name,
        ...(killAt === undefined ? {} : { KILL_AT_STEP: killAt }),
      }
      const script = join(repositoryRoot, 'test/support/millrace-until-step.ts')
      return await run(program, [script, ...words], { cwd: repositoryRoot, env: environment, timeout: 90_000 }).then(
        ({ stdout }) => stdout,
        (error: Error & { readonly signal?: string }) => {
          if (error.signal !== 'SIGKILL') throw error
          return 'killed'
        },
      )
    }
    for (const step of announceSteps) expect(await command(step)).toBe('killed')
    // The transaction of the last one was over.
    expect(JSON.parse(await command())).toMatchObject({ epoch: 6, done: true, members: 1, followed: 8, tasks: 8 })
    epoch = 6
    await ledger.more(500)
    await expectEpoch([])
    noComplaints(worker)
    await worker.stop()
  }, 300_000)
})
