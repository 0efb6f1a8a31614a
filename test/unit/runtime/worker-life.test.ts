import { describe, expect, it } from '@jest/globals'
import { topology } from 'millrace'
import { Fault } from '../../../libs/faults/fault.ts'
import { outcomeUnknown } from '../../../libs/memory/memory-faults.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { Store, StoreHome } from '../../../libs/state/store.ts'
import { clicks, counting, counts, memory, twoStages } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'

const click = { page: '/', at: 0 }
const INPUT = clicks.topic
const OUTPUT = counts.topic
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)

/** Somebody failed on one page. */
const picky = topology('picky', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .filter((one) => {
      if (one.page === '/bad') throw new Error('bad page')
      return true
    })
    .count('per-user')
    .to(counts)
})

/** A request that is held until it is released. */
function gate(): { readonly held: Promise<undefined>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  return { held: promise, release: () => resolve(undefined) }
}

/** A store with something in the way of its closing. */
function closingBy(store: Store, before: () => Promise<void>): Store {
  return {
    getMany: (keys) => store.getMany(keys),
    get: (key) => store.get(key),
    scan: (range) => store.scan(range),
    write: (writes) => store.write(writes),
    clearRanges: (ranges, writes) => store.clearRanges(ranges, writes),
    sizeBytes: () => store.sizeBytes(),
    close: async () => {
      await before()
      await store.close()
    },
  }
}

