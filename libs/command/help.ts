/** Help texts, made from the commands and the table of settings. Pure. */
import { flagOf, settingTable, variableOf } from '../runtime/settings/settings.ts'
import type { Command } from './command.ts'
import { exitCodeTexts } from './exit-codes.ts'
import { commonFlags } from './parse-arguments.ts'
import { columns } from './text-table.ts'

export function generalHelp(commands: readonly Command[]): string {
  return [
    'millrace: exactly-once stream processing on Kafka',
    '',
    'Usage: millrace <command> [arguments] [flags]',
    '',
    ...columns(commands.map((command) => [`  ${command.name}`, command.summary])),
    '',
    'Every command: --help shows its flags, --json prints results for programs.',
    'Settings come from flags, then MILLRACE_* variables, then millrace.config.ts; "millrace config" lists them.',
    '',
    'Exit codes',
    ...columns(exitCodeTexts.map(([code, meaning]) => [`  ${code}`, meaning])),
  ].join('\n')
}

export function commandHelp(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...commonFlags }).map(([name, flag]) => [
    `  --${name}${'value' in flag && flag.value !== undefined ? ` <${flag.value}>` : ''}`,
    flag.meaning,
  ])
  const settings = command.settings.map((key) => {
    const { meaning, defaultText, type } = settingTable[key]
    return [`  --${flagOf(key)}`, `${meaning}${defaultText === '' ? '' : ` Default ${defaultText}.`} [${type}; ${variableOf(key)}]`]
  })
  return [
    `millrace ${command.name} ${command.usage}`.trim(),
    '',
    command.summary,
    ...(command.details.length === 0 ? [] : ['', ...command.details]),
    '',
    'Flags',
    ...columns(flags),
    ...(settings.length === 0 ? [] : ['', 'Settings', ...columns(settings)]),
  ].join('\n')
}
