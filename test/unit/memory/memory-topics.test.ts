import { describe, expect, it } from '@jest/globals'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'
import { eventually } from '../../support/eventually.ts'
import { faultOf, keys, outgoing, readAll, ReaderProbe, values } from '../../support/log-probe.ts'

async function cluster(config: Readonly<Record<string, string>> = {}): Promise<{ log: MemoryLog; clock: ManualClock }> {
  const clock = new ManualClock()
  const log = memoryLog({ clock })
  await log.admin.createTopics([{ name: 'table', partitions: 1, replicationFactor: -1, config }])
  return { log, clock }
}
const put = (log: MemoryLog, ...pairs: readonly (readonly [key: string | null, value: string | null])[]): Promise<void> =>
  log.append([{ topic: 'table', partition: 0, records: pairs.map(([key, value]) => outgoing(value, { key })) }])
const offsets = async (log: MemoryLog): Promise<readonly number[]> =>
  (await readAll(log, 'table', 0)).records.map((record) => record.offset)

describe('compaction', () => {
  it('leaves the newest record of each key at its offset, tombstones included until they are purged', async () => {
    const { log } = await cluster({ 'cleanup.policy': 'compact' })
    await put(log, ['a', '1'], ['b', '1'], ['a', '2'], ['b', null], ['c', '1'])

    log.compact('table')
    const compacted = await readAll(log, 'table', 0)
    log.compact('table', { purgeTombstones: true })
    const purged = await readAll(log, 'table', 0)

    expect(compacted.records.map((record) => record.offset)).toEqual([2, 3, 4])
    expect(values(compacted.records)).toEqual(['2', null, '1'])
    expect(keys(purged.records)).toEqual(['a', 'c'])
    expect(purged.last).toMatchObject({ next: 5, highWatermark: 5 })
  })

  it('touches nothing above the last stable offset, and removes what was aborted below it', async () => {
    const { log } = await cluster({ 'cleanup.policy': 'compact' })
    const former = await log.openProducer('aborts')
    await put(log, ['a', '1'])
    await former.send([{ topic: 'table', partition: 0, records: [outgoing('aborted', { key: 'a' })] }])
    await log.openProducer('aborts')
    const open = await log.openProducer('open')
    await open.send([{ topic: 'table', partition: 0, records: [outgoing('2', { key: 'a' })] }])
    await put(log, ['a', '3'])

    log.compact('table')
    const whileOpen = log.entries('table', 0).map((entry) => [entry.record.offset, entry.kind, entry.state])
    await open.commit()
    log.compact('table', { purgeTombstones: true })

    expect(whileOpen).toEqual([
      [0, 'data', 'committed'],
      [2, 'abort', 'aborted'],
      [3, 'data', 'open'],
      [4, 'data', 'committed'],
    ])
    expect(await offsets(log)).toEqual([4])
  })

  it('reads to the end of a partition of which nothing is left', async () => {
    const { log } = await cluster({ 'cleanup.policy': 'compact' })
    await put(log, ['a', '1'], ['a', null])

    log.compact('table', { purgeTombstones: true })

    const probe = await readAll(log, 'table', 0)
    expect(probe.records).toEqual([])
    expect(probe.last).toMatchObject({ fetchedFrom: 0, next: 2, highWatermark: 2 })
  })

  it('is not for topics that are not compacted', async () => {
    const { log } = await cluster()

    expect(() => log.compact('table')).toThrow('compacted')
  })
})

describe('what a topic refuses', () => {
  it('is a record without a key where it is compacted', async () => {
    const { log } = await cluster({ 'cleanup.policy': 'compact' })

    const fault = await faultOf(put(log, ['a', '1'], [null, '2']))

    expect(fault).toMatchObject({ code: 'MR3004', action: 'refuse-record', place: { topic: 'table', partition: 0, offset: 1 } })
    expect(await offsets(log)).toEqual([])
  })

  it('is a timestamp more than an hour ahead of the broker, and takes any past one', async () => {
    const { log, clock } = await cluster()
    const at = (timestamp: number): Promise<void> => log.append([{ topic: 'table', partition: 0, records: [outgoing('x', { timestamp })] }])

    await at(clock.now() + 3_600_000)
    await at(-1)
    await at(-62_135_596_800_000)
    const fault = await faultOf(at(clock.now() + 3_600_001))
    log.alterTopic('table', { 'message.timestamp.after.max.ms': '9223372036854775807' })
    await at(clock.now() + 3_600_001)

    expect(fault).toMatchObject({ code: 'MR3004', action: 'refuse-record' })
    expect(await offsets(log)).toEqual([0, 1, 2, 3])
  })

  it('is a record whose batch is one byte larger than it takes, not one of the exact size', async () => {
    // 61 bytes of batch, 1 length, 3 fixed, 1 null key, 1 value length, 10 value, 1 header count.
    const { log } = await cluster({ 'max.message.bytes': '78' })

    await put(log, [null, '0123456789'])
    const fault = await faultOf(put(log, [null, '0123456789x']))

    expect(fault).toMatchObject({ code: 'MR3003', place: { offset: 0 } })
  })
})

