/** A batch and a look into the past, as a user starts them, on a real broker. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, NAME_VARIABLE, record, textOf } from '../../support/engine-rig.ts'
import { repositoryRoot } from '../../support/engine-worker.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const KEYS = 50
const ROUNDS = 20
const MODULE = 'test/integration/engine/topologies/totals.ts'
const START = Date.UTC(2026, 0, 1)
const SECOND = 1_000
const TEST_MS = 120_000

const rigs: EngineRig[] = []
afterAll(async () => {
  for (const rig of rigs) await rig.close()
})

/** Round n, at second n: one more for each key. */
async function filled(): Promise<EngineRig> {
  const rig = await EngineRig.open({ brokers: kafka.brokers, module: MODULE, topics: { amounts: PARTITIONS, totals: PARTITIONS } })
  rigs.push(rig)
  for (let round = 0; round < ROUNDS; round += 1) await append(rig, round)
  return rig
}

async function append(rig: EngineRig, round: number): Promise<void> {
  const one = (partition: number): ReturnType<typeof record>[] =>
    Array.from({ length: KEYS }, (_, key) => record(`p${partition}-${key}`, '1', { timestamp: START + round * SECOND }))
  await rig.append('amounts', new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, one(partition)])))
}

async function totals(rig: EngineRig): Promise<ReadonlySet<number>> {
  const last = new Map((await rig.read(rig.topic('totals'))).map(({ key, value }) => [textOf(key), Number(textOf(value))]))
  expect(last.size).toBe(PARTITIONS * KEYS)
  return new Set(last.values())
}

const run = promisify(execFile)
const millrace = async (rig: EngineRig, ...words: readonly string[]): Promise<string> => {
  const program = join(repositoryRoot, 'node_modules/.bin/node')
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_') && name !== 'NODE_OPTIONS')
  const { stdout } = await run(program, [join(repositoryRoot, 'libs/command/millrace.mjs'), ...words], {
    cwd: repositoryRoot,
    env: { ...Object.fromEntries(environment), [NAME_VARIABLE]: rig.name },
  })
  return stdout
}

describe('a batch on a real broker', () => {
  it(
    'ends with exit code 0 on both of its workers, has read all, and says where it ended',
    async () => {
      const rig = await filled()
      const words = ['--until-end', '--commit-interval-ms=20']
      const workers = [rig.start({ seat: 'a', words }), rig.start({ seat: 'b', words })]
      const ends = await Promise.all(workers.map((worker) => worker.ended))
      expect(ends.map(({ code }) => code)).toEqual([0, 0])
      expect(await totals(rig)).toEqual(new Set([ROUNDS]))
      expect(workers[0]?.said('a batch: ends at')[0]?.msg).toContain(`${rig.topic('amounts')}:0=${KEYS * ROUNDS}`)
      expect(await rig.openTransactions()).toEqual([])
      // What comes later is not for it.
      await append(rig, ROUNDS)
      expect((await rig.start({ seat: 'a', words }).ended).code).toBe(0)
      expect(await totals(rig)).toEqual(new Set([ROUNDS]))
    },
    TEST_MS,
  )

  it(
    'that is killed goes on where it was, up to the same end',
    async () => {
      const rig = await filled()
      const words = ['--until-end', '--commit-interval-ms=5']
      const first = rig.start({ words, environment: {} })
      await first.untilSaid('starts:')
      await first.kill()
      await append(rig, ROUNDS)
      expect((await rig.start({ words }).ended).code).toBe(0)
      // The end was fixed before the first record was processed.
      expect(await totals(rig)).toEqual(new Set([ROUNDS]))
    },
    TEST_MS,
  )

  it(
    'that only stops can go on later',
    async () => {
      const rig = await filled()
      const words = ['--until-end', '--no-close']
      expect((await rig.start({ words }).ended).code).toBe(0)
      expect(await totals(rig)).toEqual(new Set([ROUNDS]))
      await append(rig, ROUNDS)
      expect((await rig.start({ words }).ended).code).toBe(0)
      expect(await totals(rig)).toEqual(new Set([ROUNDS + 1]))
    },
    TEST_MS,
  )
})

describe('state get --at', () => {
  it(
    'answers what the step kept then, and leaves nothing behind',
    async () => {
      const rig = await filled()
      const before = (await rig.log.admin.listTopics()).filter((name) => name.startsWith(rig.name)).toSorted()
      const at = new Date(START + 7 * SECOND).toISOString()
      const answer = await millrace(
        rig,
        'state',
        'get',
        MODULE,
        'total',
        'p1-3',
        '--at',
        at,
        '--json',
        `--brokers=${rig.brokers.join(',')}`,
      )
      // Seven rounds stand before second 7.
      expect(JSON.parse(answer)).toMatchObject({ key: 'p1-3', value: { rows: 7 } })
      expect((await rig.log.admin.listTopics()).filter((name) => name.startsWith(rig.name)).toSorted()).toEqual(before)
      expect((await rig.log.admin.describeGroup(rig.group)).members).toBe(0)
      expect(await rig.committed('amounts', PARTITIONS)).toBe(0)
    },
    TEST_MS,
  )
})
