/**
 * The log: one JSON object for each line (pino), or text for eyes, on standard output.
 *
 * Secrets do not get in: fields with telling names are replaced by their name, and values that were registered as secret by
 * their value, wherever they stand in the line. A pino instance of the host application may be used instead; what it
 * redacts is then its own matter, except for `Secret` values, which never print.
 */
import { isatty } from 'node:tty'
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'
import { logText } from './log-text.ts'

type Fields = Readonly<Record<string, unknown>>

/** What the engine needs of a log. pino's Logger is one. */
export interface Logger {
  trace(fields: Fields, message: string): void
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  fatal(fields: Fields, message: string): void
  child(fields: Fields): Logger
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LoggerOptions {
  /** Default info. */
  readonly level?: LogLevel | undefined
  /** auto: text on a terminal, else JSON. Default auto. */
  readonly format?: 'auto' | 'json' | 'text' | undefined
  /** Fields of every line. */
  readonly fields?: Fields | undefined
  /** Values that must not appear in any line; shorter ones than four characters are left alone, they would hit ordinary text. */
  readonly secrets?: readonly string[] | undefined
  /** Where lines go; default standard output, written at once so that nothing is lost when the process dies. */
  readonly destination?: DestinationStream | undefined
  /** Use this instance; all other options but `fields` are then ignored. */
  readonly instance?: PinoLogger | undefined
}

/** Names of fields that hold secrets, at the top and one or two levels below. */
const SECRET_FIELDS = [
  'password',
  'saslPassword',
  'token',
  'adminToken',
  'stateReadsToken',
  'secret',
  'authorization',
  'tlsKey',
  'privateKey',
  'cookie',
]
const CENSOR = '[secret]'

export function createLogger(options: LoggerOptions = {}): Logger {
  if (options.instance !== undefined) return options.instance.child({ ...options.fields })
  const secrets = (options.secrets ?? []).filter((secret) => secret.length >= 4)
  const written = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
  const target = options.destination ?? pino.destination({ dest: 1, sync: true })
  const asText = options.format === 'text' || (options.format !== 'json' && options.destination === undefined && isatty(1))
  return pino(
    {
      level: options.level ?? 'info',
      base: { ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields, error: errorFields },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: CENSOR },
      ...(written.length === 0
        ? {}
        : { hooks: { streamWrite: (line: string) => written.reduce((text, secret) => text.replaceAll(secret, CENSOR), line) } }),
    },
    asText ? logText(target) : target,
  )
}

/** An error with its code, place and causes, as JSON. */
export function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  return {
    type: error.name,
    message: error.message,
    ...fieldsOf(error),
    // A fault of the world says in its message what to do; where it was thrown helps nobody.
    ...(depth === 0 && !isFault(error) ? { stack: error.stack } : {}),
    ...(error.cause === undefined || depth > 8 ? {} : { cause: errorFields(error.cause, depth + 1) }),
  }
}

const isFault = (error: Error): boolean => 'code' in error && typeof error.code === 'string' && /^MR\d{4}$/.test(error.code)

/** `code`, `action` and `place` of a Fault, and `code` of Node's own errors. */
function fieldsOf(error: Error): Fields {
  return Object.fromEntries(Object.entries(error).filter(([name]) => name === 'code' || name === 'action' || name === 'place'))
}
