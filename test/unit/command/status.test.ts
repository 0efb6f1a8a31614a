import { afterEach, describe, expect, it } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { mergeStatuses } from '../../../libs/command/status-merge.ts'
import type { WorkerStatus } from '../../../libs/runtime/worker/status.ts'
import { AdminServer } from '../../../libs/telemetry/admin-server.ts'
import { NOW, restoringTask, runningTask, statusOf } from '../telemetry/status-sample.ts'
import { millrace } from './terminal.ts'

const open: { close(): unknown }[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

async function workerWith(status: WorkerStatus, adminToken?: string): Promise<string> {
  const server = await AdminServer.start({
    host: '127.0.0.1',
    port: 0,
    status: () => status,
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    topology: () => undefined,
    adminToken,
  })
  open.push(server)
  return server.url
}

async function serverThatSays(body: string): Promise<string> {
  const server: Server = createServer((_request, response) => response.end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('millrace status', () => {
  it('shows tasks with lag, watermark and what holds it back, restores and the advice not to scale', async () => {
    const url = await workerWith(statusOf([runningTask, restoringTask]))
    const { code, out } = await millrace(['status', '--admin', url])
    expect(code).toBe(exitCodes.ok)
    for (const part of [
      'surge v1',
      '1 of 2 tasks running',
      'rides.0',
      'rides:0',
      '600 of the changelog left',
      'ready in 3.0 s',
      'do not add or remove workers',
    ])
      expect(out).toContain(part)
  })

  it('with --json gives the status documents of all workers', async () => {
    const urls = await Promise.all([workerWith(statusOf([runningTask])), workerWith(statusOf([]))])
    const { out } = await millrace(['status', '--admin', urls.join(','), '--json'])
    expect(JSON.parse(out)).toEqual([statusOf([runningTask]), statusOf([])])
  })

  it('shows the fault of a stopped task; with --check ends with 5', async () => {
    const task = { ...runningTask, state: 'stopped' as const, fault: { code: 'MR5022', message: 'offsets were moved back', at: NOW } }
    const url = await workerWith(statusOf([task]))
    const { code, out } = await millrace(['status', '--admin', url])
    expect([code, out.includes('MR5022 offsets were moved back')]).toEqual([exitCodes.ok, true])
    expect((await millrace(['status', '--admin', url, '--check'])).code).toBe(exitCodes.fault)
  })

  it('sends the token of the settings, and says which setting is missing', async () => {
    const url = await workerWith(statusOf([]), 'hunter2')
    const refused = await millrace(['status', '--admin', url])
    expect([refused.code, refused.err.includes('MR2022'), refused.err.includes('adminToken')]).toEqual([exitCodes.failed, true, true])
    expect((await millrace(['status', '--admin', url, '--admin-token', 'env:T'], { environment: { T: 'hunter2' } })).code).toBe(
      exitCodes.ok,
    )
  })

  it.each([
    ['<html>', 'no JSON'],
    ['{"version":99,"tasks":[]}', 'no status document of version 1'],
  ])('does not believe the answer %s', async (body, hint) => {
    const { code, err } = await millrace(['status', '--admin', await serverThatSays(body)])
    expect(code).toBe(exitCodes.failed)
    expect(err).toContain('MR2021')
    expect(err).toContain(hint)
  })

  it('says that nothing answers', async () => {
    const url = await workerWith(statusOf([]))
    await Promise.all(open.splice(0).map((server) => server.close()))
    const { code, err } = await millrace(['status', '--admin', url.replace('http://', '')])
    expect(code).toBe(exitCodes.failed)
    expect(err).toContain('connection refused. Is the worker running?')
  })
})

describe('the workers of one process as one document', () => {
  const fast = statusOf([runningTask])
  const slow = statusOf([restoringTask], {
    worker: { ...fast.worker, id: 'w2', member: 'm2', state: 'rebalancing', lastTurnAt: NOW - 5_000 },
    eventLoopDelay: { meanMs: 9, p99Ms: 90, maxMs: 900 },
  })
  const both = mergeStatuses([fast, slow], 'host-1')

  it('has the tasks of all, and totals over them', () => {
    expect(both.tasks.map((task) => task.name)).toEqual(['rides.0', 'rides.1'])
    expect(both.totals).toMatchObject({ tasks: 2, running: 1, restoring: 1, processed: 160 })
    expect(both.doNotScale).toBe(true)
  })

  it('shows the state that asks most for attention, the oldest turn and the longest delay', () => {
    expect(both.worker).toMatchObject({ id: 'host-1', state: 'rebalancing', lastTurnAt: NOW - 5_000 })
    expect(both.eventLoopDelay.maxMs).toBe(900)
    expect(both.busySeconds).toBe(25)
  })
})
