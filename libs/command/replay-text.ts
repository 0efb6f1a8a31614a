/** What the replay commands say. Pure. */
import type { Progress, Speed } from '../runtime/switch/progress.ts'
import type { EndedSwitch, SharedState, VersionFacts } from '../runtime/switch/shared-state.ts'
import type { SwitchResult } from '../runtime/switch/run-switch.ts'
import { count, seconds, table } from './text-table.ts'

const BAR = 30

/** `[#######.......]  48.2 %  1,204,332 left  81,220/s  ready in 14.8 s`. */
export function progressLine(progress: Progress, speed: Speed): string {
  const all = progress.done + progress.remaining
  const part = all === 0 ? 1 : progress.done / all
  const filled = Math.floor(part * BAR)
  const rate = speed.rate === null ? '?/s' : `${count(Math.round(speed.rate))}/s`
  const when = progress.remaining === 0 ? 'caught up' : `ready in ${seconds(speed.etaSeconds)}`
  const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}`
  return `[${bar}] ${(Math.floor(part * 1000) / 10).toFixed(1)} %  ${count(progress.remaining)} left  ${rate}  ${when}  live lag ${count(progress.liveLag)}`
}

export interface ReplayStatus {
  readonly application: string
  readonly live: number | null
  readonly versions: readonly VersionStatus[]
  readonly open: { readonly s: number; readonly from: number; readonly to: number; readonly purpose: string; readonly forMs: number } | null
  readonly ended: readonly EndedSwitch[]
}

export interface VersionStatus extends Speed {
  readonly version: number
  readonly role: string
  readonly workers: number
  readonly remaining: number
  readonly liveLag: number
  readonly progress: Progress
}

const ENDED_SHOWN = 5

export function statusText(status: ReplayStatus): string {
  const rows = status.versions.map((one) => [
    `v${one.version}`,
    one.role,
    count(one.workers),
    one.role === 'live' ? count(one.liveLag) : count(one.remaining),
    one.rate === null ? '-' : count(Math.round(one.rate)),
    one.role === 'shadow' ? seconds(one.etaSeconds) : '-',
  ])
  const lines = [
    `${status.application}: ${status.live === null ? 'no version is live' : `v${status.live} is live`}`,
    ...table(['version', 'role', 'workers', 'behind', 'records/s', 'ready in'], rows),
  ]
  const { open } = status
  if (open !== null) lines.push(`open: ${open.purpose} ${open.s} from v${open.from} to v${open.to}, for ${seconds(open.forMs / 1000)}`)
  for (const one of status.ended.slice(-ENDED_SHOWN)) {
    lines.push(`${new Date(one.decidedAt).toISOString()}  ${one.purpose} v${one.from} -> v${one.to}: ${one.decision} (${one.why})`)
  }
  return lines.join('\n')
}

export function switchText(application: string, result: SwitchResult): string {
  const pause = result.pauseMs === undefined ? '' : ` Outputs stood still for ${Math.round(result.pauseMs)} ms.`
  return result.decision === 'flip'
    ? `v${result.to} of ${application} is live, v${result.from} is not any more.${pause}`
    : `v${result.from} of ${application} stays live: the switch was abandoned (${result.why}).${pause}`
}

export const rolesOf = (state: SharedState): readonly { readonly facts: VersionFacts; readonly role: string }[] =>
  [...state.versions.values()].toSorted((a, b) => a.facts.version - b.facts.version)
