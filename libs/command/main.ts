/** The `millrace` command: finds the command, gives it its context, turns its faults into messages and exit codes. */
import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'
import { armFailPoint } from '../faults/fail-points.ts'
import { Fault } from '../faults/fault.ts'
import { didYouMean } from '../faults/suggest.ts'
import type { Log } from '../runtime/ports/log.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import type { Command, CommandContext, Io } from './command.ts'
import { commands } from './commands.ts'
import { needBrokers, readSettings, type SettingsRequest } from './configuration-source.ts'
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts'
import { commandHelp, generalHelp } from './help.ts'
import { checkPositionals, parseArguments, usage, type Arguments } from './parse-arguments.ts'
import { realWorld, type World } from './world.ts'

const processIo = (): Io => ({
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  ask,
  isTerminal: isatty(1),
  environment: process.env,
  directory: process.cwd(),
})

async function ask(question: string): Promise<string> {
  if (!isatty(0)) return ''
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}

/** Runs one command line (without `node millrace`) and answers the exit code. */
export async function main(words: readonly string[], io: Io = processIo(), world: World = realWorld): Promise<ExitCode> {
  const wantsJson = words.includes('--json')
  try {
    armFailPoint(io.environment['FAIL_POINT'])
    const [name = '--help', ...rest] = words
    if (name === '--help' || name === '-h' || name === 'help') return help(rest[0], io)
    return await runCommand(find(name === '--version' || name === '-v' ? 'version' : name), rest, io, world)
  } catch (error) {
    report(error, wantsJson, io)
    return exitCodeOf(error)
  }
}

function find(name: string): Command {
  const command = commands.find((one) => one.name === name)
  if (command !== undefined) return command
  const names = commands.map((one) => one.name)
  throw usage(`unknown command "${name}".${didYouMean(name, names)} See millrace --help.`)
}

function help(name: string | undefined, io: Io): ExitCode {
  io.out(name === undefined || name.startsWith('-') ? generalHelp(commands) : commandHelp(find(name)))
  return exitCodes.ok
}

async function runCommand(command: Command, words: readonly string[], io: Io, world: World): Promise<ExitCode> {
  const parsed = parseArguments(command, words)
  if (parsed.help) {
    io.out(commandHelp(command))
    return exitCodes.ok
  }
  checkPositionals(command, parsed.positionals)
  const session = new Session(parsed, io, world)
  try {
    return await command.run(session)
  } finally {
    await session.close()
  }
}

/** The context of one run of a command; owns the connection that it opens. */
class Session implements CommandContext {
  readonly io: Io
  readonly positionals: readonly string[]
  readonly json: boolean
  readonly request: SettingsRequest
  readonly #parsed: Arguments
  readonly world: World
  #settings: Promise<Settings> | undefined
  #log: Promise<Log> | undefined

  constructor(parsed: Arguments, io: Io, world: World) {
    this.io = io
    this.positionals = parsed.positionals
    this.json = parsed.json
    this.#parsed = parsed
    this.request = { config: parsed.config, flags: parsed.settings, environment: { ...io.environment }, directory: io.directory }
    this.world = world
  }

  has(name: string): boolean {
    return this.#parsed.flags.has(name)
  }

  flag(name: string): string | undefined {
    const value = this.#parsed.flags.get(name)
    return typeof value === 'string' ? value : undefined
  }

  settings(): Promise<Settings> {
    this.#settings ??= readSettings(this.request)
    return this.#settings
  }

  log(): Promise<Log> {
    this.#log ??= this.#connect()
    return this.#log
  }

  async close(): Promise<void> {
    const [opened] = await Promise.allSettled([this.#log])
    if (opened.status === 'fulfilled') await opened.value?.close()
  }

  async #connect(): Promise<Log> {
    const settings = await this.settings()
    needBrokers(settings)
    return this.world.openLog(settings)
  }
}

/** A fault is a message with its code; an error of our own or of the user's code shows where it was thrown. */
function report(error: unknown, asJson: boolean, io: Io): void {
  if (asJson) {
    const { message, name } = error instanceof Error ? error : new Error(String(error))
    io.err(
      JSON.stringify({
        error:
          error instanceof Fault ? { code: error.code, message, place: error.place } : { code: 'internal', message: `${name}: ${message}` },
      }),
    )
    return
  }
  if (!(error instanceof Fault)) {
    io.err(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return
  }
  io.err(`${error.code} ${error.message}`)
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!error.message.includes(cause.message)) io.err(`  because: ${cause.message}`)
  }
  io.err(`  More: millrace explain ${error.code}`)
}
