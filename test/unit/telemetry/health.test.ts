import { describe, expect, it } from '@jest/globals'
import { healthOf } from '../../../libs/telemetry/health.ts'
import { NOW, restoringTask, runningTask, statusOf } from './status-sample.ts'

const { worker } = statusOf([])
const LIVENESS_MS = 60_000

describe('liveness', () => {
  it('holds while the loop turns', () => {
    expect(healthOf(statusOf([runningTask]), NOW, LIVENESS_MS).live.ok).toBe(true)
  })

  it('holds for a loop that sleeps because nothing waits', () => {
    const idle = { ...runningTask, inputs: runningTask.inputs.map((input) => ({ ...input, bufferedRecords: 0, lagRecords: 0 })) }
    expect(healthOf(statusOf([idle]), NOW + 10 * LIVENESS_MS, LIVENESS_MS).live.ok).toBe(true)
  })

  it('fails when records wait and the loop has made no turn for too long, and says for how long', () => {
    const { live } = healthOf(statusOf([runningTask]), NOW + LIVENESS_MS + 1_000, LIVENESS_MS)
    expect(live).toEqual({ ok: false, why: 'records wait, but the loop of the engine has made no turn for 61 s' })
  })

  it.each(['starting', 'rebalancing', 'stopping'] as const)('is not failed by a worker that is %s', (state) => {
    expect(healthOf(statusOf([], { worker: { ...worker, state } }), NOW, LIVENESS_MS).live.ok).toBe(true)
  })

  it('is not failed by a long restore', () => {
    expect(healthOf(statusOf([restoringTask]), NOW, LIVENESS_MS).live.ok).toBe(true)
  })

  it('fails with the reason when the worker has failed', () => {
    const fault = { code: 'MR3022', message: 'the broker refuses the login', at: NOW }
    const { live } = healthOf(statusOf([], { worker: { ...worker, state: 'failed' }, fault }), NOW, LIVENESS_MS)
    expect(live).toEqual({ ok: false, why: 'the worker has failed: the broker refuses the login' })
  })
})

describe('readiness', () => {
  it('holds when all tasks run', () => {
    expect(healthOf(statusOf([runningTask]), NOW, LIVENESS_MS).ready).toEqual({ ok: true, why: '1 task' })
  })

  it('holds for a worker without tasks, else a spare worker would never be ready', () => {
    expect(healthOf(statusOf([]), NOW, LIVENESS_MS).ready.ok).toBe(true)
  })

  it.each(['starting', 'stopping', 'stopped', 'failed'] as const)('fails while the worker is %s', (state) => {
    expect(healthOf(statusOf([], { worker: { ...worker, state } }), NOW, LIVENESS_MS).ready.ok).toBe(false)
  })

  it('fails while a task restores, which is shown with its progress and a flag not to scale', () => {
    const health = healthOf(statusOf([runningTask, restoringTask]), NOW, LIVENESS_MS)
    expect(health).toMatchObject({ restoring: true, restoreRemaining: 600, doNotScale: true })
    expect(health.ready.why).toContain('rides.1 (restoring)')
  })
})
