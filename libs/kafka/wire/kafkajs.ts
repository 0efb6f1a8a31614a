/**
 * All that Millrace uses of kafkajs, with types: a connection with TLS, SASL, request queue and time-outs. Reached
 * inside the package, which is pinned at exactly 2.2.4 and has no `exports` map; self-test.ts checks both at the start.
 *
 * Requests, records, transactions, groups and fetching are our own: those of kafkajs are wrong where exactly-once needs them
 * (kafka-client.md K1-K14).
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

export interface Answered {
  /** Behind the correlation id. */
  readonly payload: Buffer
}

export interface QueuedRequest {
  readonly entry: {
    readonly apiKey: number
    readonly apiName: string
    readonly apiVersion: number
    readonly correlationId: number
    resolve(answered: Answered): void
    reject(error: Error): void
  }
  readonly expectResponse: boolean
  readonly requestTimeout: number
  sendRequest(): void
}

export interface KafkajsConnection {
  readonly socket: Socket | undefined
  connect(): Promise<boolean>
  disconnect(): Promise<boolean>
  authenticate(): Promise<void>
  isConnected(): boolean
  isAuthenticated(): boolean
  setVersions(versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>): void
  setSupportAuthenticationProtocol(isSupported: boolean): void
  readonly clientId: string
  readonly requestQueue: {
    push(request: QueuedRequest): void
    /** Gives an answer to who asked for it; `size`: with the correlation id. */
    fulfillRequest(answer: { readonly size: number; readonly correlationId: number; readonly payload: Buffer }): void
  }
  /** Takes what the socket has received. */
  processData(bytes: Uint8Array): void
  nextCorrelationId(): number
  /** Throws. */
  failIfNotConnected(): void
  rejectRequests(error: Error): void
}

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger
  debug(message: string, extra?: object): void
  info(message: string, extra?: object): void
  warn(message: string, extra?: object): void
  error(message: string, extra?: object): void
}

export interface SocketTarget {
  readonly host: string
  readonly port: number
  readonly ssl: object | null
  readonly onConnect: () => void
}

export interface KafkajsConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly logger: KafkajsLogger
  readonly socketFactory: (target: SocketTarget) => Socket
  readonly ssl: object | null
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | null
  readonly connectionTimeout: number
  readonly requestTimeout: number
}

export interface KafkajsRequestQueue {
  readonly throttleCheckTimeoutId: NodeJS.Timeout | null
  scheduleCheckPendingRequests(): void
  destroy(): void
}

// `require` answers untyped values; the types above are the claim, checked by the conformance suite on a real broker.
const require = createRequire(import.meta.url)

export const Connection: new (options: KafkajsConnectionOptions) => KafkajsConnection = require('kafkajs/src/network/connection')

export const RequestQueue: new (options: {
  maxInFlightRequests: number | null
  requestTimeout: number
  enforceRequestTimeout: boolean
  clientId: string
  broker: string
  logger: KafkajsLogger
}) => KafkajsRequestQueue = require('kafkajs/src/network/requestQueue')

const errors: {
  readonly KafkaJSSASLAuthenticationError: new (message: string) => Error
  readonly KafkaJSRequestTimeoutError: new (message: string) => Error
} = require('kafkajs/src/errors')

export const isTimeout = (error: unknown): boolean => error instanceof errors.KafkaJSRequestTimeoutError

/** kafkajs throws its own class, or the broker's answer with one of these types. */
export const isAuthenticationFailure = (error: unknown): boolean =>
  error instanceof errors.KafkaJSSASLAuthenticationError ||
  (error instanceof Error &&
    'type' in error &&
    ['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE'].includes(String(error.type)))

const manifest: { readonly version: string } = require('kafkajs/package.json')
export const kafkajsVersion = manifest.version
