/**
 * The admin HTTP server of a worker: /status /metrics /live /ready /topology /state/<store>/<key>. Read only.
 *
 * Every request passes the same gate in `answer` before any handler: method, length, Host, then the token that the route's
 * `access` asks for. A route cannot be added without saying its access. Errors are JSON `{ error: { code, message } }`.
 *
 * - public: no data values, no token (/live, /ready, /metrics).
 * - admin: token needed when one is set, or when bound to an address that others reach.
 * - data: shows values of the user's data; as admin, with a token of its own if set.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../faults/fault.ts'
import { healthOf } from './health.ts'
import { jsonSafe } from './json-safe.ts'
import type { StatusView } from './status-view.ts'

export const adminLimits = {
  /** Characters of a request target: long enough for a percent-encoded key of 500 bytes. */
  urlLengthMax: 2_048,
  headerBytesMax: 8_192,
  /** Time to send the head of a request, and the whole of it. */
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 5_000,
  connectionsMax: 64,
  /** A handler that takes longer is answered with 503. */
  answerTimeoutMs: 5_000,
} as const

/** The answer to a look-up of one key. */
export type StateAnswer =
  | { readonly found: true; readonly task: string; readonly value: unknown }
  | { readonly found: false; readonly why: string; readonly stores?: readonly string[] | undefined }

export interface AdminServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly status: () => StatusView | Promise<StatusView>
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  /** Undefined: that format is not known. */
  readonly topology: (format: string) => { readonly contentType: string; readonly text: string } | undefined
  /** `query`: what stands behind the question mark. */
  readonly readState?: ((store: string, key: string, query: URLSearchParams) => StateAnswer | Promise<StateAnswer>) | undefined
  readonly adminToken?: string | undefined
  readonly stateReadsToken?: string | undefined
  /** Default 60,000. */
  readonly livenessMs?: number | undefined
  /** Called when a handler throws: the answer itself tells no details. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined
}

type Access = 'public' | 'admin' | 'data'

interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Route {
  readonly access: Access
  /** First segment of the path, or empty for `/`. */
  readonly name: string
  readonly handle: (rest: readonly string[], query: URLSearchParams) => Promise<Answer>
}

