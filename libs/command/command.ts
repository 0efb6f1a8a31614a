/**
 * What a command is: a row of facts that help, completion and parsing are made from, and a function. A command talks to the
 * world through its `CommandContext` only, so that tests call it like the terminal does.
 */
import type { Log } from '../runtime/ports/log.ts'
import type { ExitCode } from './exit-codes.ts'
import type { SettingsRequest } from './configuration-source.ts'
import type { World } from './world.ts'
import type { SettingKey, Settings } from '../runtime/settings/settings.ts'

export interface Io {
  /** Results; whole lines without the line break. */
  out(line: string): void
  /** Messages for people: progress, warnings. */
  err(line: string): void
  /** Asks the person at the terminal; answers the line, empty where nobody can answer. */
  ask(question: string): Promise<string>
  /** Standard output is a terminal. */
  readonly isTerminal: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
}

export interface CommandFlag {
  /** Placeholder of the value; undefined for a switch. */
  readonly value?: string
  readonly meaning: string
}

export interface CommandContext {
  readonly io: Io
  /** Arguments without the command's name. */
  readonly positionals: readonly string[]
  /** Text of --name value. */
  flag(name: string): string | undefined
  /** --name was given. */
  has(name: string): boolean
  /** --json was given. */
  readonly json: boolean
  /** Flags, environment, file and defaults; read at the first call. Throws a Fault MR200x. */
  settings(): Promise<Settings>
  /** Connects to the cluster of the settings at the first call; closed when the command ends. Throws Faults MR2004 and MR3xxx. */
  log(): Promise<Log>
  readonly world: World
  /** How the settings were asked for, to ask for the same in another thread. */
  readonly request: SettingsRequest
}

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** Arguments after the name: `<module>`, `check|create <module>`. */
  readonly usage: string
  readonly positionalsMin: number
  readonly positionalsMax: number
  readonly flags: Readonly<Record<string, CommandFlag>>
  /** Settings that may be given as flags. */
  readonly settings: readonly SettingKey[]
  /** Paragraphs and examples for --help. */
  readonly details: readonly string[]
  run(context: CommandContext): Promise<ExitCode>
}
