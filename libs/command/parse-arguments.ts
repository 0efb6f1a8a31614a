/** From words to a command's arguments. Pure. Unknown flags are refused with the nearest known one. */
import { parseArgs } from 'node:util'
import { Fault } from '../faults/fault.ts'
import { didYouMean } from '../faults/suggest.ts'
import { flagOf, settingKeys, settingTable, type SettingKey } from '../runtime/settings/settings.ts'
import type { Command } from './command.ts'

export interface Arguments {
  readonly positionals: readonly string[]
  /** Flags of the command itself; a switch is true. */
  readonly flags: ReadonlyMap<string, string | true>
  readonly settings: Readonly<Partial<Record<SettingKey, unknown>>>
  readonly json: boolean
  readonly help: boolean
  /** Path of a configuration file. */
  readonly config: string | undefined
}

/** Flags that every command has. */
export const commonFlags = {
  json: { meaning: 'Print results as JSON, for programs.' },
  help: { meaning: 'Show this help.' },
  config: { value: 'file', meaning: 'Configuration file; default millrace.config.ts, .mjs, .js or .json here, or MILLRACE_CONFIG.' },
} as const

const isSwitchSetting = (key: SettingKey): boolean => settingTable[key].type === 'true or false'

export function parseArguments(command: Command, words: readonly string[]): Arguments {
  const own = { ...commonFlags, ...command.flags }
  const settingByFlag = new Map(command.settings.map((key) => [flagOf(key), key]))
  const known = new Map<string, 'string' | 'boolean'>([
    ...Object.entries(own).map(([name, flag]) => [name, 'value' in flag && flag.value !== undefined ? 'string' : 'boolean'] as const),
    ...[...settingByFlag].map(([name, key]) => [name, isSwitchSetting(key) ? 'boolean' : 'string'] as const),
  ])
  const options = Object.fromEntries([...known].map(([name, type]) => [name, name === 'help' ? { type, short: 'h' } : { type }]))
  const { positionals, tokens } = parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true })
  const flags = new Map<string, string | true>()
  const settings: Partial<Record<SettingKey, unknown>> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const type = known.get(token.name)
    if (type === undefined) throw unknownFlag(command, token.rawName, [...known.keys()])
    if (type === 'string' && (token.value === undefined || token.value === ''))
      throw usage(`${token.rawName} needs a value, for example ${token.rawName}=...`)
    const setting = settingByFlag.get(token.name)
    if (setting === undefined) flags.set(token.name, token.value ?? true)
    else settings[setting] = token.value ?? true
  }
  const config = flags.get('config')
  return {
    positionals,
    flags,
    settings,
    json: flags.has('json'),
    help: flags.has('help'),
    config: typeof config === 'string' ? config : undefined,
  }
}

export const usage = (message: string): Fault => new Fault('MR2010', 'stop', message)

function unknownFlag(command: Command, rawName: string, known: readonly string[]): Fault {
  const word = rawName.replace(/^-+/, '')
  const isSetting = settingKeys.some((key) => flagOf(key) === word)
  const hint = isSetting ? ` It is a setting that this command does not use.` : didYouMean(word, known, (name) => `--${name}`)
  return usage(`unknown flag ${rawName} of millrace ${command.name}.${hint} See millrace ${command.name} --help.`)
}

/** Refuses too few and too many arguments. */
export function checkPositionals(command: Command, positionals: readonly string[]): void {
  const line = `millrace ${command.name} ${command.usage}`.trim()
  if (positionals.length < command.positionalsMin) throw usage(`an argument is missing: ${line}`)
  if (positionals.length > command.positionalsMax) {
    throw usage(`"${positionals[command.positionalsMax]}" is one argument too many: ${line}`)
  }
}
