import { describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'
import { mulberry32, shuffledSchedule } from '../../support/shuffled-schedule.ts'
import { outgoing, readAll, ReaderProbe, values } from '../../support/log-probe.ts'

async function cluster(): Promise<{ log: MemoryLog; clock: ManualClock }> {
  const clock = new ManualClock()
  const log = memoryLog({ clock })
  await log.admin.createTopics([{ name: 't', partitions: 1, replicationFactor: -1, config: {} }])
  return { log, clock }
}
const append = (log: MemoryLog, ...texts: readonly string[]): Promise<void> =>
  log.append([{ topic: 't', partition: 0, records: texts.map((text) => outgoing(text)) }])

describe('a reader', () => {
  it('is never called before assign or resume has returned', async () => {
    const { log, clock } = await cluster()
    await append(log, 'a')
    const probe = new ReaderProbe(log, 't', 0, 0)
    expect(probe.batches).toEqual([])
    await clock.settle()
    probe.reader.pause(probe.partition)
    await append(log, 'b')
    await clock.settle()
    const paused = values(probe.records)

    probe.reader.resume(probe.partition)
    expect(values(probe.records)).toEqual(['a'])
    await clock.settle()

    expect(paused).toEqual(['a'])
    expect(values(probe.records)).toEqual(['a', 'b'])
  })

  it('gets answers of bounded size, but always one record', async () => {
    const { log, clock } = await cluster()
    await append(log, ...Array.from({ length: 10 }, () => 'x'.repeat(1_000)), 'y'.repeat(5_000))

    const probe = new ReaderProbe(log, 't', 0, 0, { partitionBytesMax: 3_300 })
    await clock.settle()

    expect(probe.batches.map((batch) => batch.records.length)).toEqual([3, 3, 3, 1, 1])
    expect(probe.batches.slice(0, 4).every((batch) => batch.bytes > 0 && batch.bytes <= 3_300)).toBe(true)
    expect(probe.last?.bytes).toBeGreaterThan(5_000)
  })

  it('is told of watermarks that move without a record for it, and of nothing twice', async () => {
    const { log, clock } = await cluster()
    const probe = new ReaderProbe(log, 't', 0, 0)
    const producer = await log.openProducer('id')
    await clock.settle()
    await producer.send([{ topic: 't', partition: 0, records: [outgoing('a')] }])
    await clock.settle()

    await producer.commit()
    await clock.settle()
    probe.reader.pause(probe.partition)
    probe.reader.resume(probe.partition)
    await clock.settle()

    expect(probe.batches.map(({ next, lastStable, highWatermark, records }) => [next, lastStable, highWatermark, records.length])).toEqual([
      [0, 0, 0, 0],
      [0, 0, 1, 0],
      [2, 2, 2, 1],
    ])
  })

  it('drops an answer that was under way when the partition was assigned again, and delivers one under way when it was paused', async () => {
    const { log, clock } = await cluster()
    await append(log, 'a', 'b')
    const late = Promise.withResolvers<undefined>()
    log.faults = { after: ({ operation }) => (operation === 'fetch' ? late.promise : undefined) }
    const reassigned = new ReaderProbe(log, 't', 0, 0)
    const paused = new ReaderProbe(log, 't', 0, 0)
    await clock.settle()

    reassigned.reader.assign(reassigned.partition, 1)
    paused.reader.pause(paused.partition)
    late.resolve(undefined)
    await clock.settle()

    expect(reassigned.batches.map((batch) => batch.fetchedFrom)).toEqual([1])
    expect(values(paused.records)).toEqual(['a', 'b'])
  })

  it('asks again after a passing fault, and stops with a lasting one', async () => {
    const { log, clock } = await cluster()
    await append(log, 'a')
    let faults: readonly Fault[] = [new Fault('MR3010', 'retry', 'no answer'), new Fault('MR3010', 'retry', 'no answer')]
    log.faults = {
      before: ({ operation }) => {
        const [fault, ...rest] = faults
        if (operation !== 'fetch' || fault === undefined) return undefined
        faults = rest
        throw fault
      },
    }
    const probe = new ReaderProbe(log, 't', 0, 0)
    await clock.pass(199)
    expect(probe.batches).toEqual([])
    await clock.pass(1)
    expect(values(probe.records)).toEqual(['a'])
    expect(probe.faults).toEqual([])

    faults = [new Fault('MR3005', 'stop-task', 'no rights')]
    await append(log, 'b')
    await clock.pass(1_000)

    expect(probe.faults).toMatchObject([{ message: 'no rights' }])
    expect(values(probe.records)).toEqual(['a'])
  })

  it('is told nothing any more when it is closed', async () => {
    const { log, clock } = await cluster()
    const probe = new ReaderProbe(log, 't', 0, 0)
    await append(log, 'a')
    await probe.reader.close()
    probe.reader.assign(probe.partition, 0)
    await append(log, 'b')
    await clock.settle()

    expect(values(probe.records)).not.toContain('b')
    expect(probe.batches.length).toBeLessThanOrEqual(1)
  })
})

describe('the in-memory log', () => {
  /** Some owners of some ids, each doing what the seed says; answers what every partition holds, markers and all. */
  async function life(
    seed: number,
    shuffled: boolean,
  ): Promise<{ entries: unknown; committed: readonly string[]; read: readonly (string | null)[] }> {
    const random = mulberry32(seed)
    const log = memoryLog(shuffled ? { schedule: shuffledSchedule(seed) } : { clock: new ManualClock() })
    await log.admin.createTopics([{ name: 't', partitions: 1, replicationFactor: -1, config: {} }])
    const committed: string[] = []
    const owner = async (name: string): Promise<void> => {
      let producer = await log.openProducer(name)
      let open: string[] = []
      for (let step = 0; step < 30; step++) {
        const choice = random()
        if (choice < 0.6) {
          open.push(`${name}.${step}`)
          await producer.send([{ topic: 't', partition: 0, records: [outgoing(`${name}.${step}`)] }])
        } else if (choice < 0.8) {
          await producer.commit()
          committed.push(...open)
          open = []
        } else {
          producer = await log.openProducer(name)
          open = []
        }
      }
      await producer.commit()
      committed.push(...open)
    }
    await Promise.all(['a', 'b', 'c', 'd'].map(owner))
    const from = Math.floor(random() * 20)
    const entries = log.entries('t', 0).map(({ record, kind, state }) => [record.offset, kind, state, record.value?.toString()])
    const read = values((await readAll(log, 't', 0, from)).records)
    const below = new Set(
      log
        .entries('t', 0)
        .filter(({ record }) => record.offset < from)
        .map(({ record }) => Buffer.from(record.value ?? []).toString()),
    )
    await log.close()
    return { entries, committed: committed.filter((text) => !below.has(text)), read }
  }

  it('does the same for the same calls', async () => {
    for (const shuffled of [false, true]) expect(await life(7, shuffled)).toEqual(await life(7, shuffled))
    expect(await life(7, true)).not.toEqual(await life(8, true))
  })

  it('shows exactly what was committed, each owner in its own order, whatever the order of the requests', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { committed, read } = await life(seed, true)
      expect(read).toHaveLength(committed.length)
      expect(new Set(read)).toEqual(new Set(committed))
      for (const name of ['a', 'b', 'c', 'd']) {
        const ofOwner = (text: string | null): boolean => text?.startsWith(`${name}.`) ?? false
        expect(read.filter(ofOwner)).toEqual(committed.filter(ofOwner))
      }
    }
  })
})
