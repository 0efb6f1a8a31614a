import { describe, expect, it } from '@jest/globals'
import { MARK_KEY } from '../../../libs/state/key-layout.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../../libs/state/memory-store.ts'
import type { LocalMark } from '../../../libs/state/task-state.ts'
import { answers, clicks, counting, counts, memory } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'

const HOUR = 3_600_000
const INPUT = clicks.topic
const CHANGELOG = 'memory.v1.memory.changelog'
const say = (app: MemoryApplication, page: string, key = 'ann'): Promise<void> => app.send(INPUT, key, { page, at: 0 })
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

async function markOf(home: MemoryHome, task: string): Promise<LocalMark> {
  const store = await home.open(task)
  const mark = JSON.parse(Buffer.from(store.get(MARK_KEY) ?? []).toString()) as LocalMark // Written by the state library.
  await store.close()
  return mark
}

async function ask(app: MemoryApplication, key = 'ann'): Promise<unknown> {
  await say(app, 'ask', key)
  await app.settle()
  return (await app.readText(answers.topic)).at(-1)?.[1]
}

/** A key is remembered at the first worker's disk; elsewhere it is dropped, and its tombstone purged. */
async function droppedElsewhere(app: MemoryApplication): Promise<void> {
  const other = await app.run()
  await say(app, 'drop')
  await app.settle()
  await app.stop(other)
  app.log.compact(CHANGELOG, { purgeTombstones: true })
}

