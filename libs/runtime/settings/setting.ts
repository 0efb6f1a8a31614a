/**
 * One setting: how it is written, parsed, bounded and documented. Pure. libs/runtime/settings/settings.ts holds the table of all.
 *
 * A raw value is whatever a source gives: text from flags and the environment, JSON or TypeScript values from a file.
 */
import type { SecretReference } from './secret.ts'

export type SettingGroup = 'connection' | 'state' | 'processing' | 'recovery' | 'operations'

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

export interface SettingText {
  readonly group: SettingGroup
  /** What it decides, one or two sentences. */
  readonly meaning: string
  /** What a larger (or another) value costs. */
  readonly cost: string
  /** Another environment variable that is read when MILLRACE_... is not set. */
  readonly alias?: string
}

/** `Input` is what a configuration file may hold, `Value` what the engine gets. */
export interface Setting<out Value, out Input = unknown> extends SettingText {
  /** As written in the guide: `duration`, `size`, `one of a, b`. */
  readonly type: string
  /** Unit of a plain number; empty where there is none. */
  readonly unit: string
  readonly default: Value
  /** The default as written in the guide. */
  readonly defaultText: string
  readonly parse: (raw: unknown) => Parsed<Value>
  /** Only in types. */
  readonly input?: Input
}

const value = <T>(parsed: T): Parsed<T> => ({ ok: true, value: parsed })
const problem = (text: string): Parsed<never> => ({ ok: false, problem: text })
const shown = (raw: unknown): string => JSON.stringify(raw)?.slice(0, 80) ?? String(raw)

interface Bounds {
  readonly min: number
  readonly max: number
}

function bounded(number: number, bounds: Bounds, unit: string, raw: unknown): Parsed<number> {
  if (!Number.isSafeInteger(number)) return problem(`must be a whole number of ${unit}, and ${shown(raw)} is not`)
  if (number < bounds.min) return problem(`must be at least ${bounds.min} ${unit}, and ${shown(raw)} is less`)
  if (number > bounds.max) return problem(`must be at most ${bounds.max} ${unit}, and ${shown(raw)} is more`)
  return value(number)
}

const DURATION_UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** A number, or text of a number and a unit; undefined when it is neither. */
function quantity(raw: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof raw === 'number') return raw
  if (typeof raw !== 'string') return undefined
  const parts = /^\s*(-?\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(raw)
  const factor = Object.hasOwn(units, (parts?.[2] ?? '').toLowerCase()) ? units[(parts?.[2] ?? '').toLowerCase()] : undefined
  return parts?.[1] === undefined || factor === undefined ? undefined : Math.round(Number(parts[1]) * factor)
}

const EVERYTHING: Bounds = { min: 0, max: Number.MAX_SAFE_INTEGER }

export function duration(defaultMs: number, text: SettingText, bounds: Partial<Bounds> = {}): Setting<number, number | string> {
  return {
    ...text,
    type: 'duration',
    unit: 'ms',
    default: defaultMs,
    defaultText: defaultMs.toLocaleString('en-US'),
    parse: (raw) => {
      const milliseconds = quantity(raw, DURATION_UNITS)
      if (milliseconds === undefined) return problem(`must be a duration such as 500, "500ms", "10s" or "5m", and ${shown(raw)} is not`)
      return bounded(milliseconds, { ...EVERYTHING, max: 2 ** 31 - 1, ...bounds }, 'milliseconds', raw)
    },
  }
}

export function size(defaultBytes: number, text: SettingText, bounds: Partial<Bounds> = {}): Setting<number, number | string> {
  return {
    ...text,
    type: 'size',
    unit: 'bytes',
    default: defaultBytes,
    defaultText: defaultBytes % 2 ** 20 === 0 ? `${defaultBytes / 2 ** 20} MiB` : String(defaultBytes),
    parse: (raw) => {
      const bytes = quantity(raw, SIZE_UNITS)
      if (bytes === undefined) return problem(`must be a size such as 1048576, "64MiB" or "1GB", and ${shown(raw)} is not`)
      return bounded(bytes, { ...EVERYTHING, ...bounds }, 'bytes', raw)
    },
  }
}

export function integer(defaultValue: number, text: SettingText, bounds: Partial<Bounds> = {}): Setting<number, number> {
  return {
    ...text,
    type: 'integer',
    unit: '',
    default: defaultValue,
    defaultText: String(defaultValue),
    parse: (raw) => {
      const number = quantity(raw, { '': 1 })
      if (number === undefined) return problem(`must be a whole number, and ${shown(raw)} is not`)
      return bounded(number, { ...EVERYTHING, ...bounds }, '', raw)
    },
  }
}

