import { describe, expect, it } from '@jest/globals'
import { Registry } from 'prom-client'
import { commitDuration, metricDefinitions } from '../../../libs/telemetry/metric-definitions.ts'
import { Metrics } from '../../../libs/telemetry/metrics.ts'
import { restoringTask, runningTask, statusOf } from './status-sample.ts'

const both = statusOf([runningTask, restoringTask])

describe('metrics', () => {
  it('show the status document in the words of Prometheus', async () => {
    const metrics = new Metrics({ status: () => both, processMetrics: false })
    metrics.observeCommit({ subTopology: 'rides', durationMs: 30 })
    const lines = (await metrics.text()).split('\n')
    for (const line of [
      'millrace_lag_records{task="rides.0",topic="rides",partition="0"} 20',
      'millrace_lag_seconds{task="rides.0",topic="rides",partition="0"} 1.5',
      'millrace_watermark_delay_seconds{task="rides.0"} 5',
      'millrace_records_total{task="rides.0",outcome="processed"} 80',
      'millrace_records_total{task="rides.0",outcome="late"} 2',
      'millrace_step_results_total{task="rides.0",step="demand"} 40',
      'millrace_commits_total{task="rides.0"} 7',
      'millrace_aborts_total{task="rides.0"} 1',
      'millrace_epoch{task="rides.0"} 1',
      'millrace_resets_total{task="rides.0"} 0',
      'millrace_restore_remaining_records{task="rides.1",step="demand"} 600',
      'millrace_tasks{state="restoring"} 1',
      'millrace_store_size_bytes{task="rides.0"} 4096',
      'millrace_do_not_scale 1',
      'millrace_memory_budget_bytes 1073741824',
      'millrace_memory_resident_bytes 536870912',
      'millrace_heap_growth_ratio 1.5',
      'millrace_memory_share_ratio 0.5',
      'millrace_event_loop_delay_seconds{quantile="0.99"} 0.005',
      'millrace_commit_duration_seconds_bucket{le="0.05",subtopology="rides"} 1',
    ])
      expect(lines).toContain(line)
  })

  it('leave out what is not known instead of showing zero', async () => {
    const metrics = new Metrics({ status: () => both, processMetrics: false })
    expect(await metrics.text()).not.toContain('millrace_watermark_delay_seconds{task="rides.1"}')
  })

  it('count the same at every scrape, and forget tasks that are gone', async () => {
    let status = both
    const metrics = new Metrics({ status: () => status, processMetrics: false })
    await metrics.text()
    expect(await metrics.text()).toContain('millrace_commits_total{task="rides.0"} 7')
    status = statusOf([restoringTask])
    await new Promise(setImmediate)
    expect(await metrics.text()).not.toContain('millrace_commits_total{task="rides.0"}')
  })

  it('read the status document once for each scrape', async () => {
    let reads = 0
    const metrics = new Metrics({
      status: () => {
        reads++
        return both
      },
      processMetrics: false,
    })
    await metrics.text()
    expect(reads).toBe(1)
  })

  it('go into the registry of the host when it gives one, without metrics of the process', async () => {
    const registry = new Registry()
    const metrics = new Metrics({ status: () => both, registry })
    expect(metrics.registry).toBe(registry)
    expect(await registry.metrics()).toContain('millrace_info')
    expect(await registry.metrics()).not.toContain('process_cpu')
  })
})

describe('the list of metrics', () => {
  it('asks in every help text a question of the operator', () => {
    for (const { help } of [...metricDefinitions, commitDuration]) expect(help).toContain('?')
  })

  it('follows the naming of Prometheus: counters end in _total, base units', () => {
    for (const { name, type } of metricDefinitions) {
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb)(_|$)/)
    }
  })

  it('has each name once', () => {
    const names = metricDefinitions.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it('has labels that the topology bounds, and gives each sample exactly those', () => {
    const bounded = new Set([
      'task',
      'topic',
      'partition',
      'step',
      'state',
      'role',
      'outcome',
      'quantile',
      'code',
      'application',
      'version',
      'worker',
      'millrace',
      'node',
    ])
    const faulty = statusOf([{ ...runningTask, fault: { code: 'MR5022', message: 'offsets were moved back', at: 0 } }, restoringTask])
    for (const { labels, read } of metricDefinitions) {
      expect(labels.filter((label) => !bounded.has(label))).toEqual([])
      const samples = read(faulty)
      expect(samples.length).toBeGreaterThan(0)
      for (const sample of samples) expect(Object.keys(sample.labels).sort()).toEqual([...labels].sort())
    }
  })
})
