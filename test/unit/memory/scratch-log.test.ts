/** A run that reads a cluster and leaves no trace on it. */
import { describe, expect, it } from '@jest/globals'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { ScratchLog } from '../../../libs/memory/scratch-log.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import { twoStages } from '../../support/hole-topologies.ts'

async function scratched(): Promise<{ cluster: MemoryApplication; app: MemoryApplication }> {
  const clock = new ManualClock()
  const cluster = await MemoryApplication.open(twoStages, { clock, partitions: 2 })
  await cluster.send('clicks', 'a', { page: '/1', at: 0 }, { partition: 0 })
  await cluster.send('clicks', 'b', { page: '/1', at: 0 }, { partition: 1 })
  const memory = memoryLog({ clock })
  const scratch = await ScratchLog.open({ base: cluster.log, read: ['clicks'], memory, outputs: ['counts'] })
  // Topics are there: those of the cluster, and the doubles.
  const app = await MemoryApplication.open(twoStages, { clock, log: memory, partitions: 2 })
  const { ready } = app.launch({ seenAs: () => scratch })
  await app.during(ready)
  return { cluster, app }
}

describe('a log that only reads from a cluster', () => {
  it('gives a topology its inputs and takes everything that it writes', async () => {
    const { app } = await scratched()
    await app.until(async () => (await app.lastText('counts'))['/1'] === 2, 'both are counted')
  })

  it('leaves the cluster as it was: no topic, no group, no record, no transactional id', async () => {
    const { cluster, app } = await scratched()
    const topics = await cluster.log.admin.listTopics()
    await app.until(async () => (await app.lastText('counts'))['/1'] === 2, 'both are counted')
    expect([...(await cluster.log.admin.listTopics())].toSorted()).toEqual([...topics].toSorted())
    expect(await cluster.read('counts')).toEqual([])
    expect(cluster.log.membersOf(cluster.group)).toEqual([])
    expect(await cluster.committed('clicks')).toBeUndefined()
  })

  it('refuses to write to what is read', async () => {
    const cluster = memoryLog()
    await cluster.admin.createTopics([{ name: 'input', partitions: 1, replicationFactor: 1, config: {} }])
    const scratch = await ScratchLog.open({ base: cluster, read: ['input'], memory: memoryLog(), outputs: [] })
    const batch = { topic: 'input', partition: 0, records: [{ key: null, value: null, timestamp: 0, headers: [] }] }
    await expect(scratch.append([batch])).rejects.toMatchObject({ code: 'MR3060' })
    await expect((await scratch.openProducer('t')).send([batch])).rejects.toMatchObject({ code: 'MR3060' })
  })

  it('asks whom it concerns about topics, ranges, times and positions', async () => {
    const cluster = memoryLog()
    await cluster.admin.createTopics([{ name: 'input', partitions: 3, replicationFactor: 1, config: {} }])
    await cluster.admin.createTopics([{ name: 'output', partitions: 2, replicationFactor: 1, config: {} }])
    await cluster.append([{ topic: 'input', partition: 1, records: [{ key: null, value: null, timestamp: 5, headers: [] }] }])
    const scratch = await ScratchLog.open({ base: cluster, read: ['input'], memory: memoryLog(), outputs: ['output'] })
    const described = await scratch.admin.describeTopics(['input', 'output', 'nowhere'])
    expect([...described].map(([name, { partitions }]) => [name, partitions])).toEqual([
      ['input', 3],
      ['output', 2],
    ])
    const partitions = [
      { topic: 'input', partition: 1 },
      { topic: 'output', partition: 0 },
    ]
    expect([...(await scratch.admin.ranges(partitions))].map(([id, { end }]) => [id, end])).toEqual([
      ['input:1', 1],
      ['output:0', 0],
    ])
    expect(Object.fromEntries(await scratch.admin.positionsAt(partitions, 5))).toEqual({ 'input:1': 0, 'output:0': 0 })
    expect([...(await scratch.admin.listTopics())].toSorted()).toEqual(['input', 'output'])
  })
})
