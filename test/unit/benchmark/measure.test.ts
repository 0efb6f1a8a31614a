/** What is made of a contender that works no more, with input left. */
import { describe, expect, it } from '@jest/globals'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import type { ContenderProcess } from '../../benchmark/kappa/contender-process.ts'
import { measure } from '../../benchmark/kappa/measure.ts'

const ends = [{ topic: 'in', partition: 0, end: 100 }]
const watched = { group: 'g', application: 'a', ends, output: 'out', commitIntervalMs: 100, pollMs: 1, stallMs: 40 }

/** A group that commits 10 records more each time that it is asked, up to 60. */
function stuck(): Log {
  let position = 0
  const admin = {
    describeTopics: async (names: readonly string[]) => new Map(names.map((name) => [name, { name, partitions: 1 }])),
    listTopics: async () => [],
    ranges: async () => new Map([['out:0', { logStart: 0, end: 0, lastStable: 0 }]]),
    committed: async () => {
      position = Math.min(60, position + 10)
      return new Map([['in:0', { position }]])
    },
  }
  // As much of a log as the watcher asks for.
  return { admin } as unknown as Log
}

// As much of a process as is asked for: it never fails, and nobody knows what it takes.
const child = {
  contender: { name: 'kafkats-flow' },
  startedAt: Date.now(),
  failed: new Promise<never>(() => undefined),
  usage: () => undefined,
} as unknown as ContenderProcess

describe('a contender that stands still', () => {
  it('is measured up to there, if that may be, and says so', async () => {
    const measured = await measure(stuck(), child, watched, { round: 1, brokerPid: undefined, mayStandStill: true })
    expect(measured).toMatchObject({ name: 'kafkats-flow', records: 60, stoodStill: true })
    expect(measured.recordsPerSecond).toBeGreaterThan(0)
  })

  it('fails else', async () => {
    await expect(measure(stuck(), child, watched, { round: 1, brokerPid: undefined, mayStandStill: false })).rejects.toThrow(
      'g stands still for 0.04 s at in:0 60',
    )
  })
})
