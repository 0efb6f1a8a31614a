import { describe, expect, it } from '@jest/globals'
import { selfTimes } from '../../benchmark/kappa/cpu-profile.ts'
import type { Measurement } from '../../benchmark/kappa/measure.ts'
import { readOptions } from '../../benchmark/kappa/options.ts'
import { median, summarise } from '../../benchmark/kappa/report.ts'

const measurement = (recordsPerSecond: number, rest: Partial<Measurement> = {}): Measurement => ({
  name: 'millrace',
  records: 1_000_000,
  seconds: 1_000_000 / recordsPerSecond,
  recordsPerSecond,
  warmRecordsPerSecond: recordsPerSecond,
  startSeconds: 2,
  rssPeakBytes: 300,
  rssAtFirstBytes: 100,
  cpuSeconds: 12,
  brokerCpuSeconds: undefined,
  othersShare: undefined,
  ...rest,
})

describe('the report of the benchmark', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1], 2.5],
    [[], 0],
  ])('takes the middle of %j', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('takes medians of rates, the worst of memory, and only the rounds of the one it speaks of', () => {
    const rounds = [measurement(10), measurement(30, { rssPeakBytes: 900 }), measurement(20), measurement(99, { name: 'kafka-streams' })]
    expect(summarise('millrace', rounds)).toMatchObject({
      rounds: 3,
      recordsPerSecond: 20,
      cpuMicrosecondsPerRecord: 12,
      rssPeakBytes: 900,
      rssGrowthBytes: 800,
      othersShare: undefined,
    })
  })

  it('refuses numbers that are none, and nobody as contender', () => {
    expect(() => readOptions(['--records', 'many'])).toThrow('--records many is no positive whole number')
    expect(() => readOptions(['--only', 'flink'])).toThrow('--only flink is nobody')
    expect(readOptions(['--profile'])).toMatchObject({ only: 'millrace', rounds: 1, records: 1_000_000 })
  })
})

describe('a CPU profile', () => {
  it('gives each function its own time and leaves waiting out of the shares', () => {
    const frame = (functionName: string) => ({ functionName, url: '', lineNumber: -1 })
    const nodes = [
      { id: 1, callFrame: frame('parse') },
      { id: 2, callFrame: frame('(idle)') },
      { id: 3, callFrame: frame('parse') },
      { id: 4, callFrame: frame('hash') },
    ]
    const { busyMs, idleMs, functions } = selfTimes({ nodes, samples: [1, 2, 3, 4], timeDeltas: [1_000, 6_000, 2_000, 1_000] })
    expect([busyMs, idleMs]).toEqual([4, 6])
    expect(functions).toEqual([
      { place: 'parse', milliseconds: 3, share: 0.75 },
      { place: 'hash', milliseconds: 1, share: 0.25 },
    ])
  })
})
