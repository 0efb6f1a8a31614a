/** Every expression in the dashboard and in the alerts asks for metrics and labels that a worker's /metrics has. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { Metrics } from '../../../libs/telemetry/metrics.ts'
import { repositoryRoot } from '../../support/architecture/source-file.ts'
import { promqlNames } from '../../support/promql.ts'

/** Labels that Prometheus itself adds to what it scrapes, or keeps for histograms. */
const labelsOfPrometheus = ['job', 'instance', 'le']

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.union([
          z.object({ alert: z.string(), expr: z.string(), annotations: z.record(z.string(), z.string()) }),
          z.strictObject({ record: z.string(), expr: z.string() }),
        ]),
      ),
    }),
  ),
})
const Dashboard = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).optional() })),
  templating: z.object({ list: z.array(z.object({ name: z.string(), definition: z.string() })) }),
})

const all = Rules.parse(parse(read('deploy/prometheus/rules.yml'))).groups.flatMap((group) => group.rules)
const rules = all.flatMap((rule) => ('alert' in rule ? [rule] : []))
const recorded = all.flatMap((rule) => ('record' in rule ? [rule] : []))
const dashboard = Dashboard.parse(JSON.parse(read('deploy/grafana/dashboards/millrace.json')))
const exported = exportedMetrics()

const uses = [
  ...rules.map((rule) => ({ where: `alert ${rule.alert}`, expr: rule.expr })),
  ...recorded.map((rule) => ({ where: `recorded ${rule.record}`, expr: rule.expr })),
  ...dashboard.panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => ({ where: `panel ${panel.title}`, expr }))),
]

function read(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

/** Name in the text of /metrics → labels; a histogram gives three names. What is recorded is named by its labels: `job:name:rate`. */
function exportedMetrics(): Map<string, readonly string[]> {
  const metrics = new Metrics({ status: () => Promise.reject(new Error('no scrape happens here')) })
  const names = new Map<string, readonly string[]>([['up', []]])
  for (const metric of metrics.registry.getMetricsAsArray()) {
    const labels = z.object({ labelNames: z.array(z.string()).default([]) }).parse(metric).labelNames
    const ofHistogram = metric.name.endsWith('_duration_seconds') ? ['_bucket', '_sum', '_count'] : ['']
    for (const ending of ofHistogram) names.set(metric.name + ending, labels)
  }
  for (const { record } of recorded) names.set(record, record.split(':', 1))
  return names
}

function unknownIn(expr: string): string[] {
  const { metrics, groupLabels } = promqlNames(expr)
  const unknownMetrics = metrics.filter((metric) => !exported.has(metric.name)).map((metric) => metric.name)
  const wrongLabels = metrics.flatMap((metric) =>
    metric.labels.filter((label) => !knownLabels([metric.name]).includes(label)).map((label) => `${metric.name}{${label}}`),
  )
  const wrongGroups = groupLabels
    .filter((label) => !knownLabels(metrics.map((metric) => metric.name)).includes(label))
    .map((label) => `by (${label})`)
  return [...unknownMetrics, ...wrongLabels, ...wrongGroups]
}

function knownLabels(names: readonly string[]): string[] {
  return [...labelsOfPrometheus, ...names.flatMap((name) => exported.get(name) ?? [])]
}

describe('the dashboard and the alerts', () => {
  it('ask for something in each place', () => {
    expect(uses.length).toBeGreaterThan(20)
    for (const { where, expr } of uses) expect({ where, metrics: promqlNames(expr).metrics.length > 0 }).toEqual({ where, metrics: true })
  })

  it.each(uses)('$where asks only for metrics and labels that a worker exports', ({ expr }) => {
    expect(unknownIn(expr)).toEqual([])
  })

  it('offer choices (template variables) from metrics and labels that a worker exports', () => {
    for (const { definition } of dashboard.templating.list) {
      const [, name = '', label = ''] = /^label_values\((\w+), (\w+)\)$/u.exec(definition) ?? []
      expect(exported.has(name)).toBe(true)
      expect(knownLabels([name])).toContain(label)
    }
  })

  it('name only real metrics in their words too', () => {
    const words = [...rules.flatMap((rule) => Object.values(rule.annotations)), read('deploy/grafana/dashboards/millrace.json')].join(' ')
    const unknown = Array.from(words.matchAll(/\bmillrace_[a-z_]+/gu), ([name]) => name).filter((name) => !exported.has(name))

    expect(unknown).toEqual([])
  })

  it('say in each alert what to do', () => {
    for (const rule of rules) expect(rule.annotations['action']).toMatch(/\S/u)
  })
})

describe('the check itself', () => {
  it.each([
    { expr: 'sum by (task) (rate(millrace_commit_total[5m]))', unknown: ['millrace_commit_total', 'by (task)'] },
    { expr: 'max by (partition) (millrace_event_loop_delay_seconds)', unknown: ['by (partition)'] },
    { expr: 'millrace_lag_seconds{group="x"} > 1', unknown: ['millrace_lag_seconds{group}'] },
    {
      expr: 'histogram_quantile(0.5, sum by (le) (rate(millrace_commit_duration_seconds[1m])))',
      unknown: ['millrace_commit_duration_seconds'],
    },
    { expr: 'a_made_up_metric or vector(0)', unknown: ['a_made_up_metric'] },
    { expr: '0.1 * sum without (task) (millrace_lag_records offset 5m) > bool 1e3 and on (task) up{job="millrace"}', unknown: [] },
  ])('finds what is not exported in $expr', ({ expr, unknown }) => {
    expect(unknownIn(expr)).toEqual(unknown)
  })
})