export function flag(defaultValue: boolean, text: SettingText): Setting<boolean, boolean> {
  return {
    ...text,
    type: 'true or false',
    unit: '',
    default: defaultValue,
    defaultText: String(defaultValue),
    parse: (raw) => {
      if (raw === true || raw === 'true' || raw === '1') return value(true)
      if (raw === false || raw === 'false' || raw === '0') return value(false)
      return problem(`must be true or false, and ${shown(raw)} is neither`)
    },
  }
}

export function choice<const C extends readonly string[], D extends C[number] | undefined>(
  choices: C,
  defaultValue: D,
  text: SettingText,
): Setting<C[number] | D, C[number]> {
  return {
    ...text,
    type: `one of ${choices.join(', ')}`,
    unit: '',
    default: defaultValue,
    defaultText: defaultValue ?? '',
    parse: (raw) => {
      const found = choices.find((name) => name === raw)
      return found === undefined ? problem(`must be one of ${choices.join(', ')}, and ${shown(raw)} is not`) : value(found)
    },
  }
}

/** Text that is not empty; `undefined` as default means "not set". */
export function text<D extends string | undefined>(defaultValue: D, about: SettingText, type = 'text'): Setting<string | D, string> {
  return {
    ...about,
    type,
    unit: '',
    default: defaultValue,
    defaultText: defaultValue ?? '',
    parse: (raw) => (typeof raw === 'string' && raw.trim() !== '' ? value(raw.trim()) : problem(`must be text, and ${shown(raw)} is not`)),
  }
}

/** host:port pairs, as text with commas or as a list. */
export function addresses(about: SettingText): Setting<readonly string[], string | readonly string[]> {
  return {
    ...about,
    type: 'list of host:port',
    unit: '',
    default: [],
    defaultText: '',
    parse: (raw) => {
      const list = typeof raw === 'string' ? raw.split(',') : raw
      if (!Array.isArray(list)) return problem(`must be "host:port,host:port" or a list of them, and ${shown(raw)} is not`)
      const found = list.map((one: unknown) => (typeof one === 'string' ? one.trim() : '')).filter((one) => one !== '')
      const wrong = found.find((one) => !/^(\[[0-9a-f:.%]+\]|[a-z0-9._-]+):\d{1,5}$/i.test(one))
      if (wrong !== undefined) return problem(`must hold host:port pairs such as localhost:9092, and ${shown(wrong)} is not one`)
      return found.length === 0 ? problem('must hold at least one host:port') : value(found)
    },
  }
}

/** earliest, latest, or a time: epoch milliseconds or an ISO 8601 date. */
export function start(about: SettingText): Setting<'earliest' | 'latest' | number, 'earliest' | 'latest' | number | string> {
  return {
    ...about,
    type: 'earliest, latest, or a time',
    unit: 'epoch ms or ISO 8601',
    default: 'earliest',
    defaultText: 'earliest',
    parse: (raw) => {
      if (raw === 'earliest' || raw === 'latest') return value(raw)
      const time = typeof raw === 'number' ? raw : typeof raw !== 'string' ? NaN : /^\d+$/.test(raw) ? Number(raw) : Date.parse(raw)
      return Number.isSafeInteger(time) && time >= 0
        ? value(time)
        : problem(`must be earliest, latest, epoch milliseconds or an ISO 8601 date, and ${shown(raw)} is not`)
    },
  }
}

/** A reference to a secret. The raw value is never shown: it may be the secret itself, given by mistake. */
export function secret(about: SettingText): Setting<SecretReference | undefined, SecretReference> & { readonly secret: true } {
  return {
    ...about,
    secret: true,
    type: 'secret reference',
    unit: 'env:NAME or file:path',
    default: undefined,
    defaultText: '',
    parse: (raw) => {
      if (typeof raw === 'string' && raw.startsWith('env:') && raw.length > 4) return value<SecretReference>(`env:${raw.slice(4)}`)
      if (typeof raw === 'string' && raw.startsWith('file:') && raw.length > 5) return value<SecretReference>(`file:${raw.slice(5)}`)
      return problem(
        'must be a reference, env:NAME or file:path; a secret itself is not accepted, so that it stays out of files, arguments and logs',
      )
    },
  }
}
