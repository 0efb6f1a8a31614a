import { describe, expect, it } from '@jest/globals'
import { selfTimes } from '../../benchmark/kappa/cpu-profile.ts'
import { stageTimes, threadOf } from '../../benchmark/kappa/profile-stages.ts'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import { conclude, type Look, type Measurement } from '../../benchmark/kappa/measure.ts'
import { readOptions } from '../../benchmark/kappa/options.ts'
import { stretchFrom } from '../../benchmark/kappa/progress.ts'
import { ratio, summarise, tableLines } from '../../benchmark/kappa/report.ts'
import { median, percentile, ratios, spreadOf } from '../../benchmark/kappa/statistics.ts'
import { order } from '../../benchmark/kappa/throughput.ts'

const measurement = (recordsPerSecond: number, rest: Partial<Measurement> = {}): Measurement => ({
  name: 'millrace',
  round: 1,
  records: 1_000_000,
  recordsPerSecond,
  wholeRecordsPerSecond: recordsPerSecond,
  startSeconds: 2,
  rssPeakBytes: 300,
  cpuMicrosecondsPerRecord: 12,
  brokerCpuMicrosecondsPerRecord: undefined,
  othersShare: undefined,
  ...rest,
})

describe('the statistics of the benchmark', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1], 2.5],
    [[], 0],
  ])('take the middle of %j', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('take as percentile a value that occurs, by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100, 100])
    expect(percentile([7], 0.5)).toBe(7)
    expect(percentile([], 0.5)).toBe(0)
  })

  it('compare each round with the same round of the other, and leave single ones out', () => {
    const own = new Map([
      [1, 30],
      [2, 10],
      [3, 99],
    ])
    const other = new Map([
      [2, 20],
      [1, 10],
    ])
    expect(ratios(own, other)).toEqual([3, 0.5])
    expect(spreadOf([3, 0.5])).toEqual({ min: 0.5, median: 1.75, max: 3 })
    expect(spreadOf([])).toEqual({ min: 0, median: 0, max: 0 })
  })

  it('let the other one begin in every second round', () => {
    expect([1, 2, 3].map((round) => order(round, ['kafka-streams', 'millrace'])[0])).toEqual(['kafka-streams', 'millrace', 'kafka-streams'])
  })
})

describe('the measured stretch of a run', () => {
  const samples = [
    { at: 1_000, positions: 10, usage: 'a' },
    { at: 2_000, positions: 40, usage: 'b' },
    { at: 4_000, positions: 100, usage: 'c' },
  ]

  it('leaves the warm-up out, of the time and of the records', () => {
    expect(stretchFrom(samples, 1_000, 0.3)).toEqual({ from: samples[1], to: samples[2], records: 600, seconds: 2 })
    expect(stretchFrom(samples, 1_000, 0)).toMatchObject({ records: 900, seconds: 3 })
  })

  it('is none where nothing was seen to move', () => {
    expect(stretchFrom([], 1_000, 0.3)).toBeUndefined()
    expect(stretchFrom([{ at: 1_000, positions: 100, usage: 'a' }], 1_000, 0.3)).toBeUndefined()
  })

  it('gives rate, processor time for each record and what others took', () => {
    const process = (cpuSeconds: number) => ({ rssPeakBytes: 500 * cpuSeconds, rssBytes: 100 * cpuSeconds, cpuSeconds })
    const look = (seconds: number): Look => ({
      contender: process(seconds),
      broker: process(seconds / 2),
      harness: process(0),
      machine: { busySeconds: seconds * 2, allSeconds: seconds * 4 },
    })
    const watched = [
      { at: 11_000, positions: 100, usage: look(1) },
      { at: 12_000, positions: 500, usage: look(2) },
      { at: 14_000, positions: 1_000, usage: look(6) },
    ]
    const result = conclude({ name: 'millrace', round: 1, records: 1_000, startedAt: 10_000 }, watched)
    expect(result).toMatchObject({
      recordsPerSecond: 250,
      wholeRecordsPerSecond: 300,
      startSeconds: 1,
      rssPeakBytes: 3_000,
    })
    expect(result.cpuMicrosecondsPerRecord).toBeCloseTo(8_000)
    expect(result.brokerCpuMicrosecondsPerRecord).toBeCloseTo(4_000)
    expect(result.othersShare).toBeCloseTo(0.125)
    expect(conclude({ name: 'millrace', round: 1, records: 1_000, startedAt: 10_000, warmUp: 0.05 }, watched)).toMatchObject({
      recordsPerSecond: 300,
    })
  })

  it('is not made up where there is none', () => {
    expect(() => conclude({ name: 'millrace', round: 1, records: 1_000, startedAt: 0 }, [])).toThrow('too few to measure')
  })
})