describe('what a local store and a restore must not do', () => {
  it('H8: a store that was away for longer than half of delete.retention.ms is rebuilt: deleted keys do not come back', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    app.kill(first)
    await droppedElsewhere(app)
    app.clock.advance(13 * HOUR)
    const again = await app.run({ home: first.home })
    expect(await ask(app)).toBe('nothing')
    expect(again.notes.map(({ message }) => message).join()).toContain('more than half of delete.retention.ms')
    await app.close()
  })

  it('H8: a store that was away for less is continued, and reads only what is missing', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    app.kill(first)
    app.clock.advance(11 * HOUR)
    // What the store has already is not looked at: it could be gone.
    const change = app.log.entries(CHANGELOG, 0).find((entry) => entry.kind === 'data' && entry.record.key?.[0] === 2)
    app.log.expire(CHANGELOG, 0, (change?.kind === 'data' ? change.record.offset : 0) + 1)
    const again = await app.run({ home: first.home })
    expect(again.notes.map(({ message }) => message).join()).not.toContain('wiped')
    expect(await ask(app)).toBe('kept')
    await app.close()
  })

  it('H8: a worker that slept while another one owned its task does not call its store complete when it wakes', async () => {
    const app = await MemoryApplication.open(memory)
    const sleeper = await app.run()
    await say(app, 'kept')
    await app.settle()
    // Stopped as by SIGSTOP: it reads nothing either.
    const asleep = Promise.withResolvers<undefined>()
    app.log.faults = {
      before: ({ operation, connection }) => (operation === 'fetch' && connection === sleeper.connection.name ? asleep.promise : undefined),
    }
    app.log.freeze(sleeper.worker.identity.memberId)
    sleeper.alive = false
    await app.until(() => app.log.membersOf(app.group).length === 0, 'the group has expelled it')
    await droppedElsewhere(app)
    app.clock.advance(13 * HOUR)
    app.log.thaw(sleeper.worker.identity.memberId)
    asleep.resolve(undefined)
    sleeper.alive = true
    await app.settle()
    expect(await ask(app)).toBe('nothing')
    await app.close()
  })

  it('H8: a quiet store is proved complete by a commit when it is put away, so that a night of silence costs no rebuild', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    app.clock.advance(8 * HOUR)
    await app.stop(first)
    expect((await markOf(first.home, 'clicks.0')).completeAt).toBe(app.clock.now())
    app.clock.advance(8 * HOUR)
    const again = await app.run({ home: first.home })
    expect(again.notes.map(({ message }) => message).join()).not.toContain('wiped')
    expect(await ask(app)).toBe('kept')
    await app.close()
  })

  it('H8: a restore that itself takes longer than half of delete.retention.ms starts again', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    await app.stop(first)
    let slow = true
    app.log.faults = {
      before: ({ operation, topic }) => {
        if (operation === 'fetch' && topic === CHANGELOG && slow) {
          slow = false
          app.clock.jumpTo(app.clock.now() + 13 * HOUR)
        }
        return undefined
      },
    }
    const again = await app.run()
    expect(again.notes.map(({ message }) => message).join()).toContain('took longer than half of delete.retention.ms')
    expect(await ask(app)).toBe('kept')
    await app.close()
  })

  it('H8: a changelog without its first records is not taken for a smaller state: without a local store the task stops', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    await say(app, 'kept', 'bob')
    await app.settle()
    await app.stop(first)
    const change = app.log.entries(CHANGELOG, 0).find((entry) => entry.kind === 'data' && entry.record.key?.[0] === 2)
    app.log.expire(CHANGELOG, 0, (change?.kind === 'data' ? change.record.offset : 0) + 1)
    const complete = await app.run({ home: first.home })
    expect(await ask(app)).toBe('kept')
    await app.stop(complete)
    await app.start()
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5014')
    await app.close()
  })

  it('H9: a changelog that ends in aborted records and markers is restored up to the own fence, and no further is waited for', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run({ dies: { at: 'before-end-of-transaction', nth: 3 } })
    await app.send(INPUT, 'ann', { page: '/', at: 0 })
    await app.settle()
    await app.send(INPUT, 'ann', { page: '/', at: 0 })
    await app.until(() => !first.alive, 'the worker dies with an open transaction')
    await app.run()
    expect(await app.readText(counts.topic)).toEqual([1, 2].map((n) => ['ann', n]))
    await app.close()
  })

  it('H9: a transaction that nobody ends makes a restore stop with its place, never end early', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    await app.stop(first)
    const hanging = await app.log.openProducer('somebody', { transactionTimeoutMs: 900_000 })
    await hanging.send([{ topic: CHANGELOG, partition: 0, records: [{ key: Buffer.from([0]), value: null, timestamp: 0, headers: [] }] }])
    const second = await app.start()
    const fault = await app.stopOf('clicks.0')
    expect(code(fault)).toBe('MR5011')
    expect(fault.message).toContain(`${CHANGELOG}-0`)
    expect(app.clock.monotonic()).toBeGreaterThanOrEqual(60_000)
    expect(second.worker.tasks.get('clicks.0')?.history.commits).toBe(0)
    await app.close()
  })

  it('H9: a transaction that its coordinator ends in time only delays the restore', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    await app.stop(first)
    const dead = await app.log.openProducer('somebody', { transactionTimeoutMs: 30_000 })
    await dead.send([{ topic: CHANGELOG, partition: 0, records: [{ key: Buffer.from([0]), value: null, timestamp: 0, headers: [] }] }])
    await app.run()
    expect(await ask(app)).toBe('kept')
    await app.close()
  })

  it('H18: a worker that dies in the middle of a restore goes on there, with values and mark of one moment', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    const big = (n: number): string => `${n}`.padEnd(700_000, '.')
    for (let n = 0; n < 6; n += 1) {
      await say(app, big(n), `user-${n}`)
      await app.settle()
    }
    await app.stop(first)
    const home = memoryHome()
    let fetches = 0
    app.log.faults = {
      before: ({ operation, topic }) => {
        if (operation === 'fetch' && topic === CHANGELOG && ++fetches === 4) app.kill(second)
        return undefined
      },
    }
    const second: Seat = app.launch({ home }).seat
    await app.until(() => second.killed, 'it dies in the restore')
    app.log.faults = {}
    const half = await markOf(home, 'clicks.0')
    expect(half.complete).toBe(false)
    const third = await app.run({ home })
    const restore = third.notes.map(({ message }) => message).join()
    expect(restore).not.toContain('wiped')
    expect(half.changelogs['memory']).toBeGreaterThan(0)
    for (let n = 0; n < 6; n += 1) expect(await ask(app, `user-${n}`)).toBe(big(n))
    await app.close()
  })

  it('H18: damaged files, and a store that does not say what it holds, are wiped and rebuilt from the changelog', async () => {
    for (const harm of ['files', 'mark'] as const) {
      const app = await MemoryApplication.open(memory)
      const first = await app.run()
      await say(app, 'kept')
      await app.settle()
      await app.stop(first)
      if (harm === 'files') first.home.damage('clicks.0')
      else {
        const store = await first.home.open('clicks.0')
        await store.write([{ key: MARK_KEY, value: Buffer.from('{"half') }])
        await store.close()
      }
      const second = await app.run({ home: first.home })
      expect(second.notes.map(({ message }) => message).join()).toContain('wiped')
      expect(await ask(app)).toBe('kept')
      await app.close()
    }
  })

  it('waits for a store that is still in use, and takes it when it is given back', async () => {
    const app = await MemoryApplication.open(memory)
    const home = memoryHome()
    const inUse = await home.open('clicks.0')
    const seat = await app.start({ home })
    await app.until(() => seat.notes.some(({ message }) => message.includes('in use')), 'it says what it waits for')
    await app.clock.pass(1_000)
    expect(seat.worker.tasks.get('clicks.0')?.state).not.toBe('stopped')
    await inUse.close()
    await app.settle()
    await say(app, 'kept')
    expect(await ask(app)).toBe('kept')
    await app.close()
  })
})
