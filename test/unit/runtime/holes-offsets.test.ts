import { describe, expect, it } from '@jest/globals'
import type { LogCall } from '../../../libs/memory/log-faults.ts'
import { outcomeUnknown } from '../../../libs/memory/memory-faults.ts'
import type { CommittedPosition, Log, LogAdmin, PartitionId } from '../../../libs/runtime/ports/log.ts'
import { answers, clicks, counting, counts, memory } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

const click = { page: '/', at: 0 }
const INPUT = clicks.topic
const OUTPUT = counts.topic

/** A log that answers something of its own for the group's offsets. */
function withCommitted(log: Log, committed: LogAdmin['committed']): Log {
  const replaced = <T extends object>(target: T, name: string, value: unknown): T =>
    new Proxy(target, {
      get: (of, property) => {
        const own: unknown = property === name ? value : Reflect.get(of, property)
        return typeof own === 'function' ? own.bind(of) : own
      },
    })
  return replaced(log, 'admin', replaced(log.admin, 'committed', committed))
}

const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

describe('what C, the committed offsets, and S, the state, say together', () => {
  it('H1a: an answer for C that is older than S but ours is no rewind: asked again, and nothing is reset', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    for (let n = 0; n < 3; n += 1) {
      await app.send(INPUT, 'ann', click)
      await app.settle()
    }
    app.kill(first)
    const old = new Map<PartitionId, CommittedPosition>([
      [`${INPUT}:0`, { position: 1, metadata: (await app.committed(INPUT))?.metadata.replace(/\d+$/, '2') ?? '' }],
    ])
    let asked = 0
    await app.run({
      home: first.home,
      seenAs: (connection) =>
        withCommitted(connection, async (group, partitions) => {
          asked += 1
          return asked <= 3 ? old : await connection.admin.committed(group, partitions)
        }),
    })
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(asked).toBe(4)
    expect(await app.readText(OUTPUT)).toEqual([1, 2, 3, 4].map((n) => ['ann', n]))
    await app.close()
  })

  it('H1a: an answer for C that stays older than S is given up, and S is committed again', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    const before = await app.committed(INPUT)
    app.kill(first)
    const old = new Map([[`${INPUT}:0` as const, { position: 0, metadata: before?.metadata.replace(/\d+$/, '1') ?? '' }]])
    await app.run({ home: first.home, seenAs: (connection) => withCommitted(connection, () => Promise.resolve(old)) })
    const after = await app.committed(INPUT)
    expect(after?.position).toBe(before?.position)
    expect(Number(after?.metadata.split(';')[3])).toBe(Number(before?.metadata.split(';')[3]) + 1)
    await app.close()
  })

  it('H1b: offsets, changelogs and control topic are read only after the transactional id was taken over', async () => {
    const app = await MemoryApplication.open(counting)
    const seen: string[] = []
    let release: () => void = () => undefined
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
    let joined = false
    app.log.faults = {
      before: (call: LogCall) => {
        if (call.operation === 'join') joined = true
        if (joined && call.operation !== 'join') seen.push(`${call.operation} ${call.topic ?? ''}`.trim())
        return call.operation === 'openProducer' && call.transactionalId === 'counting.v1.clicks.0' ? held : undefined
      },
    }
    await app.start()
    await app.clock.settle()
    expect(seen).toEqual(['openProducer'])
    release()
    await app.settle()
    expect(seen.indexOf('committed')).toBeGreaterThan(seen.indexOf('commit'))
    await app.close()
  })

  it('H1c, H12: a worker that another one has overtaken while it restored neither stops nor announces a rewind', async () => {
    const app = await MemoryApplication.open(counting)
    let release: () => void = () => undefined
    const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
    let slowly: string | undefined
    app.log.faults = {
      before: ({ operation, connection }) => {
        if (operation !== 'committed') return undefined
        slowly ??= connection
        return connection === slowly ? held : undefined
      },
    }
    const slow = await app.start()
    await app.until(() => app.task('clicks.0').state === 'restoring', 'the first worker restores')
    app.log.freeze(slow.worker.identity.memberId)
    slow.alive = false
    const fast = await app.run()
    for (let n = 0; n < 3; n += 1) {
      await app.send(INPUT, 'ann', click)
      await app.settle()
    }
    slow.alive = true
    release()
    await app.clock.pass(100)
    app.log.thaw(slow.worker.identity.memberId)
    await app.until(() => slow.worker.state === 'running', 'the first worker is a member again')
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(slow.worker.fault ?? fast.worker.fault).toBeUndefined()
    expect(slow.notes.filter(({ level }) => level === 'error')).toEqual([])
    expect(await app.readText(OUTPUT)).toEqual([1, 2, 3, 4].map((n) => ['ann', n]))
    await app.close()
  })

  it('H1d: offsets that arrive late, after their sender gave up, never replace newer ones', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    let arrive: () => void = () => undefined
    const arrives = new Promise<void>((resolve) => (arrive = resolve))
    let lost = 0
    app.log.faults = {
      before: (call) => {
        if (call.operation !== 'sendPositions' || lost > 0) return undefined
        lost += 1
        return Promise.resolve({ fault: outcomeUnknown('the offsets'), arrives })
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    arrive()
    await app.clock.settle()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(lost).toBe(1)
    expect(app.log.unseenFaults).toHaveLength(1)
    expect((await app.committed(INPUT))?.position).toBe(3)
    expect(await app.readText(OUTPUT)).toEqual([1, 2, 3].map((n) => ['ann', n]))
    await app.close()
  })

  it('H2: offsets that we committed without the state that belongs to them stop the task; nothing starts with empty state', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    for (const name of ['clicks.commits', 'per-user.changelog']) await madeAgain(app, app.internal(name))
    await app.start()
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5023')
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it('H2: neither offsets nor state, although the task has run: it stops instead of writing everything again', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    for (const name of ['clicks.commits', 'per-user.changelog']) await madeAgain(app, app.internal(name))
    app.log.expirePositions(app.group)
    await app.start()
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5024')
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it('H2: a changelog with state that no commit record explains is not taken over by a new life of the application', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.stop(first)
    for (const name of ['control', 'clicks.commits']) await madeAgain(app, app.internal(name))
    app.log.expirePositions(app.group)
    await app.start()
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5015')
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it('H2: offsets that a user sets before the very first run are where it starts', async () => {
    const app = await MemoryApplication.open(counting)
    for (let n = 0; n < 4; n += 1) await app.send(INPUT, 'ann', click)
    await app.moveOffsets({ [`${INPUT}:0`]: 3 })
    await app.run()
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it('H5: a worker that the group has expelled commits nothing, and a move made meanwhile is seen when it comes back', async () => {
    const app = await MemoryApplication.open(counting)
    const only = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    app.log.freeze(only.worker.identity.memberId)
    await app.moveOffsets({ [`${INPUT}:0`]: 0 })
    await app.send(INPUT, 'ann', click)
    await app.clock.pass(5_000)
    expect(await app.committed(INPUT)).toEqual({ position: 0, metadata: '' })
    app.log.thaw(only.worker.identity.memberId)
    await app.until(() => only.worker.state === 'running', 'the worker is a member again')
    await app.settle()
    expect((await app.committed(INPUT))?.position).toBe(2)
    expect(only.worker.tasks.get('clicks.0')?.history.resets).toBe(1)
    expect(await app.readText(OUTPUT)).toEqual([1, 2].map((n) => ['ann', n]))
    await app.close()
  })

  it('H5: a task that is kept over a rebalance compares its offsets again', async () => {
    const app = await MemoryApplication.open(counting)
    const only = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    app.log.expirePositions(app.group)
    const { generation } = only.worker.identity
    only.worker.rejoin()
    await app.until(() => only.worker.identity.generation > generation, 'the group has rebalanced')
    await app.settle()
    expect((await app.committed(INPUT))?.position).toBe(1)
    await app.close()
  })

  it('H12: a worker that was fenced does not fence the new owner before a heartbeat has told it whether it still is a member', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    app.log.freeze(first.worker.identity.memberId)
    const second = await app.start()
    await app.until(() => second.worker.tasks.get('clicks.0')?.state === 'running', 'the second worker has taken over')
    const opened: string[] = []
    app.log.faults = {
      before: ({ operation, connection }) => {
        if (operation === 'openProducer') opened.push(connection)
        return undefined
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.until(() => first.worker.tasks.get('clicks.0')?.history.fenced === 1, 'the first worker was refused')
    await app.clock.pass(2_000)
    expect(opened).not.toContain(first.connection.name)
    app.log.thaw(first.worker.identity.memberId)
    await app.until(() => first.worker.state === 'running', 'the first worker is a member again')
    await app.settle()
    expect(await app.readText(OUTPUT)).toEqual([1, 2].map((n) => ['ann', n]))
    await app.close()
  })

  it('H12: offsets newer than the state, found by the undisturbed owner twice, mean that the log has lost its tail: the task stops', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    app.kill(first)
    const commits = app.log.entries(app.internal('clicks.commits'), 0)
    const last = commits.findLast((entry) => entry.kind === 'data')
    app.log.truncate(app.internal('clicks.commits'), 0, last?.kind === 'data' ? last.record.offset : 0)
    const second = await app.start({ home: first.home })
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5020')
    expect(second.notes.filter(({ message }) => message.includes('newer than the state')).length).toBeGreaterThan(1)
    await app.close()
  })

  it('H13: where a first run starts is committed before anything is read, so that a crash does not move it', async () => {
    const app = await MemoryApplication.open(memory, { settings: { startAt: 'latest' } })
    await app.send(INPUT, 'ann', { page: 'old', at: 0 })
    const first = await app.run()
    app.kill(first)
    await app.send(INPUT, 'ann', { page: 'new', at: 0 })
    await app.send(INPUT, 'ann', { page: 'ask', at: 0 })
    await app.run()
    expect(await app.readText(answers.topic)).toEqual([['ann', 'new']])
    await app.close()
  })

  it('H13: partitions added to an input are refused, since keys would move away from their state', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.stop(first)
    app.log.addPartitions(INPUT, 2)
    await expect(app.start({ home: first.home })).rejects.toMatchObject({ code: expect.stringMatching(/MR500[35]/) })
    await app.close()
  })
})

async function madeAgain(app: MemoryApplication, topic: string): Promise<void> {
  const { partitions } = (await app.log.admin.describeTopics([topic])).get(topic) ?? { partitions: 1 }
  const config = await app.log.admin.topicConfig(topic)
  await app.log.admin.deleteTopics([topic])
  await app.log.admin.createTopics([{ name: topic, partitions, replicationFactor: 1, config }])
}
