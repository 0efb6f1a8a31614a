/**
 * From sources to settings: flags before environment before file before default. Pure: files and secrets come as arguments.
 *
 * Everything that is wrong is reported at once, in one `Fault` (action `stop`): unknown keys with the nearest known one, values
 * that cannot be read, secrets that are not references, settings that contradict each other.
 */
import { Fault, type FaultCode } from '../../faults/fault.ts'
import { didYouMean } from '../../faults/suggest.ts'
import { limitProblems } from './limits.ts'
import type { Parsed } from './setting.ts'
import { Secret, type SecretReference } from './secret.ts'
import {
  flagOf,
  isSettingKey,
  settingKeys,
  settingTable,
  variableOf,
  type Configuration,
  type SettingKey,
  type Settings,
} from './settings.ts'

export type { Configuration, SettingKey, Settings } from './settings.ts'

/** The default export of `millrace.config.ts`: `export default configuration({ brokers: ['localhost:9092'] })`. */
export const configuration = (settings: Configuration): Configuration => settings

export interface ConfigurationSources {
  /** Values of --flags by key of the table; text as typed. */
  readonly flags?: Readonly<Partial<Record<SettingKey, unknown>>> | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** What the file holds; not trusted to have the right shape. */
  readonly file?: { readonly path: string; readonly values: unknown } | undefined
  /** Reads the value behind a reference. Throws an Error whose message says why it cannot, without the value. */
  readonly readSecret: (reference: SecretReference) => string
}

/** Variables with our prefix that are no settings. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(['MILLRACE_CONFIG', 'MILLRACE_NODE'])

/**
 * Kubernetes gives every container variables for each service; one called `millrace` makes MILLRACE_SERVICE_HOST, MILLRACE_PORT
 * and MILLRACE_PORT_9464_TCP, and one called `millrace-admin` makes MILLRACE_ADMIN_PORT=tcp://10.0.0.1:80.
 */
const isServiceLink = (name: string, value: string): boolean =>
  /^MILLRACE(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP)(_[A-Z]+)?)$/.test(name) ||
  (/^MILLRACE(_[A-Z0-9_]+)?_PORT$/.test(name) && /^(tcp|udp):\/\//.test(value))

interface Problem {
  readonly code: FaultCode
  readonly message: string
}

interface Candidate {
  readonly raw: unknown
  /** How the reader finds it: `--brokers`, `MILLRACE_BROKERS`, `brokers in millrace.config.ts`. */
  readonly from: string
}

export function resolveSettings(sources: ConfigurationSources): Settings {
  const problems: Problem[] = []
  const candidates = gather(sources, problems)
  const values: Partial<Record<SettingKey, unknown>> = {}
  for (const key of settingKeys) {
    const candidate = candidates.get(key)
    values[key] = candidate === undefined ? settingTable[key].default : parsed(key, candidate, sources, problems)
  }
  if (values.tls === false && candidates.get('tls') === undefined) {
    values.tls = values.tlsCa !== undefined || values.tlsCert !== undefined || values.tlsKey !== undefined
  }
  // Every key of the table has been given its parsed value or its default just above; what failed is in `problems`.
  const settings = values as Settings
  if (problems.length === 0) problems.push(...limitProblems(settings))
  if (problems.length > 0) throw asFault(problems)
  return settings
}

/** The raw value that wins, for each key that some source gives. */
function gather(sources: ConfigurationSources, problems: Problem[]): ReadonlyMap<SettingKey, Candidate> {
  const found = new Map<SettingKey, Candidate>()
  for (const [key, raw] of fileEntries(sources, problems)) found.set(key, { raw, from: `${key} in ${sources.file?.path}` })
  const environment = sources.environment ?? {}
  for (const key of settingKeys) {
    const names = [variableOf(key), settingTable[key].alias]
    const name = names.find((one) => one !== undefined && (environment[one] ?? '') !== '')
    const raw = name === undefined ? undefined : environment[name]
    if (name !== undefined && raw !== undefined && !isServiceLink(name, raw)) found.set(key, { raw, from: name })
  }
  problems.push(...unknownVariables(environment))
  for (const key of settingKeys) {
    const raw = sources.flags?.[key]
    if (raw !== undefined) found.set(key, { raw, from: `--${flagOf(key)}` })
  }
  return found
}

function fileEntries(sources: ConfigurationSources, problems: Problem[]): [SettingKey, unknown][] {
  const file = sources.file
  if (file === undefined) return []
  if (typeof file.values !== 'object' || file.values === null || Array.isArray(file.values)) {
    problems.push({ code: 'MR2001', message: `${file.path} must give one object of settings, by default export (TypeScript) or as JSON` })
    return []
  }
  const entries: [SettingKey, unknown][] = []
  for (const [key, raw] of Object.entries(file.values)) {
    if (isSettingKey(key)) {
      if (raw !== undefined) entries.push([key, raw])
    } else {
      problems.push({ code: 'MR2002', message: `unknown setting "${key}" in ${file.path}.${didYouMean(key, settingKeys)}` })
    }
  }
  return entries
}

function unknownVariables(environment: Readonly<Record<string, string | undefined>>): Problem[] {
  const known = new Set<string>([...settingKeys.map(variableOf), ...OTHER_VARIABLES])
  return Object.entries(environment)
    .filter(([name, raw]) => name.startsWith('MILLRACE_') && !known.has(name) && !isServiceLink(name, raw ?? ''))
    .map(
      ([name]) =>
        ({ code: 'MR2002', message: `unknown setting in the environment variable ${name}.${didYouMean(name, [...known])}` }) as const,
    )
}

function parsed(key: SettingKey, candidate: Candidate, sources: ConfigurationSources, problems: Problem[]): unknown {
  const setting = settingTable[key]
  const result: Parsed<unknown> = setting.parse(candidate.raw)
  if (!result.ok) {
    const isSecret = 'secret' in setting
    problems.push({ code: isSecret ? 'MR2005' : 'MR2003', message: `${candidate.from} ${result.problem}` })
    return undefined
  }
  if (!('secret' in setting)) return result.value
  // `secret()` in setting.ts parses nothing but references.
  const reference = result.value as SecretReference
  try {
    return new Secret(reference, sources.readSecret(reference))
  } catch (error) {
    problems.push({
      code: 'MR2005',
      message: `${candidate.from} refers to ${reference}: ${error instanceof Error ? error.message : String(error)}`,
    })
    return undefined
  }
}

function asFault(problems: readonly Problem[]): Fault {
  const [first] = problems
  const message =
    problems.length === 1
      ? (first?.message ?? '')
      : [`${problems.length} settings are wrong:`, ...problems.map((one) => `  - ${one.message}`)].join('\n')
  return new Fault(first?.code ?? 'MR2003', 'stop', message, { place: { at: 'configuration' } })
}
