import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { countClicksModule, ready, runOnce, startWorker } from './run-once.ts'
import { millrace, type Said, type TerminalOptions } from './terminal.ts'

const GROUP = 'count-clicks.v1'
let world: MemoryWorld
let directory: string
afterEach(() => world.cluster.close())
beforeEach(async () => {
  world = memoryWorld()
  directory = mkdtempSync(join(tmpdir(), 'millrace-'))
  const topic = { replicationFactor: 1, partitions: 2, config: {} }
  await world.cluster.admin.createTopics([
    { ...topic, name: 'clicks' },
    { ...topic, name: 'counts' },
  ])
})

const reset = (words: readonly string[], options: TerminalOptions = {}): Promise<Said> =>
  millrace(['reset', countClicksModule, '--brokers', 'memory:1', ...words], { world, ...options })

const click = async (user: string, partition: number, timestamp: number): Promise<void> => {
  const value = Buffer.from(JSON.stringify({ user }))
  await world.cluster.append([{ topic: 'clicks', partition, records: [{ key: Buffer.from('b'), value, timestamp, headers: NO_HEADERS }] }])
}

/** Last value of each key, and the newest epoch in a header. */
function results(): { readonly counts: Record<string, number>; readonly epoch: number } {
  const counts: Record<string, number> = {}
  let epoch = 0
  for (const partition of [0, 1]) {
    for (const entry of world.cluster.entries('counts', partition)) {
      if (entry.kind !== 'data' || entry.state !== 'committed') continue
      const { key, value, headers } = entry.record
      counts[Buffer.from(key ?? []).toString()] = Number(Buffer.from(value ?? []).toString())
      epoch = Math.max(
        epoch,
        Number(
          Buffer.from(headers.at(-1)?.[1] ?? [])
            .toString()
            .split('/')[1],
        ),
      )
    }
  }
  return { counts, epoch }
}

/** Three clicks, one of them by bob in partition 1, all processed by a worker that has stopped. */
async function processed(): Promise<void> {
  await click('ann', 0, 1_000)
  await click('ann', 0, 2_000)
  await click('bob', 1, 3_000)
  const running = startWorker(world, directory)
  await ready(running)
  await eventually(() => expect(results().counts).toEqual({ ann: 2, bob: 1 }))
  world.signal('SIGTERM')
  await running.ended
}

const offsets = async (): Promise<readonly string[]> => {
  const found = await world.cluster.admin.committed(GROUP, [
    { topic: 'clicks', partition: 0 },
    { topic: 'clicks', partition: 1 },
  ])
  return [...found.values()].map(({ position, metadata }) => `${position} epoch ${metadata.split(';')[2]}`)
}