describe('a topic by its settings', () => {
  it('stamps records by the time of the append where asked', async () => {
    const { log, clock } = await cluster({ 'message.timestamp.type': 'LogAppendTime' })
    clock.advance(1_234)

    await put(log, ['a', '1'])

    expect((await readAll(log, 'table', 0)).records[0]?.timestamp).toBe(clock.now())
  })

  it('is refused where the cluster could not hold it', async () => {
    const { log } = await cluster()
    const create = (name: string, partitions: number, replicationFactor: number, config = {}): Promise<string> =>
      faultOf(log.admin.createTopics([{ name, partitions, replicationFactor, config }])).then((fault) => fault.message)

    expect(await create('no spaces', 1, -1)).toContain('letters')
    expect(await create('none', 0, -1)).toContain('partitions')
    expect(await create('replicas', 1, 2)).toContain('replication factor 2')
    expect(await create('setting', 1, -1, { 'cleanup.polizy': 'compact' })).toContain('cleanup.polizy')
    expect(await log.admin.listTopics()).toEqual(['table'])
  })

  it('loses the positions of groups when it is deleted, and starts at zero when created again', async () => {
    const { log } = await cluster()
    await put(log, ['a', '1'])
    await log.admin.commitFromOutside('group', [{ topic: 'table', partition: 0, position: 1, metadata: '' }])

    await log.admin.deleteTopics(['table'])
    await log.admin.createTopics([{ name: 'table', partitions: 1, replicationFactor: -1, config: {} }])

    expect((await log.admin.committed('group', [{ topic: 'table', partition: 0 }])).size).toBe(0)
    await put(log, ['b', '1'])
    expect(await offsets(log)).toEqual([0])
  })

  it('tells a reader when it is deleted', async () => {
    const { log } = await cluster()
    const probe = new ReaderProbe(log, 'table', 0, 0)
    await probe.untilNext(0)

    await log.admin.deleteTopics(['table'])

    await eventually(() => expect(probe.faults).toHaveLength(1))
    expect(probe.faults[0]).toMatchObject({ code: 'MR3005' })
  })
})

describe('the levers of a test', () => {
  it('cut the tail: a reader beyond it is told, and offsets are given again', async () => {
    const { log, clock } = await cluster()
    await put(log, ['a', '1'], ['b', '1'], ['c', '1'])
    const probe = await readAll(log, 'table', 0)
    const beyond = new ReaderProbe(log, 'table', 0, 3)
    await clock.settle()

    log.truncate('table', 0, 1)
    await clock.settle()
    await put(log, ['d', '1'])

    expect(values(probe.records)).toEqual(['1', '1', '1'])
    expect(beyond.outOfRange).toEqual([{ position: 3, logStart: 0, logEnd: 1 }])
    expect(keys((await readAll(log, 'table', 0)).records)).toEqual(['a', 'd'])
  })

  it('move the log start of any topic, as retention does, and tell a reader that stands below it', async () => {
    const { log, clock } = await cluster({ 'cleanup.policy': 'compact' })
    await put(log, ['a', '1'], ['b', '1'])
    const probe = new ReaderProbe(log, 'table', 0, 0)
    probe.reader.pause(probe.partition)
    await clock.settle()

    log.expire('table', 0, 2)
    probe.reader.resume(probe.partition)
    await clock.settle()

    expect(probe.outOfRange).toEqual([{ position: 0, logStart: 2, logEnd: 2 }])
  })

  it('add partitions, and let positions expire', async () => {
    const { log } = await cluster()
    await log.admin.commitFromOutside('group', [{ topic: 'table', partition: 0, position: 0, metadata: '' }])

    log.addPartitions('table', 3)
    log.expirePositions('group')

    expect((await log.admin.describeTopics(['table'])).get('table')?.partitions).toBe(3)
    await log.append([{ topic: 'table', partition: 2, records: [outgoing('x')] }])
    expect((await log.admin.committed('group', [{ topic: 'table', partition: 0 }])).size).toBe(0)
  })

  it('show topic ids only where asked: the client of the real home cannot read them', async () => {
    const spec = { name: 't', partitions: 1, replicationFactor: -1, config: {} }
    const ids: (string | undefined)[] = []
    for (const topicIds of [false, true]) {
      const log = memoryLog({ clock: new ManualClock(), topicIds })
      for (let life = 0; life < 2; life++) {
        await log.admin.createTopics([spec])
        ids.push((await log.admin.describeTopics(['t'])).get('t')?.id)
        await log.admin.deleteTopics(['t'])
      }
    }

    expect(ids).toEqual([undefined, undefined, 'memory-1', 'memory-2'])
  })
})