export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server
  readonly #routes: readonly Route[]

  private constructor(options: AdminServerOptions) {
    this.#options = options
    this.#routes = routesOf(options)
    this.#server = createServer({
      maxHeaderSize: adminLimits.headerBytesMax,
      headersTimeout: adminLimits.headersTimeoutMs,
      requestTimeout: adminLimits.requestTimeoutMs,
    })
    this.#server.keepAliveTimeout = adminLimits.keepAliveTimeoutMs
    this.#server.maxConnections = adminLimits.connectionsMax
    this.#server.on('request', (request, response) => void this.#respond(request, response))
  }

  /** Resolves when it listens. Fault MR2020 when the address cannot be had. */
  static async start(options: AdminServerOptions): Promise<AdminServer> {
    const admin = new AdminServer(options)
    await new Promise<void>((resolve, reject) => {
      admin.#server.once('error', (error) => reject(cannotListen(options, error)))
      admin.#server.listen(options.port, options.host, resolve)
    })
    return admin
  }

  get port(): number {
    // A server that listens on TCP has an AddressInfo; the text form is for pipes only.
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    const host = this.#options.host.includes(':') ? `[${this.#options.host}]` : this.#options.host
    return `http://${host}:${this.port}`
  }

  /** Lets no connection linger. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request)
    response.writeHead(answer.code, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...answer.headers,
    })
    response.end(request.method === 'HEAD' ? undefined : answer.body)
    if (!request.complete) request.destroy()
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const target = request.url ?? '/'
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { ...refusal(405, 'method', 'this server is read only: GET or HEAD'), headers: { allow: 'GET, HEAD' } }
    if (hasBody(request)) return refusal(413, 'body', 'requests have no body here')
    if (target.length > adminLimits.urlLengthMax)
      return refusal(414, 'url', `the address is longer than ${adminLimits.urlLengthMax} characters`)
    if (isLoopback(this.#options.host) && !isLocalName(request.headers.host))
      return refusal(421, 'host', 'this server answers to localhost only')
    const parsed = parseTarget(target)
    if (parsed === undefined) return refusal(400, 'url', 'the address cannot be read: check its percent encoding')
    const [name = '', ...rest] = parsed.segments
    const route = this.#routes.find((one) => one.name === name)
    if (route === undefined) return refusal(404, 'path', `no such path; there are ${this.#routes.map((one) => `/${one.name}`).join(' ')}`)
    const refused = this.#refused(route.access, request.headers.authorization)
    if (refused !== undefined) return refused
    return this.#handled(route, rest, parsed.query)
  }

  async #handled(route: Route, rest: readonly string[], query: URLSearchParams): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Answer>((resolve) => {
      timer = setTimeout(resolve, adminLimits.answerTimeoutMs, refusal(503, 'timeout', 'no answer in time: the worker is busy; try again'))
    })
    try {
      return await Promise.race([route.handle(rest, query), late])
    } catch (error) {
      this.#options.onError?.(error, `/${route.name}`)
      return error instanceof Fault
        ? refusal(503, error.code, error.message)
        : refusal(500, 'internal', 'the request failed; the log of the worker has the reason')
    } finally {
      clearTimeout(timer)
    }
  }

  #refused(access: Access, authorization: string | undefined): Answer | undefined {
    if (access === 'public') return undefined
    const { adminToken, stateReadsToken, host } = this.#options
    const token = access === 'data' ? (stateReadsToken ?? adminToken) : adminToken
    const setting = access === 'data' ? 'stateReadsToken or adminToken' : 'adminToken'
    if (token === undefined) {
      if (isLoopback(host)) return undefined
      return refusal(403, 'token', `bound to ${host}, this path needs a token and none is set: set ${setting} (env:NAME or file:path)`)
    }
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (given !== undefined && sameText(given, token)) return undefined
    return { ...refusal(401, 'token', `send the header "Authorization: Bearer <${setting}>"`), headers: { 'www-authenticate': 'Bearer' } }
  }
}

function routesOf(options: AdminServerOptions): readonly Route[] {
  const health = async (): Promise<ReturnType<typeof healthOf>> =>
    healthOf(await options.status(), Date.now(), options.livenessMs ?? 60_000)
  return [
    { access: 'public', name: 'live', handle: async () => verdict((await health()).live, {}) },
    {
      access: 'public',
      name: 'ready',
      handle: async () => {
        const { ready, restoring, restoreRemaining, doNotScale } = await health()
        return verdict(ready, { restoring, restoreRemaining, doNotScale })
      },
    },
    {
      access: 'public',
      name: 'metrics',
      handle: async () => ({ code: 200, type: options.metrics.contentType, body: await options.metrics.text() }),
    },
    { access: 'admin', name: 'status', handle: async () => json(200, await options.status()) },
    { access: 'admin', name: 'topology', handle: async (_rest, query) => topologyAnswer(options, query.get('format') ?? 'json') },
    { access: 'data', name: 'state', handle: (rest, query) => stateAnswer(options, rest, query) },
  ]
}

function topologyAnswer(options: AdminServerOptions, format: string): Answer {
  const found = options.topology(format)
  if (found === undefined) return refusal(400, 'format', 'format is json, text, mermaid or kafka-streams')
  return { code: 200, type: found.contentType, body: found.text }
}

async function stateAnswer(options: AdminServerOptions, rest: readonly string[], query: URLSearchParams): Promise<Answer> {
  // A step's name may hold slashes (`apply` adds levels), so the key is the last segment; slashes in it are percent-encoded.
  const key = rest.at(-1)
  const store = rest.slice(0, -1).join('/')
  if (key === undefined || store === '') return refusal(400, 'path', 'ask for /state/<store>/<key>, the key percent-encoded')
  if (options.readState === undefined) return refusal(404, 'state', 'this worker offers no reads of state')
  const answer = await options.readState(store, key, query)
  return json(
    answer.found ? 200 : 404,
    answer.found ? { store, key, ...answer } : { store, key, ...answer, error: { code: 'absent', message: answer.why } },
  )
}

const json = (code: number, value: unknown): Answer => ({
  code,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value, jsonSafe)}\n`,
})
const refusal = (code: number, name: string, message: string): Answer => json(code, { error: { code: name, message } })
const verdict = (one: { readonly ok: boolean; readonly why: string }, more: object): Answer =>
  json(one.ok ? 200 : 503, { ok: one.ok, why: one.why, ...more })

function parseTarget(target: string): { readonly segments: readonly string[]; readonly query: URLSearchParams } | undefined {
  const [path = '', query = ''] = target.split('?', 2)
  try {
    return { segments: path.split('/').slice(1).map(decodeURIComponent), query: new URLSearchParams(query) }
  } catch {
    return undefined // decodeURIComponent refuses what is no percent encoding.
  }
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)

/** A page in a browser can make any name point to 127.0.0.1 (DNS rebinding), but not send another Host than its own. */
function isLocalName(header: string | undefined): boolean {
  const name = (header ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return isLoopback(name.toLowerCase())
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function cannotListen(options: AdminServerOptions, error: Error): Fault {
  const reason = 'code' in error && error.code === 'EADDRINUSE' ? 'another process has it' : error.message
  return new Fault(
    'MR2020',
    'stop',
    `the admin server cannot listen on ${options.host}:${options.port}: ${reason}. Set adminPort to another port, or to 0 for any free one.`,
    { place: { at: 'adminPort' }, cause: error },
  )
}
