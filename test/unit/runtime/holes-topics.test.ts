import { describe, expect, it } from '@jest/globals'
import { planOf } from '../../../libs/dataflow/topology.ts'
import { topology } from 'millrace'
import { wire } from '../../../libs/runtime/worker/wiring.ts'
import { decodeCommitRecord } from '../../../libs/runtime/task/commit-record.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { clicks, counting, counts, merging, twoStages, views } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

const click = { page: '/', at: 0 }
const INPUT = clicks.topic
const OUTPUT = counts.topic
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

async function madeAgain(app: MemoryApplication, topic: string): Promise<void> {
  const { partitions } = (await app.log.admin.describeTopics([topic])).get(topic) ?? { partitions: 1 }
  const config = await app.log.admin.topicConfig(topic)
  await app.log.admin.deleteTopics([topic])
  await app.log.admin.createTopics([{ name: topic, partitions, replicationFactor: 1, config }])
}

/** `counting` with one store more. */
const withAnotherStore = topology('counting', { version: 1 }, (flow) => {
  const stream = flow.stream(clicks)
  stream.count('another').to(counts)
  stream.count('per-user').to(counts)
})

describe('what internal topics and names must not do', () => {
  it('H3: a stateless sub-topology has a commit topic of its own, which says where it stands', async () => {
    const app = await MemoryApplication.open(twoStages)
    await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    const records = (await app.read(app.internal('clicks.commits'))).flatMap(
      ({ value }) => decodeCommitRecord(value ?? Buffer.alloc(0)) ?? [],
    )
    expect(records.at(-1)).toMatchObject({ epoch: 1, status: 'running', positions: { [`${INPUT}:0`]: 1 } })
    await app.close()
  })

  it('H3: a release with other stores is refused before it touches anything', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.stop(first)
    const before = app.log.entries(app.internal('clicks.commits'), 0).length
    await expect(app.start({ home: first.home, release: withAnotherStore })).rejects.toMatchObject({ code: 'MR5003' })
    expect(app.log.entries(app.internal('clicks.commits'), 0)).toHaveLength(before)
    await app.close()
  })

  it.each([
    ['clicks.commits', { 'cleanup.policy': 'compact,delete' }],
    ['per-user.changelog', { 'cleanup.policy': 'compact,delete' }],
    ['per-user.changelog', { 'delete.retention.ms': '1000' }],
    ['control', { 'cleanup.policy': 'delete' }],
  ])('H3, H4, H8: %s with %j is refused at start', async (name, config) => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.stop(first)
    app.log.alterTopic(app.internal(name), config)
    await expect(app.start({ home: first.home })).rejects.toMatchObject({ code: 'MR5005' })
    await app.close()
  })

  it('H4: user keys that look like our own records are neither lost by compaction nor taken for them', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    const keys = ['\u0000', '\u0001', '\u0002', 'c', 'f', 'ann']
    for (const key of [...keys, ...keys]) await app.send(INPUT, key, click)
    await app.settle()
    await app.stop(first)
    for (const name of ['per-user.changelog', 'clicks.commits', 'control']) app.log.compact(app.internal(name), { purgeTombstones: true })
    await app.run()
    for (const key of keys) await app.send(INPUT, key, click)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual(Object.fromEntries(keys.map((key) => [key, 3])))
    await app.close()
  })

  it('H4: the newest commit record is found before and after compaction, behind any number of fences', async () => {
    const app = await MemoryApplication.open(counting)
    let { home } = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    for (let life = 0; life < 40; life += 1) {
      const [seat] = app.seats.filter(({ alive }) => alive)
      if (seat !== undefined) app.kill(seat)
      if (life === 30) app.log.compact(app.internal('clicks.commits'))
      ;({ home } = await app.run({ home }))
    }
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(await app.readText(OUTPUT)).toEqual([1, 2].map((n) => ['ann', n]))
    await app.close()
  })

  it('H10: a local store of another life of the application is thrown away', async () => {
    const home = memoryHome()
    const other = await MemoryApplication.open(counting)
    const stranger = await other.run({ home })
    for (let n = 0; n < 5; n += 1) await other.send(INPUT, 'ann', click)
    await other.settle()
    await other.stop(stranger)
    await other.close()
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    for (let n = 0; n < 9; n += 1) {
      await app.send(INPUT, 'bob', click)
      await app.settle()
    }
    await app.stop(first)
    const second = await app.run({ home })
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ bob: 9, ann: 1 })
    expect(second.notes.map(({ message }) => message).join()).toContain('its state id differs')
    await app.close()
  })

  it.each([
    ['made again', (app: MemoryApplication, name: string) => madeAgain(app, name)],
    ['truncated', async (app: MemoryApplication, name: string) => app.log.truncate(name, 0, 3)],
  ])('H10: a changelog that was %s stops the task, and the local store is kept for whoever must save it', async (_, harm) => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    for (let n = 0; n < 5; n += 1) {
      await app.send(INPUT, `user-${n}`, click)
      await app.settle()
    }
    await app.stop(first)
    await harm(app, app.internal('per-user.changelog'))
    const second = await app.start({ home: first.home })
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5016')
    expect(await first.home.list()).toEqual(['clicks.0'])
    expect(second.notes.map(({ message }) => message).join()).not.toContain('wiped')
    await app.close()
  })

  it('H10: a local store that stands behind the end of the commit topic is not believed', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    const ends = app.log.entries(app.internal('clicks.commits'), 0)
    const last = ends.findLast((entry) => entry.kind === 'data')
    app.log.truncate(app.internal('clicks.commits'), 0, last?.kind === 'data' ? last.record.offset : 0)
    app.log.expirePositions(app.group)
    const second = await app.start({ home: first.home })
    await app.until(() => app.task('clicks.0').state === 'running', 'it runs from what the log knows')
    expect(second.notes.map(({ message }) => message).join()).toContain('the log has lost its tail')
    await app.close()
  })

  it.each([
    ['made again and is shorter', 1],
    ['made again and is longer', 9],
  ])('H10, H13: an input that was %s stops the task', async (_, records) => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    for (let n = 0; n < 3; n += 1) await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    await madeAgain(app, INPUT)
    for (let n = 0; n < records; n += 1) await app.send(INPUT, 'bob', { page: '/', at: 7 })
    await app.start({ home: first.home })
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5027')
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 3 })
    await app.close()
  })

  it('H10: an input that is truncated and grown again while it is read stops the task', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    for (let n = 0; n < 3; n += 1) await app.send(INPUT, 'ann', click)
    await app.settle()
    app.log.truncate(INPUT, 0, 1)
    await app.send(INPUT, 'bob', click)
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5027')
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 3 })
    await app.close()
  })

  it('H14: a topic that is read twice belongs to one sub-topology, so that one task commits its offsets', () => {
    const twice = topology('twice', { version: 1 }, (flow) => {
      flow.stream(clicks).count('one').to(counts)
      flow.stream(clicks).count('two').to(counts)
    })
    const wiring = wire(
      planOf(twice),
      new Map([
        [INPUT, 2],
        [OUTPUT, 2],
      ]),
    )
    const inputs = wiring.tasks.flatMap((task) => task.inputs.map(({ id }) => id))
    expect(inputs.toSorted()).toEqual([`${INPUT}:0`, `${INPUT}:1`])
  })

  it('H15: gaps of compaction and of aborted transactions in an input are passed without asking for them again', async () => {
    const app = await MemoryApplication.open(counting)
    app.log.alterTopic(INPUT, { 'cleanup.policy': 'compact' })
    for (const key of ['ann', 'bob', 'ann', 'cid', 'ann']) await app.send(INPUT, key, click)
    app.log.compact(INPUT)
    const aborted = await app.log.openProducer('somebody')
    await aborted.send([
      { topic: INPUT, partition: 0, records: [{ key: Buffer.from('eve'), value: Buffer.from('{}'), timestamp: 0, headers: [] }] },
    ])
    await app.log.openProducer('somebody')
    await app.send(INPUT, 'dan', click)
    let fetches = 0
    app.log.faults = {
      before: ({ operation, topic }) => {
        if (operation === 'fetch' && topic === INPUT) fetches += 1
        return undefined
      },
    }
    await app.run()
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 1, bob: 1, cid: 1, dan: 1 })
    expect((await app.committed(INPUT))?.position).toBe(8)
    expect(fetches).toBeLessThan(5)
    await app.close()
  })

  it('H15: an input whose tail is control records only is drained: the offsets stand at its end', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    await app.send(INPUT, 'ann', click)
    const aborted = await app.log.openProducer('somebody')
    await aborted.send([{ topic: INPUT, partition: 0, records: [{ key: null, value: null, timestamp: 0, headers: [] }] }])
    await app.log.openProducer('somebody')
    await app.settle()
    expect((await app.committed(INPUT))?.position).toBe(3)
    await app.close()
  })

  it('H17: transactional ids are made of names, so that a release with another flow before this one fences the old one', () => {
    const ids = (release: ReturnType<typeof topology>): string[] =>
      wire(
        planOf(release),
        new Map([
          [INPUT, 1],
          [views.topic, 1],
          [OUTPUT, 1],
        ]),
      ).tasks.map((task) => task.transactionalId)
    const before = topology('shop', { version: 1 }, (flow) => {
      flow.stream(views).count('viewed').to(counts)
    })
    const after = topology('shop', { version: 1 }, (flow) => {
      flow.stream(clicks).count('clicked').to(counts)
      flow.stream(views).count('viewed').to(counts)
    })
    expect(ids(before)).toEqual(['shop.v1.views.0'])
    expect(ids(after)).toContain('shop.v1.views.0')
  })

  it('H13: the smallest name of several inputs names the sub-topology, in whatever order they are written', () => {
    const swapped = topology('merging', { version: 1 }, (flow) => {
      flow.merge(flow.stream(views), flow.stream(clicks)).count('per-user').to(counts)
    })
    expect(planOf(swapped).subTopologies.map(({ name }) => name)).toEqual(planOf(merging).subTopologies.map(({ name }) => name))
  })
})
