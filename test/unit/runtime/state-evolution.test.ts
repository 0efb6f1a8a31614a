/** Releases of one version that keep the state of the one before: values of another shape, steps of another name; and what is refused. */
import { describe, expect, it } from '@jest/globals'
import { hopping, json, listState, mapState, minutes, seconds, text, topic, topology, tumbling, type, valueState, windowed } from 'millrace'
import type { Topology } from 'millrace'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import { clicks, counts } from '../../support/hole-topologies.ts'

const updates = topic('updates', { key: windowed(text), value: json(type<string>()) })
const totals = topic('totals', { key: text, value: json(type<unknown>()) })

const plain = topology('evolving', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .aggregate('sum', { initial: () => 0, add: (total) => total + 1 })
    .to(totals)
})

interface Total {
  readonly n: number
  readonly pages: readonly string[]
}
const upgradeTotal = (old: unknown): Total => ({ n: old as number, pages: ['?'] })

const shaped = topology('evolving', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .aggregate('sum', {
      initial: (): Total => ({ n: 0, pages: [] }),
      add: ({ n, pages }, { page }) => ({ n: n + 1, pages: [...pages, page] }),
      version: 2,
      upgrade: upgradeTotal,
    })
    .to(totals)
})

async function after(first: Topology): Promise<{ app: MemoryApplication; home: ReturnType<typeof memoryHome> }> {
  const app = await MemoryApplication.open(first)
  const seat = await app.run()
  await app.send('clicks', 'a', { page: '/1', at: 0 })
  await app.send('clicks', 'b', { page: '/1', at: 0 })
  await app.settle()
  await app.stop(seat)
  return { app, home: seat.home }
}

describe('a release that changes the shape of its state', () => {
  it.each(['its disk', 'an empty disk'])('goes on with the values of the former one, from %s', async (disk) => {
    const { app, home } = await after(plain)
    await app.run({ release: shaped, home: disk === 'its disk' ? home : memoryHome() })
    await app.send('clicks', 'a', { page: '/2', at: 1 })
    await app.settle()
    expect(await app.lastText('totals')).toEqual({ a: { n: 2, pages: ['?', '/2'] }, b: 1 })
    await app.close()
  })

  it('reads old and new values side by side, also after another restart', async () => {
    const { app } = await after(plain)
    const second = await app.run({ release: shaped })
    await app.send('clicks', 'a', { page: '/2', at: 1 })
    await app.settle()
    await app.stop(second)
    await app.run({ release: shaped })
    await app.send('clicks', 'a', { page: '/3', at: 2 })
    await app.send('clicks', 'b', { page: '/3', at: 2 })
    await app.settle()
    expect(await app.lastText('totals')).toEqual({ a: { n: 3, pages: ['?', '/2', '/3'] }, b: { n: 2, pages: ['?', '/3'] } })
    await app.close()
  })

  it('keeps the former release from starting again', async () => {
    const { app } = await after(plain)
    const second = await app.run({ release: shaped })
    await app.stop(second)
    await expect(app.start({ release: plain })).rejects.toMatchObject({
      code: 'MR5003',
      message: expect.stringContaining('rows of sum has version 2, and this release knows 1'),
    })
    await app.close()
  })

  it('stops a worker of the former release that still runs, when it meets a value of the new one', async () => {
    const app = await MemoryApplication.open(plain, { partitions: 2 })
    const old = await app.run()
    const second = await app.run({ release: shaped })
    const moved = [...second.worker.tasks.keys()]
    expect(moved).toHaveLength(1)
    const partition = Number(moved[0]?.at(-1))
    await app.send('clicks', 'a', { page: '/1', at: 0 }, { partition })
    await app.settle()
    await app.stop(second)
    await app.send('clicks', 'a', { page: '/2', at: 1 }, { partition })
    expect(await app.stopOf(String(moved[0]))).toMatchObject({ code: 'MR4050', message: expect.stringContaining('rows of sum') })
    // What it knows goes on.
    expect([...old.worker.tasks.values()].map(({ name, state }) => [name, state])).toContainEqual([`clicks.${1 - partition}`, 'running'])
    expect(await app.lastText('totals')).toEqual({ a: { n: 1, pages: ['/1'] } })
  })

  it('takes an upgrade that fails for what it is: the task stops, nothing is changed', async () => {
    const { app } = await after(plain)
    const broken = topology('evolving', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .aggregate('sum', {
          initial: (): Total => ({ n: 0, pages: [] }),
          add: ({ n, pages }) => ({ n: n + 1, pages }),
          version: 2,
          upgrade: () => {
            throw new Error('not this one')
          },
        })
        .to(totals)
    })
    await app.run({ release: broken })
    await app.send('clicks', 'a', { page: '/2', at: 1 })
    expect(await app.stopOf('clicks.0')).toMatchObject({ code: 'MR4051', message: expect.stringContaining('rows of sum') })
    expect(await app.lastText('totals')).toEqual({ a: 1, b: 1 })
  })

  it('upgrades every kind of cell', async () => {
    const build = (version: number): Topology =>
      topology('cells', { version: 1 }, (flow) => {
        const options = { version, upgrade: (old: unknown, from: number) => `${String(old)}^${from}` }
        const stream = flow.stream(clicks, { eventTime: (click) => click.at, outOfOrderness: seconds(0) })
        stream
          .process('cells', {
            state: { one: valueState<string>(options), many: mapState<string, string>(options), row: listState<string>(options) },
            emits: type<unknown>(),
            onRecord: ({ page }, { state, emit }) => {
              if (page === 'show') return emit([state.one.get(), [...state.many.entries()], [...state.row.values()]])
              state.one.set(page)
              state.many.set('name', page)
              state.row.push(page)
            },
          })
          .to(totals)
        const add = (total: string, { page }: { page: string }): string => `${total}${page}`
        stream
          .window('final', tumbling(minutes(1)))
          .aggregate({ initial: () => '', add, ...options, result: (total) => total })
          .to(totals)
        stream
          .window('updating', hopping(minutes(1), { every: minutes(1) }), { emit: 'every-update' })
          .aggregate({ initial: () => '', add, ...options })
          .map((total) => `update ${total}`)
          .to(updates)
      })
    const app = await MemoryApplication.open(build(1))
    const seat = await app.run()
    await app.send('clicks', 'a', { page: 'x', at: 0 })
    await app.settle()
    await app.stop(seat)
    await app.run({ release: build(2) })
    await app.send('clicks', 'a', { page: 'show', at: 1 })
    await app.send('clicks', 'a', { page: 'end', at: 120_000 })
    await app.settle()
    expect((await app.readText('totals')).map(([, value]) => value)).toEqual([['x^1', [['name', 'x^1']], ['x^1']], 'x^1show'])
    expect((await app.read('updates')).map(({ value }) => String(value))).toEqual(['"update x"', '"update x^1show"', '"update end"'])
    await app.close()
  })
})

