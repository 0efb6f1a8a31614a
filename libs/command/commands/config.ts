/** `millrace config`: the table of settings, the values in force here, or the guide's page. */
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { columns, markdownTable } from '../text-table.ts'
import { flagOf, settingKeys, settingTable, variableOf, type SettingKey } from '../../runtime/settings/settings.ts'
import type { SettingGroup } from '../../runtime/settings/setting.ts'

export const configCommand: Command = {
  name: 'config',
  summary: 'List all settings, or the values that are in force here.',
  usage: '',
  positionalsMin: 0,
  positionalsMax: 0,
  flags: {
    effective: { meaning: 'Print the value of each setting as flags, environment and file give it. Secrets are not shown.' },
    markdown: { meaning: 'Print the table as the page of the guide.' },
  },
  settings: settingKeys,
  details: ['Examples: millrace config | millrace config --effective --json'],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const { io, json } = context
  if (context.has('effective')) {
    const settings = await context.settings()
    const rows = settingKeys.map((key) => [key, shown(settings[key])])
    io.out(json ? JSON.stringify(settings) : columns(rows).join('\n'))
  } else if (context.has('markdown')) io.out(configurationPage())
  else io.out(json ? JSON.stringify(settingRows()) : asText())
  return exitCodes.ok
}

const shown = (value: unknown): string => (value === undefined ? '(not set)' : Array.isArray(value) ? value.join(',') : String(value))

const groupTitles: Readonly<Record<SettingGroup, string>> = {
  connection: 'Connection',
  state: 'State',
  processing: 'Processing',
  recovery: 'Recovery and ownership',
  operations: 'Operations',
}

const groups = Object.entries(groupTitles).map(([group, title]) => ({
  title,
  keys: settingKeys.filter((key) => settingTable[key].group === group),
}))

const settingRows = (): object[] =>
  settingKeys.map((key) => {
    const { group, type, unit, defaultText, meaning, cost, alias } = settingTable[key]
    return { key, flag: `--${flagOf(key)}`, variable: variableOf(key), alias, group, type, unit, default: defaultText, meaning, cost }
  })

const defaultOf = (key: SettingKey): string => {
  const { defaultText, unit } = settingTable[key]
  return defaultText === '' ? '-' : unit === 'ms' ? `${defaultText} ms` : defaultText
}

const asText = (): string =>
  groups
    .flatMap(({ title, keys }) => [
      title,
      ...columns([
        ['  setting', 'type', 'default', ''],
        ...keys.map((key) => [`  ${key}`, settingTable[key].type, defaultOf(key), settingTable[key].meaning]),
      ]),
      '',
    ])
    .join('\n')
    .trimEnd()

/** deploy/guide/configuration.md. */
export function configurationPage(): string {
  const sections = groups.flatMap(({ title, keys }) => [
    `## ${title}`,
    '',
    ...markdownTable(
      ['setting', 'type', 'default', 'meaning', 'cost'],
      keys.map((key) => {
        const { type, unit, meaning, cost, alias } = settingTable[key]
        const also = alias === undefined ? '' : ` Also read from \`${alias}\`.`
        const typed = unit === '' || type === 'duration' || type === 'size' ? type : `${type} (${unit})`
        return [`\`${key}\``, typed, defaultOf(key), meaning + also, cost]
      }),
    ),
    '',
  ])
  return [...introduction, ...sections].join('\n').trimEnd()
}

const introduction: readonly string[] = [
  '# Configuration',
  '',
  'Made by `millrace config --markdown` from `libs/runtime/settings/settings.ts`.',
  '',
  'A setting comes from the first of: flag, environment variable, configuration file, default. One name in three spellings:',
  '',
  ...markdownTable(
    ['where', 'spelling'],
    [
      ['`millrace.config.ts`, `.mjs`, `.js` or `.json` (or `--config <file>`, `MILLRACE_CONFIG`)', '`commitIntervalMs`'],
      ['environment', '`MILLRACE_COMMIT_INTERVAL_MS`'],
      ['command line', '`--commit-interval-ms`'],
    ],
  ),
  '',
  '```ts',
  "import { configuration } from 'millrace'",
  '',
  'export default configuration({',
  "  brokers: ['kafka-1:9092', 'kafka-2:9092'],",
  "  stateDirectory: '/var/lib/millrace',",
  "  saslMechanism: 'scram-sha-512',",
  "  saslUsername: 'rides',",
  "  saslPassword: 'env:KAFKA_PASSWORD',",
  '})',
  '```',
  '',
  'Durations are milliseconds, or text such as `"500ms"`, `"10s"`, `"5m"`. Sizes are bytes, or text such as `"64MiB"`, `"1GB"`. Secrets are references, `env:NAME` or',
  '`file:path`, never the value; a file that every user can read is refused. Unknown keys and `MILLRACE_*` variables are refused, with the nearest known name. Names that',
  'Kubernetes makes for services (`MILLRACE_PORT=tcp://...`) are left alone. `millrace config --effective` shows what is in force.',
  '',
]
