/** `--until-end`, `--until`, `--no-close`: where a batch ends. Pure. */
import { millisOf } from '../dataflow/event-time.ts'
import type { BatchRequest, Until } from '../runtime/batch/bounds.ts'
import type { CommandContext, CommandFlag } from './command.ts'
import { usage } from './parse-arguments.ts'

export const untilFlags = {
  'until-end': { meaning: 'Batch: read what stands in the inputs now, close every window, and end with exit code 0.' },
  until: {
    value: 'time|positions',
    meaning:
      'Batch: as --until-end, up to the first record of each partition at or after a log time (ISO 8601 or epoch ms), or up to positions (topic:partition=position,...).',
  },
  'no-close': { meaning: 'With --until-end or --until: only stop there; windows stay open, and the application can go on as a stream.' },
} as const satisfies Readonly<Record<string, CommandFlag>>

/** Undefined: a stream, which does not end. */
export function batchOf(context: Pick<CommandContext, 'flag' | 'has'>): BatchRequest | undefined {
  const text = context.flag('until')
  if (context.has('until-end') && text !== undefined) throw usage('--until-end and --until exclude each other: give one')
  if (!context.has('until-end') && text === undefined) {
    if (context.has('no-close')) throw usage('--no-close says how a batch ends: give --until-end or --until too')
    return undefined
  }
  return { until: text === undefined ? { kind: 'end' } : untilOf(text), close: !context.has('no-close') }
}

export function untilOf(text: string): Until {
  if (text.includes('=')) return { kind: 'positions', positions: positionsOf(text) }
  return { kind: 'timestamp', timestamp: timestampOf(text) }
}

export function timestampOf(text: string): number {
  try {
    return /^\d+$/.test(text) ? Number(text) : millisOf(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw usage(`"${text}" is no time: ${why}. Give ISO 8601 with a zone (2026-03-01T12:00:00Z) or epoch milliseconds`)
  }
}

function positionsOf(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const match = /^([^:=]+:\d+)=(\d+)$/.exec(part.trim())
      if (match?.[1] === undefined) throw usage(`"${part}" is no position: write topic:partition=position, with commas between`)
      return [match[1], Number(match[2])]
    }),
  )
}
