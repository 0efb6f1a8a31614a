/** Topics that change while workers run are seen within a bounded time, and told with their cure. */
import { describe, expect, it } from '@jest/globals'
import { clicks, counting } from '../../support/hole-topologies.ts'
import { MemoryApplication } from '../../support/memory-application.ts'

const INPUT = clicks.topic
const click = { page: '/', at: 0 }
const settings = { metadataIntervalMs: 60_000 }

/** How the workers end, and after how much time. */
async function endOf(app: MemoryApplication): Promise<{ faults: unknown[]; afterMs: number }> {
  const began = app.clock.monotonic()
  await app.until(() => app.seats.every(({ worker }) => worker.state === 'failed'), 'all workers have failed')
  const faults = app.seats.map(({ worker }) => worker.fault)
  for (const seat of app.seats) seat.alive = false
  return { faults, afterMs: app.clock.monotonic() - began }
}

async function opened(): Promise<MemoryApplication> {
  const app = await MemoryApplication.open(counting, { partitions: 2, settings })
  await app.run()
  await app.run()
  await app.send(INPUT, 'ann', click)
  await app.settle()
  return app
}

describe('while workers run', () => {
  it('partitions added to an input stop them within the interval, as they would at the next start', async () => {
    const app = await opened()
    app.log.addPartitions(INPUT, 3)
    const { faults, afterMs } = await endOf(app)
    for (const fault of faults)
      expect(fault).toMatchObject({ code: 'MR5005', action: 'stop', message: expect.stringContaining('has 3 partitions, and had 2') })
    expect(afterMs).toBeLessThanOrEqual(70_000)
    await expect(app.start()).rejects.toMatchObject({ code: 'MR5005' })
    await app.log.close()
  })

  it.each(['control', 'per-user.changelog', 'commits', 'dead-letters'])(
    'a deleted internal topic (%s) stops them with the right cure',
    async (kind) => {
      const app = await opened()
      const name = app.internal(kind === 'commits' ? 'clicks.commits' : kind)
      expect([...(await app.log.admin.describeTopics([name])).keys()]).toEqual([name])
      await app.log.admin.deleteTopics([name])
      const { faults } = await endOf(app)
      for (const fault of faults) expect(fault).toMatchObject({ code: 'MR5043', action: 'stop', message: expect.stringContaining(name) })
      await app.log.close()
    },
  )

  it('a broker that does not answer for a moment stops nobody', async () => {
    const app = await opened()
    let asked = 0
    app.log.faults = {
      before: ({ operation }) => {
        if (operation !== 'describeTopics') return undefined
        asked += 1
        if (asked === 1) throw new Error('away')
        return undefined
      },
    }
    await app.clock.pass(200_000)
    expect(asked).toBeGreaterThan(1)
    expect(app.seats.map(({ worker }) => worker.state)).toEqual(['running', 'running'])
    await app.close()
  })
})