describe('millrace reset', () => {
  it('shows the plan, asks, and does nothing without a yes', async () => {
    await processed()
    const before = await offsets()
    const { code, out } = await reset(['--to-earliest'], { answer: 'no' })
    expect(code).toBe(exitCodes.ok)
    expect(out).toContain('count-clicks.v1: all stages begin anew in epoch 2')
    expect(out).toMatch(/clicks:0 +clicks\.0 +2 +0 +2/)
    expect(out).toMatch(/clicks:1 +clicks\.1 +1 +0 +1/)
    expect(out).toContain('Up to 3 records are processed again')
    expect(out).toContain('Throw the state away and begin epoch 2? Type yes: ')
    expect(out).toContain('Nothing was changed.')
    expect(await offsets()).toEqual(before)
  })

  it('without workers: the next one that starts begins anew', async () => {
    await processed()
    const { code, out } = await reset(['--to-earliest'], { answer: 'yes' })
    expect([code, out]).toEqual([exitCodes.ok, expect.stringContaining('No worker runs: the next one that starts begins anew.')])
    expect(await offsets()).toEqual(['0 epoch 2', '0 epoch 2'])
    const running = startWorker(world, directory)
    await ready(running)
    await eventually(() => expect(results()).toEqual({ counts: { ann: 2, bob: 1 }, epoch: 2 }))
    world.signal('SIGTERM')
    expect((await running.ended).code).toBe(exitCodes.ok)
  })

  it('while a worker runs: it begins anew by itself, and goes on', async () => {
    await processed()
    const running = startWorker(world, directory)
    await ready(running)
    const { code, out } = await reset(['--to-earliest', '--yes', '--json'])
    expect(code).toBe(exitCodes.ok)
    expect(JSON.parse(out)).toMatchObject({ group: GROUP, epoch: 2, done: true, members: 1, followed: 4, tasks: 4 })
    await click('ann', 1, 4_000)
    await eventually(() => expect(results()).toEqual({ counts: { ann: 3, bob: 1 }, epoch: 2 }))
    world.signal('SIGTERM')
    await running.ended
  })

  it('to a time: the first record at or after it, in each partition', async () => {
    await processed()
    const { out } = await reset(['--to-datetime', '1970-01-01T00:00:02Z', '--dry-run', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      done: false,
      partitions: [
        { id: 'clicks:0', from: 2, to: 1, again: 1, leftOut: 0 },
        { id: 'clicks:1', from: 1, to: 0, again: 1 },
      ],
    })
  })

  it('to offsets: partitions with data that are not named make it partial, and it is refused', async () => {
    await processed()
    const before = await offsets()
    const partial = await reset(['--to-offset', 'clicks:0=1', '--yes'])
    expect(partial.code).toBe(exitCodes.fault)
    expect(partial.err).toContain('MR5022 count-clicks.v1, clicks:0 (not moved: clicks:1)')
    expect(await offsets()).toEqual(before)
    await reset(['--to-offset', 'clicks:0=1,clicks:1=0', '--yes'])
    expect(await offsets()).toEqual(['1 epoch 2', '0 epoch 2'])
  })

  it('below the log start: refused, or from the log start with consent', async () => {
    await processed()
    await world.cluster.admin.deleteRecords([{ topic: 'clicks', partition: 0, position: 1 }])
    const words = ['--to-offset', 'clicks:0=0,clicks:1=0', '--yes']
    const refused = await reset(words)
    expect([refused.code, refused.err]).toEqual([exitCodes.fault, expect.stringContaining('MR5026')])
    const { out } = await reset([...words, '--accept-gap'])
    expect(out).toMatch(/clicks:0 .* 1 left out/)
    expect(await offsets()).toEqual(['1 epoch 2', '0 epoch 2'])
  })

  it('to where no partition goes back: refused without consent', async () => {
    await processed()
    const refused = await reset(['--to-latest', '--yes'])
    expect([refused.code, refused.err]).toEqual([exitCodes.fault, expect.stringContaining('MR5025')])
    const { code } = await reset(['--to-latest', '--accept-skip', '--yes'])
    expect(code).toBe(exitCodes.ok)
    expect(await offsets()).toEqual(['2 epoch 2', '1 epoch 2'])
  })

  it('killed at each step and repeated it comes to one reset', async () => {
    await processed()
    const steps: string[] = []
    await reset(['--to-earliest', '--yes'], { world: { ...world, atStep: (step) => void steps.push(step) } })
    expect(steps).toHaveLength(5)
    for (const [index, at] of steps.entries()) {
      const atStep = (step: string): void => {
        if (step === at) throw new Error('killed here')
      }
      // What it leaves open is aborted after this time; the next one waits for that.
      await reset(['--to-earliest', '--yes', '--accept-skip', '--transaction-timeout-ms', '1000'], { world: { ...world, atStep } })
      // Nothing has happened before the last step, whose transaction is over.
      expect(await offsets()).toEqual(index < 4 ? ['0 epoch 2', '0 epoch 2'] : ['0 epoch 3', '0 epoch 3'])
    }
    expect((await runOnce(world, directory)).code).toBe(exitCodes.ok)
    await eventually(() => expect(results()).toMatchObject({ counts: { ann: 2, bob: 1 } }))
  })

  it.each([
    [[], 'needs one of --to-earliest'],
    [['--to-earliest', '--to-latest'], 'needs one of --to-earliest'],
    [['--to-datetime', 'yesterday'], '"yesterday" is neither'],
    [['--to-offset', 'clicks=3'], '"clicks=3" is not that'],
    [['--to-earliest'], 'where nobody can answer give --yes'],
    [['--to-offset', 'click:0=1', '--yes'], 'MR2053 count-clicks.v1 does not read click:0'],
  ])('refuses %j', async (words, says) => {
    await processed()
    const { code, err } = await reset(words)
    expect([code, err]).toEqual([exitCodes.usage, expect.stringContaining(says)])
  })

  it('refuses an application that has never run', async () => {
    const { code, err } = await reset(['--to-earliest', '--yes'])
    expect([code, err]).toEqual([exitCodes.fault, expect.stringContaining('MR5068 count-clicks.v1 has never run')])
  })
})
