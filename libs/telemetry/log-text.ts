/** Log lines for eyes: `12:04:05.123 warn  message  task=a.0 lag=12`. Colour only on a terminal and without NO_COLOR. */
import { isatty } from 'node:tty'
import type { DestinationStream } from 'pino'

const COLOURS: Readonly<Record<string, string>> = { trace: '90', debug: '90', info: '36', warn: '33', error: '31', fatal: '41;97' }

/** A destination that turns each JSON line into text and hands it on. */
export function logText(target: DestinationStream, colour = isatty(1) && !process.env['NO_COLOR']): DestinationStream {
  return { write: (line) => target.write(asText(line, colour)) }
}

export function asText(line: string, colour: boolean): string {
  const fields = parsed(line)
  if (fields === undefined) return line
  const { time, level, msg, err, error, ...rest } = fields
  const paint = (text: string, code: string): string => (colour ? `\u001B[${code}m${text}\u001B[0m` : text)
  const label = String(level ?? '').padEnd(5)
  const details = Object.entries(rest).map(([name, value]) => paint(`${name}=`, '90') + shown(value))
  const head = [String(time ?? '').slice(11, 23), paint(label, COLOURS[String(level)] ?? '0'), String(msg ?? ''), ...details].join(' ')
  return `${head}\n${errorText(err ?? error)}`
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // A line that is not ours is passed on as it is.
  }
}

const shown = (value: unknown): string =>
  typeof value === 'string' && !/[\s"=]/.test(value) ? value : (JSON.stringify(value) ?? 'undefined')

/** The message says enough for a fault of the world; only errors without a code show where they were thrown. */
function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return error === undefined ? '' : `    ${shown(error)}\n`
  const { code, type, message, stack, cause } = {
    code: undefined,
    type: undefined,
    message: undefined,
    stack: undefined,
    cause: undefined,
    ...error,
  }
  const text = typeof stack !== 'string' ? `${String(code ?? type)}: ${String(message)}` : stack
  const own = text.replaceAll(/^/gm, '    ')
  return cause === undefined ? `${own}\n` : `${own}\n    because of\n${errorText(cause)}`
}
