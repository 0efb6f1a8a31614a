/** Local stores that keep failing, idle stores, and brokers that are away while a task restores: what a worker must do by itself. */
import { describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../../libs/state/memory-store.ts'
import { answers, clicks, memory } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'

const INPUT = clicks.topic
const CHANGELOG = 'memory.v1.memory.changelog'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const said = (seat: Seat): string => seat.notes.map(({ message }) => message).join('\n')
const say = (app: MemoryApplication, page: string, partition = 0): Promise<void> => app.send(INPUT, 'ann', { page, at: 0 }, { partition })
const tasksOf = (seat: Seat): string[] => [...seat.worker.tasks.keys()].toSorted()

/** A disk that takes nothing while it is full. */
function fillingDisk(): { readonly home: MemoryHome; fill(now: boolean): void } {
  let full = false
  return {
    home: memoryHome({ faultAt: () => (full ? 'before' : undefined) }),
    fill: (now) => void (full = now),
  }
}

describe('a worker whose local stores keep failing', () => {
  it('gives its tasks to workers whose disks are well, and gets tasks again when its time is over', async () => {
    const app = await MemoryApplication.open(memory, { partitions: 2 })
    const disk = fillingDisk()
    const unwell = await app.run({ home: disk.home })
    const well = await app.run()
    await app.until(() => tasksOf(unwell).length === 1 && tasksOf(well).length === 1, 'each has one task')
    disk.fill(true)
    for (const partition of [0, 1]) await say(app, 'kept', partition)
    await app.until(() => tasksOf(well).length === 2 && tasksOf(unwell).length === 0, 'the well one has both')
    await app.settle()
    expect(said(unwell)).toContain('keeps failing (8 times within 5 minutes)')
    for (const partition of [0, 1]) await say(app, 'ask', partition)
    await app.settle()
    expect((await app.readText(answers.topic)).map(([, value]) => value)).toEqual(['kept', 'kept'])
    disk.fill(false)
    await app.clock.pass(11 * MINUTE)
    await app.until(() => tasksOf(unwell).length === 1, 'it has a task again')
    await app.settle()
    await app.close()
  })

  it('keeps on trying, slowly, when there is no other worker, and goes on by itself when there is room', async () => {
    const app = await MemoryApplication.open(memory)
    const disk = fillingDisk()
    const alone = await app.run({ home: disk.home })
    disk.fill(true)
    await say(app, 'kept')
    await app.until(() => alone.worker.tasks.get('clicks.0')?.fault !== undefined, 'it has given up')
    expect(alone.worker.tasks.get('clicks.0')?.fault).toMatchObject({ code: 'MR4030' })
    expect(alone.worker.state).not.toBe('failed')
    const before = app.task('clicks.0').history.aborts
    await app.clock.pass(30 * MINUTE)
    const tries = app.task('clicks.0').history.aborts - before
    expect(tries).toBeGreaterThan(20)
    expect(tries).toBeLessThan(40)
    disk.fill(false)
    await app.until(() => app.task('clicks.0').state === 'running', 'it runs again')
    expect(app.task('clicks.0').fault).toBeUndefined()
    await say(app, 'ask')
    await app.settle()
    expect((await app.readText(answers.topic)).map(([, value]) => value)).toEqual(['kept'])
    await app.close()
  })

  it('is not given up for a failure now and then', async () => {
    const app = await MemoryApplication.open(memory)
    let fails = false
    const home = memoryHome({ faultAt: () => (fails ? 'before' : undefined) })
    const seat = await app.run({ home })
    for (let time = 0; time < 12; time += 1) {
      fails = true
      await say(app, 'kept')
      const before = app.task('clicks.0').history.aborts
      await app.until(() => app.task('clicks.0').history.aborts > before, 'a write has failed')
      fails = false
      await app.settle()
      await app.clock.pass(MINUTE)
    }
    expect(said(seat)).not.toContain('keeps failing')
    await app.close()
  })
})

describe('the store of a task that is idle', () => {
  it('is proved complete every hour, so that a worker that dies after a quiet day rebuilds nothing', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    const commits = app.task('clicks.0').history.commits
    await app.clock.pass(24 * HOUR)
    expect(app.task('clicks.0').history.commits - commits).toBe(24)
    app.kill(first)
    await app.clock.pass(11 * HOUR)
    const again = await app.run({ home: first.home })
    expect(said(again)).not.toContain('wiped')
    await say(app, 'ask')
    await app.settle()
    expect((await app.readText(answers.topic)).at(-1)?.[1]).toBe('kept')
    await app.close()
  }, 60_000)
})

describe('a broker that is away for longer than restoreStallMs while a task restores', () => {
  it.each(['ranges are not answered', 'ranges are answered'])('only delays it: %s', async (how) => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await say(app, 'kept')
    await app.settle()
    await app.stop(first)
    const back = Promise.withResolvers<undefined>()
    let away = true
    app.log.faults = {
      before: ({ operation, topic }) => {
        if (!away) return undefined
        if (operation === 'fetch' && topic === CHANGELOG) return back.promise
        // Asked once by every acquisition, and then by the one that waits in vain.
        if (operation === 'ranges' && how === 'ranges are not answered' && app.clock.monotonic() - begun > MINUTE / 2)
          throw new Fault('MR3020', 'retry', 'no broker answers')
        return undefined
      },
    }
    const begun = app.clock.monotonic()
    const second = await app.start()
    await app.until(() => said(second).includes('its broker is away'), 'it says so')
    away = false
    back.resolve(undefined)
    await app.settle()
    await say(app, 'ask')
    await app.settle()
    expect((await app.readText(answers.topic)).at(-1)?.[1]).toBe('kept')
    await app.close()
  })
})