describe('an upgrade that gives nothing', () => {
  it('is refused: a state that is gone in silence would be begun anew', async () => {
    const { app } = await after(plain)
    const forgets = topology('evolving', { version: 1 }, (flow) => {
      flow
        .stream(clicks)
        .aggregate('sum', { initial: () => 0, add: (total) => total + 1, version: 2, upgrade: () => undefined as unknown as number })
        .to(totals)
    })
    await app.run({ release: forgets })
    await app.send('clicks', 'a', { page: '/2', at: 1 })
    expect(await app.stopOf('clicks.0')).toMatchObject({ code: 'MR4051', message: expect.stringContaining('undefined') })
    expect(await app.lastText('totals')).toEqual({ a: 1, b: 1 })
  })
})

describe('a release that calls a step otherwise', () => {
  const named = (step: string, renamed?: Record<string, string>): Topology =>
    topology('renaming', { version: 1, renamed }, (flow) => {
      flow
        .stream(clicks)
        .keyBy(step === 'count' ? 'page' : 'by-page', (click) => click.page)
        .count(step)
        .to(counts)
    })

  it('goes on with its state, topics and tasks when it says so', async () => {
    const { app } = await after(named('count'))
    const seat = await app.run({ release: named('visits', { visits: 'count', 'by-page': 'page' }) })
    await app.send('clicks', 'a', { page: '/1', at: 1 })
    await app.settle()
    expect(await app.lastText('counts')).toEqual({ '/1': 3 })
    // People see the name in the code.
    expect(seat.worker.status().tasks.flatMap(({ steps }) => steps.map(({ step }) => step))).toContain('visits')
    await app.close()
  })

  it('is refused when it does not say so, with the choices', async () => {
    const { app } = await after(named('count'))
    await expect(app.start({ release: named('visits') })).rejects.toMatchObject({
      code: 'MR5003',
      message: expect.stringMatching(/renamed.*state version.*new version/),
    })
    await app.close()
  })

  it('finds the state on its disk, from the log and after another restart; without the entry it is refused again', async () => {
    const { app, home } = await after(named('count'))
    const renamed = { visits: 'count', 'by-page': 'page' }
    for (const disk of [home, memoryHome(), home]) {
      const seat = await app.run({ release: named('visits', renamed), home: disk, settings: { standbyReplicas: 1 } })
      await app.send('clicks', 'a', { page: '/1', at: 1 })
      await app.settle()
      await app.stop(seat)
    }
    expect(await app.lastText('counts')).toEqual({ '/1': 5 })
    await expect(app.start({ release: named('visits') })).rejects.toMatchObject({ code: 'MR5003' })
    await app.close()
  })

  it('cannot give one state to two steps, nor swap the names of two', () => {
    const two = (one: string, other: string, renamed: Record<string, string>): Topology =>
      topology('two', { version: 1, renamed }, (flow) => {
        flow.stream(clicks).count(one).to(counts)
        flow.stream(clicks).count(other).to(counts)
      })
    expect(() => two('a', 'b', { a: 'old', b: 'old' })).toThrow(expect.objectContaining({ code: expect.stringMatching(/^MR10/) }))
    expect(() => two('a', 'b', { a: 'b', b: 'a' })).toThrow(expect.objectContaining({ code: 'MR1024' }))
    expect(() => two('a', 'b', { a: 'no name?' })).toThrow(expect.objectContaining({ code: expect.stringMatching(/^MR10/) }))
  })

  it.each([
    [{ nobody: 'count' }, 'no step is called so'],
    [{ visits: 'by-page' }, 'another step is called so now'],
    [{ visits: '' }, 'no name of a step'],
  ])('is refused when the entry fits nothing: %p', (renamed, words) => {
    expect(() => named('visits', renamed)).toThrow(expect.objectContaining({ code: 'MR1024', message: expect.stringContaining(words) }))
  })
})
