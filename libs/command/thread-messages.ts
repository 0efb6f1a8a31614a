/** What the main thread and a worker's thread say to each other. Plain values: they are copied from thread to thread. */
import { Fault, type FaultAction, type FaultCode, type FaultPlace } from '../faults/fault.ts'
import type { BatchRequest } from '../runtime/batch/bounds.ts'
import type { WorkerStatus } from '../runtime/worker/status.ts'
import type { ExitReason } from '../runtime/worker/worker.ts'
import type { StateAnswer } from '../telemetry/admin-server.ts'
import type { SettingsRequest } from './configuration-source.ts'
import type { StateQuestion } from './workers.ts'

/** Given at birth. The thread reads the settings itself: secrets are not copied about. */
export interface ThreadProgram {
  readonly module: string
  readonly request: SettingsRequest
  readonly asJson: boolean
}

/** One worker, told when its seat is taken. */
export interface ThreadTask {
  readonly id: string
  readonly directory: string
  readonly seats: number
  readonly batch: BatchRequest | undefined
}

export type ToThread = { readonly kind: 'open'; readonly task: ThreadTask } | CallToThread

export type CallToThread =
  | { readonly kind: 'start' | 'stop' | 'status'; readonly call: number }
  | { readonly kind: 'read-state'; readonly call: number; readonly question: StateQuestion }
  | { readonly kind: 'limit-memory'; readonly call: number; readonly share: number }

/** What a call gives back; nothing for start, stop and limit-memory. */
export type Result =
  { readonly kind: 'status'; readonly status: WorkerStatus } | { readonly kind: 'state'; readonly answer: StateAnswer } | undefined

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly call: number; readonly result: Result; readonly error?: ErrorMessage | undefined }
  | { readonly kind: 'commit'; readonly task: string; readonly durationMs: number }
  | { readonly kind: 'done'; readonly fault: ErrorMessage | undefined }

/** An error as plain values. */
export interface ErrorMessage {
  readonly code: FaultCode | undefined
  readonly action: FaultAction
  readonly message: string
  readonly place: FaultPlace
  readonly stack: string | undefined
}

export function errorMessage(error: unknown): ErrorMessage {
  if (error instanceof Fault)
    return { code: error.code, action: error.action, message: error.message, place: error.place, stack: error.stack }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: undefined, action: 'stop', message, place: {}, stack }
}

export function errorOf({ code, action, message, place, stack }: ErrorMessage): Error {
  if (code !== undefined) return new Fault(code, action, message, { place })
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}

export const reasonOf = (fault: ErrorMessage | undefined): ExitReason =>
  fault === undefined ? { kind: 'stopped' } : { kind: 'failed', fault: errorOf(fault) }