describe('the life of a worker', () => {
  it('goes through many rebalances in quick succession without losing or doubling', async () => {
    const app = await MemoryApplication.open(twoStages, { partitions: 4 })
    await app.start()
    await app.start()
    for (let round = 0; round < 12; round += 1) {
      for (let n = 0; n < 8; n += 1) await app.send(INPUT, `user-${n}`, { page: `/${n % 3}`, at: 0 }, { partition: n % 4 })
      const [first, second] = app.seats.filter(({ alive }) => alive)
      first?.worker.rejoin()
      if (round % 3 === 0) await app.start()
      else second?.worker.rejoin()
      if (round % 3 === 2) {
        const { seat, ready } = app.launch()
        const last = app.seats.filter(({ alive }) => alive).at(-2)
        await app.during(ready)
        if (last !== undefined && last !== seat) await app.stop(last)
      }
      first?.worker.rejoin()
    }
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ '/0': 36, '/1': 36, '/2': 24 })
    await app.close()
  })

  it('told to stop while tasks move away, it does not wait for those that are closed already', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 4 })
    const slow = gate()
    const home = memoryHome()
    let closing = 0
    const stores: StoreHome = {
      ...home,
      open: async (task) =>
        closingBy(await home.open(task), async () => {
          if (++closing === 2) await slow.held
        }),
    }
    const first = await app.run({ home, stores })
    app.launch()
    await app.until(() => closing === 2, 'the second of two tasks is being closed')
    const stopping = first.worker.stop()
    await app.clock.settle()
    slow.release()
    await app.during(stopping)
    first.alive = false
    expect(first.worker.state).toBe('stopped')
    await app.settle()
    expect(app.tasks()).toHaveLength(4)
    await app.close()
  })

  it('stops while it restores, and leaves the group', async () => {
    const app = await MemoryApplication.open(memory)
    const first = await app.run()
    await app.send(INPUT, 'ann', { page: 'kept', at: 0 })
    await app.settle()
    await app.stop(first)
    app.log.faults = {
      before: ({ operation, topic }) =>
        operation === 'fetch' && topic === 'memory.v1.memory.changelog' ? new Promise(() => undefined) : undefined,
    }
    const second = await app.start()
    await app.until(() => app.task('clicks.0').state === 'restoring', 'it restores')
    const began = app.clock.monotonic()
    await app.stop(second)
    expect(second.worker.state).toBe('stopped')
    expect(app.clock.monotonic() - began).toBeLessThan(1_000)
    expect(app.log.membersOf(app.group)).toEqual([])
    await app.close()
  })

  it('stops while it starts, at whatever moment, and no member of the group is left behind', async () => {
    // More turns than a start takes.
    for (let turns = 0; turns < 300; turns += 1) {
      const app = await MemoryApplication.open(counting)
      const { seat, ready } = app.launch()
      const started = ready.catch((error: unknown) => expect(error).toBeInstanceOf(Fault))
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      await app.during(seat.worker.stop())
      await app.during(started)
      await app.clock.settle()
      expect(app.log.membersOf(app.group)).toEqual([])
      expect(seat.worker.state).toBe('stopped')
      seat.alive = false
      await app.close()
    }
  })

  it('may be told to stop twice, and after it has failed', async () => {
    const app = await MemoryApplication.open(counting)
    const first = await app.run()
    await app.during(Promise.all([first.worker.stop(), first.worker.stop()]))
    await app.during(first.worker.stop())
    expect(await first.worker.done).toEqual({ kind: 'stopped' })
    first.alive = false
    await app.moveOffsets({ [`${INPUT}:0`]: 0 })
    await app.send(INPUT, 'ann', click)
    await app.moveOffsets({ [`${INPUT}:0`]: 1 })
    const second = await app.start({ home: first.home })
    await app.stopOf('clicks.0')
    await app.during(second.worker.done)
    await app.during(second.worker.stop())
    expect(await second.worker.done).toMatchObject({ kind: 'failed', fault: { code: 'MR5025' } })
    second.alive = false
    await app.close()
  })

  it('commits what it has processed before the group gives out its tasks again', async () => {
    const app = await MemoryApplication.open(counting, { settings: { commitIntervalMs: 60_000 } })
    const first = await app.run()
    await app.send(INPUT, 'ann', click)
    await app.clock.settle()
    await app.send(INPUT, 'bob', click)
    await app.clock.settle()
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    const { generation } = first.worker.identity
    first.worker.rejoin()
    await app.until(() => first.worker.identity.generation > generation, 'the group has rebalanced')
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 1, bob: 1 })
    await app.send(INPUT, 'cid', click)
    await app.clock.settle()
    await app.stop(first)
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 1, bob: 1, cid: 1 })
    expect(app.clock.monotonic()).toBeLessThan(60_000)
    await app.close()
  })

  it('expelled while it takes an assignment, it does not fence the new owners of what that gave it', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 4 })
    const slow = gate()
    const home = memoryHome()
    let closing = 0
    const stores: StoreHome = {
      ...home,
      open: async (task) =>
        closingBy(await home.open(task), async () => {
          closing += 1
          await slow.held
        }),
    }
    const first = await app.run({ home, stores })
    app.launch()
    await app.until(() => closing === 2, 'two of four tasks are being closed')
    const asked: string[] = []
    app.log.faults = {
      before: ({ operation, connection }) => {
        if (connection === first.connection.name && (operation === 'openProducer' || operation === 'join')) asked.push(operation)
        return undefined
      },
    }
    app.log.expel(app.group, first.worker.identity.memberId)
    await app.clock.settle()
    slow.release()
    await app.settle()
    expect(asked[0]).toBe('join')
    for (let n = 0; n < 8; n += 1) await app.send(INPUT, `user-${n % 4}`, click, { partition: n % 4 })
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ 'user-0': 2, 'user-1': 2, 'user-2': 2, 'user-3': 2 })
    await app.close()
  })

  it('outlives a broker that is away for longer than transactions may take', async () => {
    const app = await MemoryApplication.open(twoStages)
    await app.run()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    let away = true
    app.log.faults = {
      before: ({ operation }) => {
        if (away && operation !== 'append' && operation !== 'marker') throw new Fault('MR3008', 'retry', 'the broker is away')
        return undefined
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.clock.pass(45_000)
    away = false
    await app.settle()
    expect(await app.lastText(OUTPUT)).toEqual({ '/': 2 })
    await app.close()
  })

  it('backs off while it fails: a minute of failures is a handful of tries', async () => {
    const app = await MemoryApplication.open(counting)
    await app.run()
    let tries = 0
    let failing = true
    app.log.faults = {
      before: ({ operation }) => {
        if (operation === 'openProducer') tries += 1
        if (operation === 'send' && failing) throw outcomeUnknown('send')
        return undefined
      },
    }
    await app.send(INPUT, 'ann', click)
    await app.clock.pass(60_000)
    expect(tries).toBeGreaterThan(5)
    expect(tries).toBeLessThan(16)
    failing = false
    await app.settle()
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    await app.close()
  })

  it('ends with the fault of its group membership', async () => {
    const app = await MemoryApplication.open(counting)
    app.log.faults = {
      before: ({ operation }) => {
        if (operation === 'join') throw new Fault('MR3013', 'stop', 'no right to join')
        return undefined
      },
    }
    const seat = await app.start()
    expect(await app.during(seat.worker.done)).toMatchObject({ kind: 'failed', fault: { code: 'MR3013' } })
    seat.alive = false
    await app.close()
  })

  it('a task that stops leaves the others of its worker running, and says why', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    await app.run()
    await app.send(INPUT, 'ann', click, { partition: 0 })
    await app.send(INPUT, 'bob', click, { partition: 1 })
    await app.until(async () => (await app.readText(OUTPUT)).length === 2, 'both are counted')
    app.log.truncate(INPUT, 0, 0)
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5027')
    await app.send(INPUT, 'bob', click, { partition: 1 })
    await app.until(async () => (await app.readText(OUTPUT)).length === 3, 'the other task goes on')
    const status = app.seats[0]?.worker.status()
    expect(status?.tasks.map(({ state, fault }) => [state, fault?.code])).toEqual([
      ['stopped', 'MR5027'],
      ['running', undefined],
    ])
    await app.close()
  })

  it('closes a store only when the commit that was on the wire has written to it', async () => {
    const home = memoryHome()
    const seen: string[] = []
    const stores: StoreHome = {
      ...home,
      open: async (task) => {
        const store = closingBy(await home.open(task), () => Promise.resolve(void seen.push('close')))
        return {
          ...store,
          write: async (writes) => {
            await store.write(writes)
            seen.push('write')
          },
        }
      },
    }
    const app = await MemoryApplication.open(picky)
    await app.run({ home, stores })
    const slow = gate()
    app.log.faults = { before: ({ operation }) => (operation === 'commit' ? slow.held : undefined) }
    seen.length = 0
    await app.send(INPUT, 'ann', click)
    await app.clock.settle()
    await app.send(INPUT, 'ann', { page: '/bad', at: 0 })
    await app.clock.settle()
    expect(seen).toEqual([])
    app.log.faults = {}
    slow.release()
    await app.settle()
    expect(seen.slice(0, 2)).toEqual(['write', 'close'])
    expect(await app.readText(OUTPUT)).toEqual([['ann', 1]])
    expect(app.task('clicks.0').totals).toMatchObject({ processed: 1, refused: 1 })
    await app.close()
  })

  it('tells its status at every moment of its life', async () => {
    const app = await MemoryApplication.open(counting, { partitions: 2 })
    const seen = new Set<string>()
    const look = (seat: Seat): boolean => {
      const status = seat.worker.status()
      seen.add(`worker ${status.worker.state}`)
      for (const task of status.tasks) seen.add(task.state)
      return false
    }
    const slow = gate()
    app.log.faults = {
      before: ({ operation, connection }) => {
        for (const seat of app.seats) if (seat.connection.name === connection) look(seat)
        return operation === 'sendPositions' ? slow.held : undefined
      },
    }
    const seat = await app.start()
    slow.release()
    await app.send(INPUT, 'ann', click)
    await app.settle()
    seat.worker.rejoin()
    await app.settle()
    look(seat)
    await app.stop(seat)
    look(seat)
    expect([...seen]).toEqual(
      expect.arrayContaining(['worker starting', 'fencing', 'restoring', 'running', 'worker running', 'worker stopped', 'closed']),
    )
    await app.close()
  })

  it('remembers all records that it must refuse, over a crash too, and refuses each once (P5)', async () => {
    const app = await MemoryApplication.open(picky)
    const first = await app.run({ dies: { at: 'after-end-of-transaction', nth: 3 } })
    for (let n = 0; n < 12; n += 1) {
      await app.send(INPUT, 'ann', { page: n % 3 === 0 ? '/bad' : '/', at: 0 })
      if (n === 5) await app.clock.settle()
    }
    await app.until(() => first.killed, 'it dies')
    await app.run()
    expect(await app.lastText(OUTPUT)).toEqual({ ann: 8 })
    const letters = (await app.read(app.internal('dead-letters'))).map(({ headers }) =>
      Buffer.from(headers.find(([name]) => name === '__streams.errors.offset')?.[1] ?? []).toString(),
    )
    expect(letters).toEqual(['0', '3', '6', '9'])
    await app.close()
  })
})
