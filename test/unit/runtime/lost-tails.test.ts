/** A changelog that has lost its newest records is never gone on with: not at the first start, and not at a later one, when it has grown again. */
import { describe, expect, it } from '@jest/globals'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { clicks, counting, counts } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'
import type { Seat } from '../../support/memory-application.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'

const click = { page: '/', at: 0 }
const code = (fault: Error): unknown => ('code' in fault ? fault.code : fault.message)
const STARTS = 4

async function counted(): Promise<{ readonly app: MemoryApplication; readonly seat: Seat; readonly changelog: string }> {
  const app = await MemoryApplication.open(counting)
  const seat = await app.run()
  for (let n = 0; n < 5; n += 1) {
    await app.send(clicks.topic, 'ann', click)
    await app.settle()
  }
  return { app, seat, changelog: app.internal('per-user.changelog') }
}

const endOf = (app: MemoryApplication, topic: string): number => app.log.entries(topic, 0).length

/** Each start is that of a new process: nothing but the log, and perhaps the disk, remembers. */
async function expectStops(app: MemoryApplication, home = memoryHome()): Promise<void> {
  for (let start = 0; start < STARTS; start += 1) {
    app.seats.splice(0)
    const seat = await app.start({ home })
    expect({ start, code: code(await app.stopOf('clicks.0')) }).toEqual({ start, code: 'MR5016' })
    seat.alive = false
    await app.until(() => app.log.membersOf(app.group).length === 0, 'the worker has left')
  }
  expect(await app.lastText(counts.topic)).toEqual({ ann: 5 })
}

describe('a changelog without its newest records', () => {
  it.each([2, 3, 5])('that lost %i offsets while the worker was down stops its task at every start', async (lost) => {
    const { app, seat, changelog } = await counted()
    await app.stop(seat)
    app.log.truncate(changelog, 0, endOf(app, changelog) - lost)
    await app.send(clicks.topic, 'ann', click)
    await expectStops(app)
    await app.close()
  })

  it.each([2, 5])('that lost %i offsets under a running task stops it before it commits, and at every start', async (lost) => {
    const { app, changelog } = await counted()
    app.log.truncate(changelog, 0, endOf(app, changelog) - lost)
    await app.send(clicks.topic, 'ann', click)
    expect(code(await app.stopOf('clicks.0'))).toBe('MR5016')
    await app.until(() => app.log.membersOf(app.group).length === 0, 'the worker has left')
    await expectStops(app)
    await app.close()
  })

  it('is waited for when a new leader only does not know yet how far it goes', async () => {
    const { app, seat, changelog } = await counted()
    await app.stop(seat)
    const begun = app.clock.monotonic()
    const again = await app.start({
      home: seat.home,
      seenAs: (connection) => ({
        ...within(connection),
        admin: new Proxy(connection.admin, {
          get: (admin, name) => {
            if (name !== 'ranges') return Reflect.get(admin, name).bind(admin)
            return async (partitions: Parameters<typeof admin.ranges>[0]) => {
              const ranges = await admin.ranges(partitions)
              if (app.clock.monotonic() - begun > 5_000) return ranges
              return new Map([...ranges].map(([id, range]) => [id, id.startsWith(changelog) ? { ...range, end: range.end - 4 } : range]))
            }
          },
        }),
      }),
    })
    await app.settle()
    await app.send(clicks.topic, 'ann', click)
    await app.settle()
    expect(await app.lastText(counts.topic)).toEqual({ ann: 6 })
    expect(again.worker.state).toBe('running')
    await app.close()
  })
})

const within = (log: Log): Log => ({
  admin: log.admin,
  openReader: (events, options) => log.openReader(events, options),
  openProducer: (id, options) => log.openProducer(id, options),
  joinGroup: (options, events) => log.joinGroup(options, events),
  append: (batches) => log.append(batches),
  close: () => log.close(),
})
