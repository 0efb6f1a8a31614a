/** Asks running workers by their admin server. Every answer is checked before it is believed. */
import { Fault } from '../faults/fault.ts'
import { STATUS_VERSION, type WorkerStatus } from '../runtime/worker/status.ts'
import type { Settings } from '../runtime/settings/settings.ts'

/** A worker answers within five seconds or not at all (libs/telemetry/admin-server.ts). */
const ANSWER_TIMEOUT_MS = 6_000

/** Base addresses from --admin, or the one in the settings. */
export function adminUrls(flag: string | undefined, settings: Settings): string[] {
  const given = (flag ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  if (given.length > 0) return given.map((one) => (/^https?:\/\//.test(one) ? one : `http://${one}`).replace(/\/+$/, ''))
  const host = settings.adminHost === '0.0.0.0' || settings.adminHost === '::' ? '127.0.0.1' : settings.adminHost
  return [`http://${host.includes(':') ? `[${host}]` : host}:${settings.adminPort}`]
}

export interface AdminReply {
  readonly code: number
  readonly body: unknown
}

/** Faults MR2021 (no answer, or none that can be read) and MR2022 (refused). */
export async function askAdmin(base: string, path: string, token: string | undefined): Promise<AdminReply> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${base}${path}`, { headers, redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).catch(
    (error: unknown) => {
      throw new Fault(
        'MR2021',
        'retry',
        `no answer from ${base}: ${reasonOf(error)}. Is the worker running? Its log has a line "admin server listens".`,
        { cause: error },
      )
    },
  )
  const text = await response.text()
  const body = jsonOf(text)
  if (body === undefined)
    throw new Fault('MR2021', 'stop', `${base}${path} answered ${response.status}, but no JSON: is it a Millrace worker?`)
  if ([401, 403, 421].includes(response.status)) throw new Fault('MR2022', 'stop', `${base} refused ${path}: ${messageOf(body)}`)
  return { code: response.status, body }
}

export async function fetchStatus(base: string, token: string | undefined): Promise<WorkerStatus> {
  const { code, body } = await askAdmin(base, '/status', token)
  if (code !== 200) throw new Fault('MR2021', 'retry', `${base}/status answered ${code}: ${messageOf(body)}`)
  if (!isStatus(body)) {
    throw new Fault(
      'MR2021',
      'stop',
      `${base}/status is no status document of version ${STATUS_VERSION}: the worker runs another release of Millrace`,
    )
  }
  return body
}

/** The version promises the shape; a document of another version is not read. */
function isStatus(body: unknown): body is WorkerStatus {
  return (
    typeof body === 'object' &&
    body !== null &&
    'version' in body &&
    body.version === STATUS_VERSION &&
    'tasks' in body &&
    Array.isArray(body.tasks)
  )
}

/** `{ error: { message } }`, as the admin server answers. */
export function messageOf(body: unknown): string {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
  return typeof message === 'string' ? message : JSON.stringify(body).slice(0, 200)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // Told to the reader by the caller.
  }
}

/** By shape, not by class: the error may come from another realm. */
function reasonOf(error: unknown): string {
  if (textOf(error, 'name') === 'TimeoutError') return `nothing within ${ANSWER_TIMEOUT_MS / 1000} s`
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
  if (textOf(cause, 'code') === 'ECONNREFUSED') return 'connection refused'
  return textOf(cause, 'message') ?? textOf(error, 'message') ?? String(error)
}

function textOf(value: unknown, field: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined
  return typeof found === 'string' ? found : undefined
}
