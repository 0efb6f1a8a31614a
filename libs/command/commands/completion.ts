/** `millrace completion`: a script for bash, made from the commands. `source <(millrace completion)`. */
import { flagOf } from '../../runtime/settings/settings.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { commonFlags } from '../parse-arguments.ts'

/** The list of commands comes as a function, since this command is in it. */
export const completionCommand = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  summary: 'Print a completion script for bash.',
  usage: '',
  positionalsMin: 0,
  positionalsMax: 0,
  flags: {},
  settings: [],
  details: ['In ~/.bashrc: source <(millrace completion)'],
  run: async ({ io, json }) => {
    const words = Object.fromEntries(commands().map((command) => [command.name, wordsOf(command)]))
    io.out(json ? JSON.stringify(words) : bashScript(words))
    return exitCodes.ok
  },
})

const wordsOf = (command: Command): string[] => [
  ...(command.usage
    .split(' ')[0]
    ?.split('|')
    .filter((word) => /^[a-z]+$/.test(word)) ?? []),
  ...Object.keys({ ...command.flags, ...commonFlags }).map((name) => `--${name}`),
  ...command.settings.map((key) => `--${flagOf(key)}`),
]

const bashScript = (words: Readonly<Record<string, readonly string[]>>): string =>
  [
    '# bash completion of millrace: source <(millrace completion)',
    '_millrace() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" command="${COMP_WORDS[1]}" words',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${Object.keys(words).join(' ')} --help" -- "$current"))`,
    '    return',
    '  fi',
    '  case "$command" in',
    ...Object.entries(words).map(([name, list]) => `    ${name}) words="${list.join(' ')}" ;;`),
    '    *) words="" ;;',
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  [ "${#COMPREPLY[@]}" -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))',
    '}',
    'complete -o filenames -F _millrace millrace',
  ].join('\n')
