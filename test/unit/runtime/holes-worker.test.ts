import { describe, expect, it } from '@jest/globals'
import { json, text, topic, topology, type, valueState } from 'millrace'
import type { LogCall, LogOperation } from '../../../libs/memory/log-faults.ts'
import { outcomeUnknown } from '../../../libs/memory/memory-faults.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { Store } from '../../../libs/state/store.ts'
import { answers, clicks, counting, counts, memory } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

const click = { page: '/', at: 0 }
const INPUT = clicks.topic
const OUTPUT = counts.topic

/** User code that changes the object in its state in place: not forbidden where values are not frozen. */
const inPlace = topology('in-place', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .process('tally', {
      state: { tally: valueState<{ n: number }>() },
      emits: type<number>(),
      onRecord: (_click, { state, emit }) => {
        const tally = state.tally.get() ?? { n: 0 }
        tally.n += 1
        state.tally.set(tally)
        emit(tally.n)
      },
    })
    .to(counts)
})

/** State that grows with each record of a key. */
const lists = topic('lists', { key: text, value: json(type<{ readonly text: string; readonly at: number }>()) })
const growing = topology('growing', { version: 1 }, (flow) => {
  flow
    .stream(lists, { eventTime: (value) => value.at })
    .process('growing', {
      state: { all: valueState<string>() },
      timers: { soon: 'event-time' },
      emits: type<number>(),
      onRecord: ({ text: more, at }, { state, timers, emit }) => {
        if (more === 'later') timers.soon.at(at + 1)
        else state.all.set((state.all.get() ?? '') + more)
        emit((state.all.get() ?? '').length)
      },
      onTimer: { soon: (_at, { state }) => state.all.set('x'.repeat(20_000)) },
    })
    .to(counts)
})

function failOnce(app: MemoryApplication, wanted: LogOperation, when: 'before' | 'after', nth = 1): { readonly failed: () => number } {
  let seen = 0
  let failed = 0
  const hook = ({ operation, transactionalId }: LogCall): undefined => {
    if (operation !== wanted || transactionalId === undefined || ++seen !== nth) return undefined
    failed += 1
    throw outcomeUnknown(wanted)
  }
  app.log.faults = when === 'before' ? { before: hook } : { after: hook }
  return { failed: () => failed }
}

const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

