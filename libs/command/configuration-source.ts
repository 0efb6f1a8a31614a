/** Reads what configuration is made of: the file, the environment, secrets. The only place of the command that opens them. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Fault } from '../faults/fault.ts'
import { resolveSettings, type ConfigurationSources } from '../runtime/settings/configuration.ts'
import { flagOf, variableOf, type SettingKey, type Settings } from '../runtime/settings/settings.ts'
import type { SecretReference } from '../runtime/settings/secret.ts'

const FILE_NAMES = ['millrace.config.ts', 'millrace.config.mjs', 'millrace.config.js', 'millrace.config.json']

export interface SettingsRequest {
  /** --config. */
  readonly config: string | undefined
  readonly flags: Readonly<Partial<Record<SettingKey, unknown>>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
}

export async function readSettings(request: SettingsRequest): Promise<Settings> {
  const file = await readFile(request)
  return resolveSettings({
    flags: request.flags,
    environment: request.environment,
    file,
    readSecret: (reference) => readSecret(reference, request),
  })
}

async function readFile(request: SettingsRequest): Promise<ConfigurationSources['file']> {
  const named = request.config ?? request.environment['MILLRACE_CONFIG']
  const name = named ?? FILE_NAMES.find((one) => existsSync(resolve(request.directory, one)))
  if (name === undefined) return undefined
  const path = resolve(request.directory, name)
  try {
    if (path.endsWith('.json')) return { path: name, values: JSON.parse(readFileSync(path, 'utf8')) }
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href)
    return { path: name, values: module.default }
  } catch (error) {
    throw new Fault(
      'MR2001',
      'stop',
      `cannot read the configuration file ${name}: ${error instanceof Error ? error.message : String(error)}`,
      {
        place: { at: path },
        cause: error,
      },
    )
  }
}

/** Others of the machine must not be able to read the file; its group may (Kubernetes mounts secrets so). */
const OTHERS = 0o007

function readSecret(reference: SecretReference, request: SettingsRequest): string {
  const place = reference.slice(reference.indexOf(':') + 1)
  if (reference.startsWith('env:')) {
    const value = request.environment[place]
    if (value === undefined || value === '') throw new Error(`the environment variable ${place} is not set`)
    return value
  }
  const path = isAbsolute(place) ? place : resolve(request.directory, place)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile()) throw new Error('there is no such file')
  if (process.platform !== 'win32' && (stat.mode & OTHERS) !== 0) throw new Error('every user of this machine can read it; run chmod 600')
  const value = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  if (value === '') throw new Error('the file is empty')
  return value
}

/** Refuses to go on without a setting that has no default. */
export function needBrokers(settings: Settings): void {
  if (settings.brokers.length > 0) return
  throw new Fault(
    'MR2004',
    'stop',
    `no brokers are set. Give --${flagOf('brokers')} localhost:9092, ${variableOf('brokers')}, or brokers in millrace.config.ts.`,
    { place: { at: 'brokers' } },
  )
}
