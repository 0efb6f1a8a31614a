import { describe, expect, it } from '@jest/globals'
import { niceStep, short, svgOf } from '../../benchmark/kappa/charts.ts'
import { chartsOf, documentOf } from '../../benchmark/kappa/document.ts'
import type { Measurement } from '../../benchmark/kappa/measure.ts'
import { merged, nothing, type Circumstances, type Results } from '../../benchmark/kappa/results.ts'

const circumstances: Circumstances = { date: '2026-11-21', commit: 'abc', command: 'make bench', machine: '2 x chip', versions: 'Node 24' }
const measurement = (name: Measurement['name'], recordsPerSecond: number): Measurement => ({
  name,
  round: 1,
  records: 10,
  recordsPerSecond,
  wholeRecordsPerSecond: recordsPerSecond,
  startSeconds: 1,
  rssPeakBytes: 2 ** 20,
  cpuMicrosecondsPerRecord: 5,
  brokerCpuMicrosecondsPerRecord: undefined,
  othersShare: undefined,
})
const workload = (rate: number): Results => ({
  ...nothing,
  workloads: {
    sum: {
      title: 'sums',
      size: { records: 10, keys: 1, partitions: 1 },
      threads: 1,
      commitIntervalMs: 100,
      wanted: 1,
      measurements: [measurement('millrace', rate), measurement('kafka-streams', 100)],
      circumstances,
    },
  },
})
const empty = '<!-- made by make bench: begin -->\n<!-- made by make bench: end -->'
const section: Results = {
  ...nothing,
  sections: {
    restart: {
      section: { title: 'Restart', notes: ['A note.'], tables: [{ head: ['who', 's'], rows: [['a|b', '1']] }], charts: [] },
      circumstances: { ...circumstances, command: 'make bench ONLY=restart' },
    },
  },
}

describe('what was measured', () => {
  it('is replaced where it was measured again, and kept elsewhere', () => {
    const all = merged(merged(workload(100), section), workload(200))
    expect(Object.keys(all.sections)).toEqual(['restart'])
    expect(all.workloads['sum']?.measurements[0]?.recordsPerSecond).toBe(200)
  })

  it('is shown with ratio, machine and command, between the marks of the document', () => {
    const first = documentOf(merged(workload(150), section), empty)
    expect(first).toContain('`sum`: sums | 150 | 100 | 1.50 (1.50-1.50) | 1.0 | 1')
    expect(first).toContain('- Machine: 2 x chip')
    expect(first).toContain('| a\\|b | 1 |')
    expect(first).toContain('`make bench ONLY=restart`')
    const edited = `Before.\n${first}\nAfter.`
    const second = documentOf(workload(300), edited)
    expect(second).toContain('3.00 (3.00-3.00)')
    expect(second).not.toContain('1.50')
    expect(second.startsWith('Before.')).toBe(true)
    expect(second.endsWith('After.')).toBe(true)
    expect(() => documentOf(workload(1), 'no marks')).toThrow('has lost its marks')
  })
})

describe('the charts', () => {
  it('draw a bar as long as its value is of the largest', () => {
    const [chart] = chartsOf(workload(50))
    if (chart === undefined) throw new Error('no chart')
    const widths = [...svgOf(chart).matchAll(/<rect x="230" y="\d+" width="([\d.]+)"/gu)].map((match) => Number(match[1]))
    expect(widths).toEqual([185, 370])
  })

  it('draw lines from the lowest x to the highest, and escape what they are given', () => {
    const points = [1, 10, 100].map((x) => ({ x, y: x }))
    const svg = svgOf({ kind: 'lines', name: 'x', title: 'a < b & c', xTitle: 'keys', series: [{ name: 'Millrace', points }] })
    expect(svg).toContain('a &lt; b &amp; c')
    const circles = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/gu)].map((match) => [Number(match[1]), Number(match[2])])
    // Factors of ten are equally far apart.
    expect(circles.map(([x]) => x)).toEqual([70, 353, 636])
    expect(circles[2]?.[1]).toBeLessThan(circles[0]?.[1] ?? 0)
  })

  it.each([
    [1_234_567, '1.23M'],
    [94_000, '94k'],
    [1_200, '1,200'],
    [1.234, '1.23'],
  ])('write %d as %s', (value, text) => expect(short(value)).toBe(text))

  it.each([
    [100, 20],
    [7, 2],
    [0.9, 0.2],
    [55_000, 20_000],
  ])('divide an axis to %d by %d', (largest, step) => expect(niceStep(largest)).toBeCloseTo(step))
})
