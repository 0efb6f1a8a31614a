/**
 * Somebody lays hands on a changelog of a running application, with the means that a cluster gives to everybody who may administrate it:
 * records deleted, the topic deleted and made again. Rebuilt from the log, or stopped with a message; other tasks go on.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { kafkaTool } from '../../support/kafka-tool.ts'

const { brokers } = await kafkaForTests()
const WITHIN_MS = 180_000
const KEYS = ['a', 'b', 'c'] as const
const PARTITIONS = 2
const SEAT = 'state'

let rig: EngineRig
const rounds = [0, 0]
afterEach(() => rig.close())

async function open(): Promise<EngineWorker> {
  rig = await EngineRig.open({
    brokers,
    module: 'test/integration/engine/topologies/totals.ts',
    topics: { amounts: PARTITIONS, totals: PARTITIONS },
  })
  rounds.fill(0)
  const worker = start()
  await rig.running(worker, PARTITIONS)
  await add(0, 1)
  await processed(0, 1)
  return worker
}

const start = (): EngineWorker => rig.start({ seat: SEAT })

/** One more of each key of the partition; keys are named after it. */
async function add(...partitions: readonly number[]): Promise<void> {
  for (const partition of partitions) {
    rounds[partition] = (rounds[partition] ?? 0) + 1
    await rig.append('amounts', new Map([[partition, KEYS.map((key) => record(`${key}${partition}`, '1'))]]))
  }
}

/** Every result of these partitions, in order, as the input alone says. */
async function processed(...partitions: readonly number[]): Promise<void> {
  await eventually(
    async () => {
      const totals = await rig.read(rig.topic('totals'))
      for (const name of partitions.flatMap((partition) => KEYS.map((key) => `${key}${partition}`))) {
        const found = totals.filter(({ key }) => textOf(key) === name).map(({ value }) => Number(textOf(value)))
        expect([name, found]).toEqual([name, Array.from({ length: rounds[Number(name.slice(1))] ?? 0 }, (_, index) => index + 1)])
      }
    },
    60_000,
    100,
  )
}

const changelog = (): string => rig.internal('total.changelog')

/** A broker deletes records only where the policy says so: whoever wants it changes that first. */
async function deleteRecords(partition: number): Promise<void> {
  const policy = (value: string): Promise<string> =>
    kafkaTool(
      'kafka.admin.ConfigCommand',
      brokers,
      '--entity-type',
      'topics',
      '--entity-name',
      changelog(),
      '--alter',
      '--add-config',
      value,
    )
  await policy('cleanup.policy=[compact,delete]')
  const ranges = await rig.log.admin.ranges([{ topic: changelog(), partition }])
  const end = [...ranges.values()][0]?.lastStable ?? 0
  await rig.log.admin.deleteRecords([{ topic: changelog(), partition, position: end }])
  await policy('cleanup.policy=compact')
}

const stateOf = async (worker: EngineWorker, task: string): Promise<string | undefined> =>
  (await worker.status()).tasks.find(({ name }) => name.endsWith(task))?.state

/** All tasks have stopped, so the worker ends. */
async function expectStopped(worker: EngineWorker): Promise<void> {
  const { code } = await worker.ended
  expect(code).toBe(exitCodes.fault)
  for (const task of ['.0', '.1']) {
    const line = worker.lines.find((one) => one['code'] === 'MR5016' && String(one['task']).endsWith(task))
    expect(line?.msg).toContain('deleted and made again')
    expect(line?.msg).toContain('new version of the application')
  }
}

describe('records of a changelog that are deleted', () => {
  it(
    'harm nobody who has the store; without it the task stops, says what is lost and what to do, and the other one goes on',
    async () => {
      const worker = await open()
      await deleteRecords(0)
      await add(0, 1)
      await processed(0, 1)
      await worker.stop()
      await add(0, 1)
      const second = start()
      await processed(0, 1)
      await second.stop()
      rmSync(join(rig.directory, SEAT), { recursive: true })
      const third = start()
      const [line] = await third.untilSaid('must be rebuilt from')
      expect(line).toMatchObject({ code: 'MR5014', level: 'error' })
      expect(line?.msg).toContain(changelog())
      expect(line?.msg).toContain('new version')
      await add(1)
      await processed(1)
      expect([await stateOf(third, '.0'), await stateOf(third, '.1')]).toEqual(['stopped', 'running'])
    },
    WITHIN_MS,
  )
})

describe('a changelog that is deleted and made again while its tasks run', () => {
  it(
    'stops them before they commit a change that it would not hold, at every later start too, and says what to do',
    async () => {
      const worker = await open()
      const before = await rig.committed('amounts', PARTITIONS)
      await rig.log.admin.deleteTopics([changelog()])
      await eventually(async () => expect((await rig.log.admin.describeTopics([changelog()])).size).toBe(0))
      await rig.log.admin.createTopics([
        { name: changelog(), partitions: PARTITIONS, replicationFactor: -1, config: { 'cleanup.policy': 'compact' } },
      ])
      await add(0, 1)
      await expectStopped(worker)
      await expectStopped(start())
      expect(await rig.committed('amounts', PARTITIONS)).toBe(before)
    },
    WITHIN_MS,
  )
})
