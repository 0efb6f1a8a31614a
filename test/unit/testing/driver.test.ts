import { describe, expect, it } from '@jest/globals'
import { json, mapState, milliseconds, minutes, text, topic, topology, type, valueState } from 'millrace'
import type { Topology } from 'millrace'
import { driver } from 'millrace/testing'

const words = topic('words', { key: text, value: text })
const lengths = topic('lengths', { key: text, value: json(type<number>()) })
const alarms = topic('alarms', { key: text, value: text })

const lengthSum: Topology = topology('length-sum', { version: 1 }, (flow) => {
  flow
    .stream(words)
    .aggregate('sum', { initial: () => 0, add: (sum, word) => sum + word.length })
    .to(lengths)
})

const quiet: Topology = topology('quiet', { version: 1 }, (flow) => {
  flow
    .stream(words)
    .process('silence', {
      state: { last: valueState<string>(), seen: mapState<string, number>() },
      timers: { quiet: 'processing-time' },
      emits: type<string>(),
      onRecord: (word, { state, timers }) => {
        state.last.set(word)
        state.seen.set(word, (state.seen.get(word) ?? 0) + 1)
        timers.quiet.after(minutes(5))
      },
      onTimer: { quiet: (_at, { state, emit }) => emit(`nothing since ${state.last.get() ?? ''}`) },
    })
    .to(alarms)
})

describe('the topology driver', () => {
  it('reads only what was committed since the last read', async () => {
    const app = await driver(lengthSum)
    app.topic(words).send({ key: 'a', value: 'one' })
    expect(await app.topic(lengths).read()).toMatchObject([{ key: 'a', value: 3 }])
    expect(await app.topic(lengths).read()).toEqual([])
    app.topic(words).send({ key: 'a', value: 'three' })
    expect(await app.topic(lengths).read()).toMatchObject([{ key: 'a', value: 8 }])
    await app.close()
  })

  it('shows committed state, over all partitions', async () => {
    const app = await driver(lengthSum, { partitions: 3 })
    for (const key of ['a', 'b', 'c', 'd']) app.topic(words).send({ key, value: key.repeat(4) })
    await app.topic(lengths).read()
    expect(new Map(app.store('sum').entries() as [string, number][])).toEqual(
      new Map([
        ['a', 4],
        ['b', 4],
        ['c', 4],
        ['d', 4],
      ]),
    )
    expect(app.store('sum').get('c')).toBe(4)
    expect(app.store('sum').get('z')).toBeUndefined()
    await app.close()
  })

  it('fires processing-time timers when the clock is moved by hand, once, also after a crash', async () => {
    const app = await driver(quiet)
    app.topic(words).send({ key: 'a', value: 'hello' })
    await app.crash('after-end-of-transaction')
    expect(await app.topic(alarms).read()).toEqual([])
    expect(app.crashes).toBe(1)
    await app.advanceClock(minutes(4))
    expect(await app.topic(alarms).read()).toEqual([])
    await app.advanceClock(minutes(2))
    expect((await app.topic(alarms).read()).map(({ value }) => value)).toEqual(['nothing since hello'])
    await app.advanceClock(minutes(20))
    expect(await app.topic(alarms).read()).toEqual([])
    expect(app.store('silence').get('a', 'last')).toBe('hello')
    expect(app.store('silence').entries('seen')).toEqual([[['a', 'hello'], 1]])
    await app.close()
  })

  it('fails when user code changes a value of the state in place', async () => {
    const leaky = topology('leaky', { version: 1 }, (flow) => {
      flow.stream(words).process('list', {
        state: { all: valueState<string[]>() },
        onRecord: (word, { state }) => {
          const all = state.all.get() ?? []
          all.push(word)
          state.all.set(all)
        },
      })
    })
    const app = await driver(leaky)
    app.topic(words).send({ key: 'a', value: 'one' })
    app.topic(words).send({ key: 'a', value: 'two' })
    expect((await app.refused()).map(({ reason, message }) => [reason, message])).toEqual([
      ['user-code', expect.stringContaining('not extensible')],
    ])
    await app.close()
  })

  it('refuses a value that user code has changed in place and that goes to the next stage as it was read', async () => {
    const notes = topic('notes', { key: text, value: json(type<{ words: string[] }>()) })
    const leaky = topology('leaky', { version: 1 }, (flow) => {
      flow
        .stream(notes)
        .keyBy('first', ({ words }) => words.sort()[0] ?? '')
        .count('count')
    })
    const app = await driver(leaky)
    app.topic(notes).send({ key: 'a', value: { words: ['a', 'b'] } })
    app.topic(notes).send({ key: 'a', value: { words: ['b', 'a'] } })
    expect((await app.refused()).map(({ reason, message }) => [reason, message])).toEqual([
      ['user-code', expect.stringContaining('changed a value in place')],
    ])
    await app.close()
  })

  it('says which topics and steps there are when it is asked for another one', async () => {
    const app = await driver(lengthSum)
    expect(() => app.topic(alarms)).toThrow('length-sum neither reads nor writes alarms; it has words, lengths')
    expect(() => app.store('summ')).toThrow('has no stateful step summ; it has sum')
    expect(() => app.topic(words).send({ key: 'a', value: 'x', partition: 7 })).toThrow('has partitions 0 to 0, not 7')
    await app.close()
  })

  it('refuses records from the far future, as production does', async () => {
    const app = await driver(lengthSum, { now: '2026-01-01T00:00:00Z' })
    app.topic(words).send({ key: 'a', value: 'x', timestamp: '2026-02-01T00:00:00Z' })
    expect((await app.refused()).map(({ reason }) => reason)).toEqual(['future'])
    await app.advanceClock(milliseconds(0))
    await app.close()
  })
})
