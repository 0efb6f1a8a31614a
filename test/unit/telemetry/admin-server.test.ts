import { afterEach, describe, expect, it } from '@jest/globals'
import { request } from 'node:http'
import { Fault } from '../../../libs/faults/fault.ts'
import { AdminServer, type AdminServerOptions } from '../../../libs/telemetry/admin-server.ts'
import { restoringTask, runningTask, statusOf } from './status-sample.ts'

const servers: AdminServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function serve(options: Partial<AdminServerOptions> = {}): Promise<AdminServer> {
  const server = await AdminServer.start({
    host: '127.0.0.1',
    port: 0,
    status: () => statusOf([runningTask], { worker: { ...statusOf([]).worker, lastTurnAt: Date.now() } }),
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('millrace_info 1\n') },
    topology: (format) => (format === 'json' ? { contentType: 'application/json', text: '{"name":"surge"}' } : undefined),
    readState: (store, key) =>
      store === 'demand' && key === 'cell/7' ? { found: true, task: 'rides.0', value: { total: 3 } } : { found: false, why: 'no such key' },
    ...options,
  })
  servers.push(server)
  return server
}

interface Reply {
  readonly code: number
  readonly type: string
  readonly text: string
}

/** node:http, since fetch does not let a test choose the Host header. */
function ask(
  server: AdminServer,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: server.port, path, method: options.method ?? 'GET', headers: options.headers ?? {} },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (text += part))
        response.on('end', () => resolve({ code: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }))
      },
    )
    call.on('error', reject)
    call.end(options.body)
  })
}

const bearer = (token: string): { readonly headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${token}` } })

describe('the admin server', () => {
  it('answers the status document as JSON', async () => {
    const { code, type, text } = await ask(await serve(), '/status')
    expect([code, type]).toEqual([200, 'application/json; charset=utf-8'])
    expect(JSON.parse(text)).toMatchObject({ version: 1, tasks: [{ name: 'rides.0' }] })
  })

  it('answers metrics with their own content type', async () => {
    expect(await ask(await serve(), '/metrics')).toEqual({ code: 200, type: 'text/plain; version=0.0.4', text: 'millrace_info 1\n' })
  })

  it('answers 503 with the reason when the worker is not live or not ready', async () => {
    const stale = await serve({ status: () => statusOf([runningTask, restoringTask]) })
    const [live, ready] = await Promise.all([ask(stale, '/live'), ask(stale, '/ready')])
    expect([live.code, ready.code]).toEqual([503, 503])
    expect(JSON.parse(live.text)).toMatchObject({ ok: false, why: expect.stringContaining('no turn') })
    expect(JSON.parse(ready.text)).toMatchObject({ ok: false, restoring: true, doNotScale: true, restoreRemaining: 600 })
  })

  it('answers the topology in the format that was asked for, and refuses others', async () => {
    const server = await serve()
    expect((await ask(server, '/topology')).text).toBe('{"name":"surge"}')
    expect((await ask(server, '/topology?format=gif')).code).toBe(400)
  })

  it('looks a key up, with slashes in it percent-encoded', async () => {
    const server = await serve()
    expect(JSON.parse((await ask(server, '/state/demand/cell%2F7')).text)).toEqual({
      store: 'demand',
      key: 'cell/7',
      found: true,
      task: 'rides.0',
      value: { total: 3 },
    })
    expect((await ask(server, '/state/demand/other')).code).toBe(404)
  })

  it('takes the last part of the path for the key, since names of stores may have levels', async () => {
    const asked: string[] = []
    const server = await serve({
      readState: (store, key) => {
        asked.push(store, key)
        return { found: false, why: 'no such key' }
      },
    })
    await ask(server, '/state/order/decide/k1')
    expect(asked).toEqual(['order/decide', 'k1'])
  })

  it('writes values that JSON does not have as text', async () => {
    const server = await serve({
      readState: () => ({ found: true, task: 't', value: { big: 10n, map: new Map([['a', 1]]), bytes: new Uint8Array([1, 2]) } }),
    })
    expect(JSON.parse((await ask(server, '/state/s/k')).text)).toMatchObject({ value: { big: '10', map: [['a', 1]], bytes: 'AQI=' } })
  })

  it('answers HEAD without a body', async () => {
    expect(await ask(await serve(), '/status', { method: 'HEAD' })).toMatchObject({ code: 200, text: '' })
  })

  it('says where it listens, and fails with MR2020 when the port is taken', async () => {
    const server = await serve()
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    const second = await serve({ port: server.port }).catch((error: unknown) => error)
    expect(second).toBeInstanceOf(Fault)
    expect(second).toMatchObject({ code: 'MR2020', message: expect.stringContaining('another process has it') })
  })
})

describe('the admin server refuses', () => {
  it.each([
    ['writing', '/status', { method: 'POST' }, 405],
    ['a body', '/status', { body: 'x', headers: { 'content-length': '1' } }, 413],
    ['an address that is too long', `/state/s/${'k'.repeat(3_000)}`, {}, 414],
    ['broken percent encoding', '/state/s/%zz', {}, 400],
    ['a foreign Host on a loopback address (DNS rebinding)', '/metrics', { headers: { host: 'evil.example' } }, 421],
    ['a path that is none', '/admin', {}, 404],
    ['state without a key', '/state/demand', {}, 400],
  ])('%s', async (_what, path, options, code) => {
    const reply = await ask(await serve(), path, options)
    expect(reply.code).toBe(code)
    expect(JSON.parse(reply.text)).toMatchObject({ error: { message: expect.any(String) } })
  })

  it('to tell details of an error; the log gets them', async () => {
    const errors: unknown[] = []
    const server = await serve({
      onError: (error) => errors.push(error),
      readState: () => {
        throw new Error('secret path /var/x')
      },
    })
    const reply = await ask(server, '/state/s/k')
    expect(reply.code).toBe(500)
    expect(reply.text).not.toContain('/var/x')
    expect(errors).toHaveLength(1)
  })
})

describe('access to the admin server', () => {
  const tokens = { adminToken: 'admin-token', stateReadsToken: 'state-token' }

  it.each(['/live', '/ready', '/metrics'])('%s needs no token: it shows no data', async (path) => {
    expect((await ask(await serve({ host: '0.0.0.0', ...tokens }), path)).code).toBe(200)
  })

  it.each(['/status', '/topology', '/state/demand/cell%2F7'])('%s is closed when others can reach it and no token is set', async (path) => {
    const reply = await ask(await serve({ host: '0.0.0.0' }), path)
    expect(reply.code).toBe(403)
    expect(reply.text).toContain('adminToken')
  })

  it.each([
    ['/status', 'admin-token', 200],
    ['/status', 'state-token', 401],
    ['/status', 'wrong', 401],
    ['/topology', 'admin-token', 200],
    ['/state/demand/cell%2F7', 'state-token', 200],
    ['/state/demand/cell%2F7', 'admin-token', 401],
  ])('%s with the token %s answers %d', async (path, token, code) => {
    expect((await ask(await serve({ host: '0.0.0.0', ...tokens }), path, bearer(token))).code).toBe(code)
  })

  it('without a token of its own, state is read with the admin token', async () => {
    const server = await serve({ host: '0.0.0.0', adminToken: 'admin-token' })
    expect((await ask(server, '/state/demand/cell%2F7', bearer('admin-token'))).code).toBe(200)
  })

  it('a token that is set is needed on a loopback address too', async () => {
    expect((await ask(await serve({ adminToken: 'admin-token' }), '/status')).code).toBe(401)
  })
})
