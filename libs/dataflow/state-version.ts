/**
 * Versions of stored values: a release that changes the shape of its state says how an old value becomes a new one. Pure.
 *
 *     bytes of version 1       as the structured form gives them: what was written before anybody thought of versions
 *     0xFE, version, bytes     every later one (the version is an unsigned 16-bit number, big-endian)
 *
 * Each value carries its version, so nothing is rewritten at once: an old value is upgraded when it is read, and stored in the new
 * form when it is next written. Restores copy bytes and know nothing of it.
 */
import { Fault } from '../faults/fault.ts'
import { asBuffer } from './cells.ts'
import type { Codec } from './cells.ts'
import { decodeStructured, encodeStructured, structuredCodec } from './structured-codec.ts'

export interface StateOptions<T> {
  /** Raise it when the shape of the value changes. A whole number from 1 to 65,535; default 1. */
  readonly version?: number | undefined
  /**
   * Makes a value of this version of one that an older release stored; `version` says which one it has. Needed from version 2. Pure and
   * synchronous: it runs whenever an old value is read, again and again until the value is next written. Undefined is refused (MR4051).
   */
  readonly upgrade?: ((old: unknown, version: number) => T) | undefined
}

/** As it stands in the graph. */
export interface StateVersion {
  readonly version: number
  readonly upgrade: ((old: unknown, version: number) => unknown) | undefined
}

export const STATE_VERSION_MAX = 65_535
/** Begins neither JSON text nor the tagged form (structured-codec.ts). */
const VERSIONED = 0xfe
const HEAD_BYTES = 3

export const stateVersionOf = ({ version, upgrade }: StateOptions<unknown> = {}): StateVersion => ({ version: version ?? 1, upgrade })

/** What is wrong with the options; undefined: nothing. */
export function stateVersionProblem({ version, upgrade }: StateVersion): string | undefined {
  if (!Number.isInteger(version) || version < 1 || version > STATE_VERSION_MAX)
    return `the state version ${version} must be a whole number from 1 to ${STATE_VERSION_MAX}`
  if (upgrade !== undefined && typeof upgrade !== 'function') return `upgrade must be a function (old, version) => value`
  if (version > 1 && upgrade === undefined)
    return `the state has version ${version} and nothing that makes values of older ones into it: add upgrade: (old, version) => value`
  return undefined
}

/** For cells of state. Version 1 costs nothing on the way in or out. */
export function stateCodec(of: StateVersion): Codec<unknown> {
  if (of.version === 1) return { encode: structuredCodec.encode, decode: (bytes) => decodeAs(of, bytes) }
  return { encode: (value) => withVersion(of.version, encodeStructured(value)), decode: (bytes) => decodeAs(of, bytes) }
}

function withVersion(version: number, bytes: Uint8Array): Uint8Array {
  const all = Buffer.allocUnsafe(HEAD_BYTES + bytes.length)
  all[0] = VERSIONED
  all.writeUInt16BE(version, 1)
  all.set(bytes, HEAD_BYTES)
  return all
}

function decodeAs({ version, upgrade }: StateVersion, bytes: Uint8Array): unknown {
  if (version === 1 && bytes[0] !== VERSIONED) return decodeStructured(bytes)
  const stored = decodeStored(bytes)
  if (stored.version === version) return stored.value
  if (stored.version > version) {
    throw new Fault(
      'MR4050',
      'stop-task',
      `it has version ${stored.version}, and this release knows versions up to ${version}: a newer release has written it. Nothing was changed; start the newer release again, everywhere`,
    )
  }
  if (upgrade === undefined) return stored.value
  const value = upgraded(upgrade, stored, version)
  if (value instanceof Promise) throw notUpgraded(stored.version, version, new Error('it is asynchronous'))
  // As a value it would mean that there is none: the state would be gone in silence.
  if (value === undefined) throw notUpgraded(stored.version, version, new Error('it gave undefined'))
  return value
}

function upgraded(upgrade: (old: unknown, version: number) => unknown, stored: Stored, version: number): unknown {
  try {
    return upgrade(stored.value, stored.version)
  } catch (cause) {
    throw notUpgraded(stored.version, version, cause)
  }
}

const notUpgraded = (from: number, to: number, cause: unknown): Fault =>
  new Fault(
    'MR4051',
    'stop-task',
    `upgrade from version ${from} to ${to} failed: ${cause instanceof Error ? cause.message : String(cause)}. Nothing was changed; mend the function and start again`,
    { cause },
  )

export interface Stored {
  readonly version: number
  readonly value: unknown
}

/** A value as it is stored, not upgraded: for those who look at state without the program. */
export function decodeStored(bytes: Uint8Array): Stored {
  if (bytes[0] !== VERSIONED) return { version: 1, value: decodeStructured(bytes) }
  const buffer = asBuffer(bytes)
  return { version: buffer.readUInt16BE(1), value: decodeStructured(buffer.subarray(HEAD_BYTES)) }
}
