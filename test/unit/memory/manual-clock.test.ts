import { describe, expect, it } from '@jest/globals'
import { MANUAL_CLOCK_START, ManualClock } from '../../../libs/memory/manual-clock.ts'

describe('the manual clock', () => {
  it('stands still until it is moved', async () => {
    const clock = new ManualClock(5_000)

    await clock.settle()
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0])
    clock.advance(30)
    clock.advanceTo(5_100)

    expect([clock.now(), clock.monotonic()]).toEqual([5_100, 100])
    expect(new ManualClock().now()).toBe(MANUAL_CLOCK_START)
  })

  it('wakes sleepers in the order of their due time, equal ones in the order in which they fell asleep', async () => {
    const clock = new ManualClock()
    const woken: string[] = []
    const sleep = (name: string, ms: number): void => void clock.sleep(ms).then(() => woken.push(name))
    sleep('c', 30)
    sleep('a', 10)
    sleep('b1', 20)
    sleep('b2', 20)
    sleep('later', 31)

    clock.advance(30)
    await clock.settle()

    expect(woken).toEqual(['a', 'b1', 'b2', 'c'])
    expect(clock.nextWake()).toBe(MANUAL_CLOCK_START + 31)
  })

  it('lets a loop that sleeps go round once for each period when time passes', async () => {
    const clock = new ManualClock(0)
    const turns: number[] = []
    void (async () => {
      while (turns.length < 10) {
        await clock.sleep(100)
        await clock.yield()
        turns.push(clock.now())
      }
    })()

    await clock.pass(350)

    expect(turns).toEqual([100, 200, 300])
    expect(clock.now()).toBe(350)
  })

  it('wakes a sleeper at once when its signal is aborted, and forgets it', async () => {
    const clock = new ManualClock()
    const stop = new AbortController()
    const sleeping = clock.sleep(1_000, stop.signal)

    stop.abort()
    await sleeping
    await clock.sleep(1_000, stop.signal)

    expect(clock.nextWake()).toBeUndefined()
  })

  it('gives I/O a turn in yield and in a sleep of no time', async () => {
    const clock = new ManualClock()
    let hadTurn = false
    setImmediate(() => (hadTurn = true))

    await Promise.resolve()
    expect(hadTurn).toBe(false)
    await clock.yield()
    expect(hadTurn).toBe(true)

    hadTurn = false
    setImmediate(() => (hadTurn = true))
    await clock.sleep(0)
    expect(hadTurn).toBe(true)
  })

  it('settles only when a long chain of turns has come to its end', async () => {
    const clock = new ManualClock()
    let turns = 0
    void (async () => {
      for (; turns < 200; turns++) await clock.yield()
    })()

    await clock.settle()

    expect(turns).toBe(200)
  })

  it('jumps on the wall only: durations are not disturbed', async () => {
    const clock = new ManualClock(10_000)
    let woken = false
    void clock.sleep(100).then(() => (woken = true))

    clock.jumpTo(1_000)
    await clock.settle()
    expect([clock.now(), clock.monotonic(), woken]).toEqual([1_000, 0, false])
    clock.advance(100)
    await clock.settle()

    expect([clock.now(), woken]).toEqual([1_100, true])
  })

  it('refuses to go back', () => {
    const clock = new ManualClock(10_000)

    expect(() => clock.advance(-1)).toThrow('forward')
    expect(() => clock.advanceTo(9_999)).toThrow('forward')
  })
})
