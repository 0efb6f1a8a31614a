/** `millrace explain <code>`: the long story of an error code; without a code the list; `--markdown` the guide's page. */
import { areaTitles, catalogue, explain, suggestionsFor } from '../../faults/catalogue.ts'
import { Fault, type FaultEntry } from '../../faults/fault.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { columns } from '../text-table.ts'

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Tell the story behind an error code, and its cure.',
  usage: '[code]',
  positionalsMin: 0,
  positionalsMax: 1,
  flags: { markdown: { meaning: 'Print all codes as the page of the guide.' } },
  settings: [],
  details: ['Example: millrace explain MR3001'],
  run: async (context) => run(context),
}

function run(context: CommandContext): ExitCode {
  const { io, json } = context
  const [code] = context.positionals
  if (context.has('markdown')) {
    io.out(errorsPage())
    return exitCodes.ok
  }
  if (code === undefined) {
    io.out(json ? JSON.stringify(catalogue) : columns(catalogue.map((entry) => [entry.code, entry.title])).join('\n'))
    return exitCodes.ok
  }
  const entry = explain(code)
  if (entry === undefined) {
    const near = suggestionsFor(code)
    const hint =
      near.length === 0 ? 'millrace explain lists all.' : near.length === 1 ? `Did you mean ${near[0]}?` : `There are ${near.join(', ')}.`
    throw new Fault('MR2060', 'stop', `unknown code ${code}. ${hint}`)
  }
  io.out(json ? JSON.stringify(entry) : storyOf(entry))
  return exitCodes.ok
}

const storyOf = (entry: FaultEntry): string =>
  [
    `${entry.code}: ${entry.title}`,
    '',
    ...columns([
      ['What happened', entry.story],
      ['What to do', entry.cure],
    ]),
    '',
    'Example',
    `  ${entry.example}`,
  ].join('\n')

/** deploy/guide/errors.md. */
export function errorsPage(): string {
  const areas = Object.entries(areaTitles).flatMap(([digit, title]) => {
    const entries = catalogue.filter((entry) => entry.code.startsWith(`MR${digit}`))
    if (entries.length === 0) return []
    return [
      `## MR${digit}xxx: ${title}`,
      '',
      ...entries.flatMap((entry) => [
        `### ${entry.code}: ${entry.title}`,
        '',
        entry.story,
        '',
        `**What to do.** ${entry.cure}`,
        '',
        '```text',
        entry.example,
        '```',
        '',
      ]),
    ]
  })
  return [
    '# Error codes',
    '',
    'Made by `millrace explain --markdown` from `libs/faults`. `millrace explain <code>` shows one of them on the terminal.',
    '',
    ...areas,
  ]
    .join('\n')
    .trimEnd()
}