describe('the report of the benchmark', () => {
  const rounds = [
    measurement(10),
    measurement(30, { round: 2, rssPeakBytes: 900 }),
    measurement(20, { round: 3 }),
    measurement(5, { name: 'kafka-streams' }),
    measurement(10, { name: 'kafka-streams', round: 2 }),
  ]

  it('takes medians of rates, the worst of memory, and only the rounds of the one it speaks of', () => {
    expect(summarise('millrace', rounds)).toMatchObject({
      rounds: 3,
      recordsPerSecond: { min: 10, median: 20, max: 30 },
      cpuMicrosecondsPerRecord: 12,
      rssPeakBytes: 900,
      othersShare: undefined,
    })
  })

  it('gives the ratio of paired rounds with its spread, and none when one of the two has not run', () => {
    expect(ratio(rounds, (one) => one.recordsPerSecond)).toEqual({ min: 2, median: 2.5, max: 3 })
    expect(tableLines(rounds).at(-1)).toBe('Millrace by Kafka Streams: rate 2.50 (2.00-3.00), processor time 1.00 (1.00-1.00)')
    expect(ratio(rounds.slice(0, 3), (one) => one.recordsPerSecond)).toBeUndefined()
  })

  it('refuses numbers that are none, and nobody as contender', () => {
    expect(() => readOptions(['--records', 'many'])).toThrow('--records many is no positive whole number')
    expect(() => readOptions(['--contender', 'flink'])).toThrow('--contender flink is nobody')
    expect(readOptions(['--profile'])).toMatchObject({ contender: 'millrace', rounds: 1, records: undefined })
    expect(readOptions(['--only=a,b', '--quick'])).toMatchObject({ only: ['a', 'b'], rounds: 1 })
    expect(readOptions(['--only=', '--rounds='])).toMatchObject({ only: [], rounds: 3 })
  })
})

describe('a CPU profile', () => {
  it('gives what libraries and Node take to the nearest caller that is ours, by stage', () => {
    const frame = (functionName: string, path = '') => ({ functionName, url: path && `file://${repositoryRoot}/${path}`, lineNumber: 1 })
    const nodes = [
      { id: 1, callFrame: frame('(root)'), children: [2, 8, 9] },
      { id: 2, callFrame: frame('turn', 'libs/runtime/task/task-run.ts'), children: [3, 5] },
      { id: 3, callFrame: frame('read', 'libs/dataflow/source.ts'), children: [4] },
      { id: 4, callFrame: frame('parse') },
      { id: 5, callFrame: frame('freeze', 'libs/state/overlay.ts'), children: [6] },
      { id: 6, callFrame: frame('encode', 'libs/dataflow/formats.ts'), children: [7] },
      { id: 7, callFrame: frame('stringify') },
      { id: 8, callFrame: frame('(idle)') },
      { id: 9, callFrame: frame('(program)') },
    ]
    const profile = { nodes, samples: [2, 3, 4, 5, 7, 8, 9], timeDeltas: [1_000, 2_000, 3_000, 100, 400, 9_000, 200] }
    // A codec is called by whoever needs it: by the freezing of state here.
    expect([...stageTimes(profile)]).toEqual([
      ['deserialize', 5],
      ['task loop and commit', 1],
      ['serialize state', 0.5],
      ['rest', 0.2],
    ])
    expect(threadOf(profile)).toBe('worker')
  })

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
