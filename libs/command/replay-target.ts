/** Which application and version a replay command is about, and how it reaches the cluster. */
import { Fault } from '../faults/fault.ts'
import type { SharedState } from '../runtime/switch/shared-state.ts'
import { readShared } from '../runtime/switch/shared-topic.ts'
import type { SharedContext } from '../runtime/switch/shared-topic.ts'
import type { CommandContext } from './command.ts'
import { usage } from './parse-arguments.ts'
import { loadTopology, type LoadedTopology } from './topology-module.ts'

export interface ReplayTarget {
  readonly topology: LoadedTopology
  readonly application: string
  /** From --version, else the topology's own. */
  readonly version: number
  readonly shared: SharedContext
}

/** Ends what waits when a signal comes: nothing is half done, a switch is abandoned by its workers. */
export async function replayTarget(context: CommandContext, signal: AbortSignal): Promise<ReplayTarget> {
  const [, module = ''] = context.positionals
  const topology = await loadTopology(module, context.io.directory)
  const { name, version } = topology.plan
  const { restoreStallMs } = await context.settings()
  const log = await context.log()
  const shared: SharedContext = { log, clock: context.world.clock, application: name, stallMs: restoreStallMs, signal }
  return { topology, application: name, version: numberFlag(context, 'version', 1, 1_000_000) ?? version, shared }
}

/**
 * The version that was live before the one that is. Faults MR2069 where there is none, and MR2061 where the last switch was a rollback:
 * given again, because nobody knows whether the first one was done, it must not go forward again.
 */
export function versionBefore(state: SharedState, application: string): number {
  const last = [...state.ended.values()].findLast((one) => one.decision === 'flip')
  if (last?.purpose === 'rollback')
    throw new Fault(
      'MR2061',
      'stop',
      `v${last.to} of ${application} is the live version already, since a rollback from v${last.from}; nothing was changed. To go further back name the version: --version`,
    )
  if (last !== undefined) return last.from
  throw new Fault(
    'MR2069',
    'stop',
    `no version of ${application} was live before v${state.live}: there is nothing to go back to; nothing was changed`,
  )
}

export const currentState = async ({ shared }: ReplayTarget): Promise<SharedState> => await readShared(shared)

/** Faults MR2010. */
export function numberFlag(context: CommandContext, name: string, min: number, max: number): number | undefined {
  const text = context.flag(name)
  if (text === undefined) return undefined
  const value = Number(text.replaceAll('_', ''))
  if (Number.isFinite(value) && value >= min && value <= max) return value
  throw usage(`--${name} must be a number from ${min} to ${max}, and "${text}" is not`)
}

/** `500ms`, `30s`, `5min`, `1h`, or plain milliseconds. */
export function durationFlag(context: CommandContext, name: string): number | undefined {
  const text = context.flag(name)
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?$/.exec(text.trim())
  const unit = { ms: 1, s: 1_000, min: 60_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 'ms']
  if (match?.[1] === undefined || unit === undefined) throw usage(`--${name} must be a time such as 30s, 5min or 1h, and "${text}" is not`)
  return Number(match[1]) * unit
}
