/** Who dies where in a replay, for one stage and for two; a few by seed, or all. Pure. */
import type { FailPoint } from '../../libs/faults/fail-points.ts'
import { seededRandom } from './ledger-orders.ts'

export interface ReplayKill {
  readonly who: 'command' | 'live' | 'next'
  /** What is given; a switch goes to the version that is not live, so its action is known then. */
  readonly action: string
  readonly point: FailPoint
  /** How often a worker comes to it: its first task, or its last. */
  readonly nth: number
  readonly fence: boolean
}

export interface ReplayKills {
  readonly switches: readonly ReplayKill[]
  readonly once: readonly ReplayKill[]
}

const halts: readonly FailPoint[] = [
  'halt:before-send',
  'halt:after-send',
  'halt:before-end-of-transaction',
  'halt:after-end-of-transaction',
  'halt:after-store-write',
]
const follows: readonly FailPoint[] = [
  'follow:before-send',
  'follow:after-send',
  'follow:before-end-of-transaction',
  'follow:after-end-of-transaction',
  'follow:after-store-write',
]
const commands: readonly FailPoint[] = [
  'switch:opened',
  'switch:live-halted',
  'switch:cut',
  'switch:new-halted',
  'switch:handed-over',
  'switch:decided',
  'switch:running',
]
const starts: readonly FailPoint[] = ['replay:registered', 'replay:topics-made', 'replay:begun']
const verifies: readonly FailPoint[] = ['switch:opened', 'switch:live-halted', 'switch:new-halted', 'switch:decided']
const drops: readonly FailPoint[] = ['drop:positions-forgotten', 'drop:topics-deleted', 'drop:done']

const kill = (who: ReplayKill['who'], action: string, point: FailPoint, nth = 1, fence = false): ReplayKill => ({
  who,
  action,
  point,
  nth,
  fence,
})

function allOf(stages: 1 | 2): ReplayKills {
  const last = 2 * stages
  return {
    switches: [
      ...commands.map((point) => kill('command', 'switch', point)),
      kill('command', 'switch', 'switch:fenced', 1, true),
      ...[...halts, ...follows].flatMap((point, index) => [
        kill('live', 'switch', point, index % 2 === 0 ? 1 : last),
        kill('next', 'switch', point, index % 2 === 0 ? last : 1),
      ]),
    ],
    once: [
      ...starts.map((point) => kill('command', 'start', point)),
      ...verifies.map((point) => kill('command', 'verify', point)),
      ...drops.map((point) => kill('command', 'drop', point)),
    ],
  }
}

export interface ReplayKillWish {
  readonly seed: number
  /** `all`, a part of `<who> <action> <point>`, or nothing: a few by seed. */
  readonly wanted: string
}

export function planReplayKills({ seed, wanted }: ReplayKillWish): Readonly<Record<1 | 2, ReplayKills>> {
  const none: ReplayKills = { switches: [], once: [] }
  const all = { 1: allOf(1), 2: allOf(2) }
  if (wanted === 'all') return all
  if (wanted !== '') {
    const named = (one: ReplayKill): boolean => `${one.who} ${one.action} ${one.point}`.includes(wanted)
    const of = ({ switches, once }: ReplayKills): ReplayKills => ({ switches: switches.filter(named), once: once.filter(named) })
    return { 1: of(all[1]), 2: of(all[2]) }
  }
  const random = seededRandom(seed)
  const stages = random() < 0.5 ? 1 : 2
  const pick = (list: readonly ReplayKill[]): readonly ReplayKill[] => list.slice(Math.floor(random() * list.length)).slice(0, 1)
  const { switches, once } = all[stages]
  const few: ReplayKills = {
    switches: [...pick(switches.filter(({ who }) => who === 'command')), ...pick(switches.filter(({ who }) => who !== 'command'))],
    once: pick(once),
  }
  return { 1: none, 2: none, [stages]: few }
}
