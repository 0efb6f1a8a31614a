/** Kafka's own consumer-groups tool (Java) and a worker: what it shows, and what happens when somebody moves the offsets with it. */
import { afterAll, describe, expect, it } from '@jest/globals'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker, ProcessEnd } from '../../support/engine-worker.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { consumerGroups, describeGroup } from '../../support/kafka-tool.ts'

const kafka = await kafkaForTests()
const PARTITIONS = 2
const KEYS = 10
/** exit-codes.ts: stopped by a fault that a person must decide about. */
const FAULT_EXIT = 5

const rig = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/totals.ts',
  topics: { amounts: PARTITIONS, totals: PARTITIONS },
})
afterAll(() => rig.close())

let rounds = 0
/** One more for each key. */
async function oneMore(): Promise<void> {
  rounds++
  await rig.append(
    'amounts',
    new Map(
      Array.from({ length: PARTITIONS }, (_, partition) => [
        partition,
        Array.from({ length: KEYS }, (__, key) => record(`p${partition}-${key}`, '1')),
      ]),
    ),
  )
}

async function expectEachTotal(): Promise<void> {
  await rig.drained([[rig.topic('amounts'), PARTITIONS]])
  const totals = new Map((await rig.read(rig.topic('totals'))).map(({ key, value }) => [textOf(key), Number(textOf(value))]))
  expect(totals.size).toBe(PARTITIONS * KEYS)
  expect(new Set(totals.values())).toEqual(new Set([rounds]))
}

const tool = (...words: readonly string[]): Promise<string> =>
  consumerGroups(rig.brokers, ...words, '--group', rig.group, '--topic', rig.topic('amounts'))

async function refusesToRun(code: string, says: RegExp): Promise<ProcessEnd> {
  const worker = rig.start()
  const end = await worker.ended
  expect(worker.said('has stopped: ').map((line) => line['code'])).toEqual([code, code])
  expect(worker.text).toMatch(says)
  expect(worker.text).not.toMatch(/ at .*\.ts:\d+/u)
  expect(end.code).toBe(FAULT_EXIT)
  return end
}

describe("Kafka's own consumer-groups tool", () => {
  let worker: EngineWorker = rig.start()

  it('shows lag 0 for every partition after a drain, with the member that has it', async () => {
    await oneMore()
    await expectEachTotal()
    const described = await describeGroup(rig.brokers, rig.group)
    expect(described.map(({ topic, partition, lag }) => `${topic}:${partition} ${lag}`).toSorted()).toEqual(
      Array.from({ length: PARTITIONS }, (_, partition) => `${rig.topic('amounts')}:${partition} 0`),
    )
    const member = (await worker.status()).worker.member
    expect(new Set(described.map((one) => one.member))).toEqual(new Set([member]))
    await worker.stop()
  }, 90_000)

  it('moves the offsets back: the worker computes again from there, in a new epoch, and counts nothing twice', async () => {
    await tool('--reset-offsets', '--to-earliest', '--execute')
    worker = rig.start()
    await expectEachTotal()
    expect((await worker.status()).tasks.map(({ epoch, resets }) => ({ epoch, resets }))).toEqual([
      { epoch: 2, resets: 1 },
      { epoch: 2, resets: 1 },
    ])
    await worker.stop()
  }, 60_000)

  it('deletes the offsets: the worker goes on from what its state stands for, and counts nothing twice', async () => {
    await tool('--delete-offsets')
    await oneMore()
    worker = rig.start()
    await expectEachTotal()
    await worker.stop()
  }, 60_000)

  it('moves the offsets forward: the worker says so and ends, and goes on when the offsets are given back', async () => {
    await oneMore()
    await tool('--reset-offsets', '--to-latest', '--execute')
    await refusesToRun('MR5025', /moved the group's offsets forward.*onSkip: accept/u)
    await tool('--delete-offsets')
    worker = rig.start()
    await expectEachTotal()
    await worker.stop()
  }, 90_000)

  it('writes the offsets where they are: the worker goes on as if nothing was', async () => {
    await tool('--reset-offsets', '--to-current', '--execute')
    await oneMore()
    worker = rig.start()
    await expectEachTotal()
  }, 60_000)

  it('is refused while the worker runs', async () => {
    const text = await tool('--reset-offsets', '--to-earliest', '--execute').catch((error: unknown) => String(error))
    expect(text).toMatch(/inactive|Error/u)
    await oneMore()
    await expectEachTotal()
  }, 60_000)
})
