import { describe, expect, it } from '@jest/globals'
import { Shutdown, type ShutdownOptions } from '../../../libs/command/shutdown.ts'
import type { Clock } from '../../../libs/runtime/ports/clock.ts'

/** A clock whose time the test moves; sleeps end when it has moved far enough. */
function handClock(): Clock & { move(milliseconds: number): void } {
  let time = 0
  const sleepers: { readonly until: number; readonly wake: () => void }[] = []
  return {
    now: () => time,
    monotonic: () => time,
    sleep: (milliseconds) => new Promise((resolve) => sleepers.push({ until: time + milliseconds, wake: resolve })),
    yield: () => Promise.resolve(),
    move: (milliseconds) => {
      time += milliseconds
      for (const sleeper of sleepers) if (sleeper.until <= time) sleeper.wake()
    },
  }
}

function begin(stop: ShutdownOptions['stop']): {
  readonly clock: ReturnType<typeof handClock>
  readonly shutdown: Shutdown
  readonly seen: string[]
} {
  const clock = handClock()
  const seen: string[] = []
  const shutdown = new Shutdown({
    clock,
    shutdownMs: 1_000,
    stop,
    onFirst: (signal) => seen.push(`first ${signal}`),
    onSecond: (signal) => seen.push(`second ${signal}`),
  })
  return { clock, shutdown, seen }
}

const never = (): Promise<void> => new Promise(() => undefined)

describe('a worker that gets signals', () => {
  it('stops in order at the first one', async () => {
    const { shutdown, seen } = begin(() => Promise.resolve())
    shutdown.signal('SIGTERM')
    expect(await shutdown.done).toEqual({ kind: 'stopped' })
    expect(seen).toEqual(['first SIGTERM'])
  })

  it('is late when stopping takes longer than its bound', async () => {
    const { clock, shutdown } = begin(never)
    shutdown.signal('SIGTERM')
    clock.move(1_000)
    expect(await shutdown.done).toEqual({ kind: 'late', signal: 'SIGTERM' })
  })

  it('ends at once at the second one', () => {
    const { clock, shutdown, seen } = begin(never)
    shutdown.signal('SIGINT')
    clock.move(301)
    shutdown.signal('SIGINT')
    expect(seen).toEqual(['first SIGINT', 'second SIGINT'])
  })

  it('takes one key press that arrives twice, from terminal and launcher, for one', () => {
    const { clock, shutdown, seen } = begin(never)
    shutdown.signal('SIGINT')
    clock.move(5)
    shutdown.signal('SIGINT')
    expect(seen).toEqual(['first SIGINT'])
  })

  it('tells when stopping fails', async () => {
    const { shutdown } = begin(() => Promise.reject(new Error('store is busy')))
    shutdown.signal('SIGTERM')
    await expect(shutdown.done).rejects.toThrow('store is busy')
  })
})