describe('what may go wrong inside a worker', () => {
  it('H7 D1: an update is not lost when a read of the store is answered after the commit that changed its key', async () => {
    const app = await MemoryApplication.open(memory)
    const say = (page: string): Promise<void> => app.send(INPUT, 'ann', { page, at: 0 })
    const first = await app.run()
    await say('old')
    await app.settle()
    app.kill(first)
    const gates: (() => void)[] = []
    const { home } = first
    const slowReads = (store: Store): Store => ({
      getMany: async (keys) => {
        const values = await store.getMany(keys)
        await new Promise<void>((resolve) => gates.push(resolve))
        return values
      },
      get: (key) => store.get(key),
      scan: (range) => store.scan(range),
      write: (writes) => store.write(writes),
      clearRanges: (ranges, writes) => store.clearRanges(ranges, writes),
      sizeBytes: () => store.sizeBytes(),
      close: () => store.close(),
    })
    await app.run({ home, stores: { ...home, open: async (task) => slowReads(await home.open(task)) } })
    // Written without being read by the program; what the prefetch has read is 'old'.
    await say('new')
    await app.clock.settle()
    expect(gates).toHaveLength(1)
    for (const open of gates) open()
    await app.settle()
    await say('ask')
    await app.clock.settle()
    for (const open of gates) open()
    await app.settle()
    expect(await app.readText(answers.topic)).toEqual([['ann', 'new']])
    await app.close()
  })

  it.each([
    ['send', 'before'],
    ['send', 'after'],
    ['sendPositions', 'before'],
    ['sendPositions', 'after'],
    ['commit', 'before'],
    ['commit', 'after'],
  ] as const)(
    'H7 D2, H11: when %s fails (%s it is done), user code never sees an effect of its own that was thrown away',
    async (operation, when) => {
      const app = await MemoryApplication.open(inPlace)
      await app.run()
      for (let n = 0; n < 2; n += 1) {
        await app.send(INPUT, 'ann', click)
        await app.settle()
      }
      const { failed } = failOnce(app, operation, when)
      for (let n = 0; n < 3; n += 1) await app.send(INPUT, 'ann', click)
      await app.settle()
      expect(failed()).toBe(1)
      await app.send(INPUT, 'ann', click)
      await app.settle()
      expect(await app.readText(OUTPUT)).toEqual([1, 2, 3, 4, 5, 6].map((n) => ['ann', n]))
      expect(app.task('clicks.0').totals.processed).toBe(6)
      await app.close()
    },
  )

  it('H7 D2: a failed commit takes the layer that was built on it along', async () => {
    const app = await MemoryApplication.open(inPlace)
    await app.run()
    let fail: (error: Error) => void = () => undefined
    const held = new Promise<undefined>((_resolve, reject) => (fail = reject))
    let first = true
    app.log.faults = {
      before: ({ operation }) => {
        if (operation !== 'commit' || !first) return undefined
        first = false
        return held
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.clock.settle()
    await app.send(INPUT, 'ann', click)
    await app.clock.settle()
    expect(app.task('clicks.0').run?.hasWork).toBe(true)
    fail(outcomeUnknown('commit'))
    await app.settle()
    expect(await app.readText(OUTPUT)).toEqual([1, 2].map((n) => ['ann', n]))
    await app.close()
  })

  it.each(['before', 'after'] as const)(
    'H7 D3, H18: when the local store fails %s its write, the task is acquired again and nothing is lost',
    async (when) => {
      for (let at = 1; at <= 12; at += 1) {
        const home = memoryHome({ faultAt: (_task, write) => (write === at ? when : undefined) })
        const app = await MemoryApplication.open(counting)
        await app.run({ home })
        for (let n = 0; n < 6; n += 1) {
          await app.send(INPUT, n % 2 === 0 ? 'ann' : 'bob', click)
          await app.settle()
        }
        const expected = [1, 2, 3].flatMap((n) => [
          ['ann', n],
          ['bob', n],
        ])
        expect(await app.readText(OUTPUT)).toEqual(expected)
        expect(app.task('clicks.0').totals.processed).toBe(6)
        await app.close()
      }
    },
  )

  it('H11: after any failure the next request under the transactional id is its initialisation, never an abort or a second try', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    const seen: string[] = []
    let failed = false
    app.log.faults = {
      before: ({ operation, transactionalId }) => {
        if (transactionalId !== 'counting.v1.clicks.0' || operation === 'marker') return undefined
        seen.push(operation)
        if (operation !== 'send' || failed) return undefined
        failed = true
        throw outcomeUnknown('send')
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(seen.slice(0, 2)).toEqual(['send', 'openProducer'])
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it.each(['send', 'commit'] as const)(
    'H11: a %s that arrives late, in the time of the next transaction, changes nothing',
    async (late) => {
      const app = await MemoryApplication.open(counting)
      await app.run()
      let arrive: () => void = () => undefined
      const arrives = new Promise<void>((resolve) => (arrive = resolve))
      let lost = false
      let release: () => void = () => undefined
      let held: Promise<undefined> | undefined
      app.log.faults = {
        before: ({ operation }) => {
          if (operation === late && !lost) {
            lost = true
            return Promise.resolve({ fault: outcomeUnknown(late), arrives })
          }
          return operation === 'sendPositions' ? held : undefined
        },
      }
      await app.send(INPUT, 'ann', click)
      await app.settle()
      held = new Promise((resolve) => (release = () => resolve(undefined)))
      await app.send(INPUT, 'ann', click)
      await app.clock.settle()
      arrive()
      await app.clock.settle()
      release()
      held = undefined
      await app.settle()
      expect(app.log.unseenFaults).toHaveLength(1)
      expect(await app.readText(OUTPUT)).toEqual([1, 2].map((n) => ['ann', n]))
      await app.close()
    },
  )

  it('H11: a record whose change of state the broker refuses for good goes to the dead letters by the re-run, the others do not', async () => {
    const app = await MemoryApplication.open(growing)
    await app.run()
    app.log.alterTopic(app.internal('growing.changelog'), { 'max.message.bytes': '10000' })
    const send = (key: string, length: number): Promise<void> => app.send(lists.topic, key, { text: 'x'.repeat(length), at: 0 })
    for (const [key, length] of [
      ['ann', 5_000],
      ['bob', 10],
      ['ann', 6_000],
      ['bob', 20_000],
      ['ann', 100],
      ['cid', 1],
    ] as const)
      await send(key, length)
    await app.settle()
    const refused = await app.read(app.internal('dead-letters'))
    const header = (at: number, name: string): string =>
      Buffer.from(refused[at]?.headers.find(([found]) => found === name)?.[1] ?? []).toString()
    expect(refused.map((_, at) => [header(at, 'millrace-reason'), header(at, '__streams.errors.offset')])).toEqual([
      ['too-large', '2'],
      ['too-large', '3'],
    ])
    await send('ann', 1)
    await send('bob', 1)
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 5_101, bob: 11, cid: 1 })
    expect(app.task('lists.0').totals).toMatchObject({ processed: 6, refused: 2, deadLetters: 2 })
    await app.close()
  })

  it('H11: a timer whose change of state the broker refuses for good stops the task, and no record is blamed for it', async () => {
    const app = await MemoryApplication.open(growing)
    await app.run()
    app.log.alterTopic(app.internal('growing.changelog'), { 'max.message.bytes': '10000' })
    await app.send(lists.topic, 'ann', { text: 'later', at: 0 })
    for (let n = 0; n < 4; n += 1) await app.send(lists.topic, 'bob', { text: 'x', at: n * 10 })
    expect(code(await app.stopOf('lists.0'))).toBe('MR5035')
    expect(await app.read(app.internal('dead-letters'))).toEqual([])
    await app.close()
  })

  it('H11: user headers count: a result that is too large by its headers is refused with its record', async () => {
    const app = await MemoryApplication.open(inPlace)
    app.log.alterTopic(OUTPUT, { 'max.message.bytes': '10000' })
    const seat = await app.run()
    const headers = Array.from({ length: 60 }, (_, n): readonly [string, Buffer] => [`h${n}`, Buffer.alloc(200)])
    await app.log.append([
      {
        topic: INPUT,
        partition: 0,
        records: [{ key: Buffer.from('ann'), value: Buffer.from('{"page":"/","at":0}'), timestamp: 0, headers }],
      },
    ])
    await app.send(INPUT, 'ann', click)
    await app.settle()
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    expect(app.task('clicks.0').totals).toMatchObject({ processed: 1, refused: 1, deadLetters: 1 })
    expect(seat.notes.map(({ message }) => message).join()).not.toContain('the broker refuses')
    await app.close()
  })

  it('stops with its place when user code fails at a commit, where no record is in hand', async () => {
    const failing = topology('failing', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .count('per-user')
        .map((count) => {
          if (count === 2) throw new Error('two')
          return count
        })
        .to(counts)
    })
    const app = await MemoryApplication.open(failing)
    await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    await app.send(INPUT, 'ann', click)
    const fault = await app.stopOf('clicks.0')
    expect(code(fault)).toBe('MR5032')
    expect(fault.message).toContain('two')
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })
})
