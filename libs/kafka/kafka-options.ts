/**
 * How to reach the cluster: what a user may set, its defaults, and what the connections are made from.
 */
import { readFileSync } from 'node:fs'
import { Fault } from '../faults/fault.ts'
import { packerOf } from './codec/compression.ts'
import type { Compression, Packer } from './codec/compression.ts'

export interface KafkaOptions {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[]
  /** Shown in the broker's logs and quotas. Default `millrace`. */
  readonly clientId?: string | undefined
  /** TLS. `true`: the system's certificate authorities. Default: none. */
  readonly ssl?: boolean | KafkaTls | undefined
  readonly sasl?: KafkaSasl | undefined
  /** A TCP or TLS connection must be there after this time, ms. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined
  /** A request without an answer after this time has an unknown outcome, ms. Default 15,000. */
  readonly requestTimeoutMs?: number | undefined
  /** With no broker answering at all for this time a call fails with MR3020, ms. Default 15,000. */
  readonly unreachableAfterMs?: number | undefined
  /** Of the record batches that are written. Default `none`. What is read may be compressed in any way. */
  readonly compression?: Compression | undefined
  /** What the connections have to say. Default: nobody listens. */
  readonly log?: KafkaLogger | undefined
}

/** PEM files. */
export interface KafkaTls {
  /** Certificate authorities. Default: the system's. */
  readonly caFile?: string | undefined
  /** Client certificate and key, for mutual TLS. */
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** Default true. False accepts any certificate: for tests only. */
  readonly verify?: boolean | undefined
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export type KafkaLogger = (level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>) => void

export interface Address {
  readonly host: string
  readonly port: number
}

export const addressText = ({ host, port }: Address): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** The options with every default filled in and every file read. */
export interface KafkaSettings {
  readonly seeds: readonly Address[]
  readonly clientId: string
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly rejectUnauthorized: boolean } | null
  readonly sasl: KafkaSasl | null
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly unreachableAfterMs: number
  readonly packer: Packer | undefined
  readonly log: KafkaLogger
}

/** Faults: MR3025 (`stop`) for a list that is empty, an address or number that makes no sense, a file that cannot be read. */
export function kafkaSettings(options: KafkaOptions): KafkaSettings {
  if (options.brokers.length === 0) throw invalid('brokers', 'names no broker; give at least one as host:port')
  return {
    seeds: options.brokers.map(parseAddress),
    clientId: options.clientId ?? 'millrace',
    tls: options.ssl === undefined || options.ssl === false ? null : readTls(options.ssl === true ? {} : options.ssl),
    sasl: options.sasl ?? null,
    connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs ?? 5_000),
    requestTimeoutMs: positive('requestTimeoutMs', options.requestTimeoutMs ?? 15_000),
    unreachableAfterMs: positive('unreachableAfterMs', options.unreachableAfterMs ?? 15_000),
    packer: packerOf(options.compression ?? 'none'),
    log: options.log ?? ((): void => undefined),
  }
}

function parseAddress(text: string): Address {
  const parts = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text.trim())
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (host === undefined || !(port > 0 && port < 65_536)) throw invalid('brokers', `holds "${text}", which is not host:port`)
  return { host, port }
}

function readTls(tls: KafkaTls): NonNullable<KafkaSettings['tls']> {
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    throw invalid('ssl', 'has only one of certFile and keyFile; mutual TLS needs both')
  return {
    ...(tls.caFile === undefined ? {} : { ca: readPem('ssl.caFile', tls.caFile) }),
    ...(tls.certFile === undefined ? {} : { cert: readPem('ssl.certFile', tls.certFile) }),
    ...(tls.keyFile === undefined ? {} : { key: readPem('ssl.keyFile', tls.keyFile) }),
    rejectUnauthorized: tls.verify ?? true,
  }
}

function readPem(option: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw invalid(option, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

function positive(option: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) throw invalid(option, `is ${value}; it must be a positive number of milliseconds`)
  return value
}

function invalid(option: string, why: string, cause?: unknown): Fault {
  return new Fault('MR3025', 'stop', `Kafka option ${option} ${why}.`, { place: { at: `kafka.${option}` }, cause })
}
