/**
 * The faults of a run, as a function of the seed alone. Pure.
 *
 * Faults come in lanes that go on side by side; within a lane one fault is healed before the next begins. So at most one broker is
 * away at a time (but for `below-min-insync`), and at most two of four workers.
 */
import { seededRandom } from '../support/ledger-orders.ts'

export const brokerFaults = ['broker-kill', 'broker-end', 'broker-freeze', 'leader-kill', 'election', 'below-min-insync'] as const
export const workerFaults = ['kill', 'terminate', 'freeze', 'kill-other-disk', 'kill-damage', 'kill-in-commit', 'kill-at-point'] as const
export const networkFaults = ['cut', 'away', 'delay', 'lost-answer', 'late-request', 'throttle'] as const

export type BrokerFault = (typeof brokerFaults)[number]
export type WorkerFault = (typeof workerFaults)[number]
export type NetworkFault = (typeof networkFaults)[number]
export type Lane = 'brokers' | 'workers-a' | 'workers-b' | 'network'

export interface PlannedFault {
  readonly lane: Lane
  readonly kind: BrokerFault | WorkerFault | NetworkFault
  /** After the end of the fault before it in its lane. */
  readonly pauseMs: number
  /** How long it lasts before it is healed. */
  readonly lastsMs: number
  /** Which broker (0-2) or worker (0-3). */
  readonly victim: number
  /** For whatever else is to be chosen, 0 to 1. */
  readonly chance: number
}

interface Kind<Name extends string> {
  readonly kind: Name
  readonly weight: number
  readonly lastsMs: readonly [least: number, most: number]
}

const brokerKinds: readonly Kind<BrokerFault>[] = [
  { kind: 'broker-kill', weight: 4, lastsMs: [1_000, 12_000] },
  { kind: 'broker-end', weight: 3, lastsMs: [500, 8_000] },
  { kind: 'broker-freeze', weight: 3, lastsMs: [500, 15_000] },
  { kind: 'leader-kill', weight: 2, lastsMs: [1_000, 8_000] },
  { kind: 'election', weight: 2, lastsMs: [0, 0] },
  { kind: 'below-min-insync', weight: 1, lastsMs: [2_000, 8_000] },
]
const workerKinds: readonly Kind<WorkerFault>[] = [
  { kind: 'kill', weight: 4, lastsMs: [0, 10_000] },
  { kind: 'terminate', weight: 3, lastsMs: [0, 8_000] },
  { kind: 'freeze', weight: 4, lastsMs: [200, 25_000] },
  { kind: 'kill-other-disk', weight: 2, lastsMs: [0, 6_000] },
  { kind: 'kill-damage', weight: 1, lastsMs: [0, 4_000] },
  { kind: 'kill-in-commit', weight: 3, lastsMs: [0, 2_000] },
  { kind: 'kill-at-point', weight: 8, lastsMs: [0, 1_000] },
]
const networkKinds: readonly Kind<NetworkFault>[] = [
  { kind: 'cut', weight: 3, lastsMs: [0, 0] },
  { kind: 'away', weight: 2, lastsMs: [500, 15_000] },
  { kind: 'delay', weight: 3, lastsMs: [2_000, 10_000] },
  { kind: 'lost-answer', weight: 4, lastsMs: [1_000, 6_000] },
  { kind: 'late-request', weight: 3, lastsMs: [3_000, 15_000] },
  { kind: 'throttle', weight: 2, lastsMs: [2_000, 10_000] },
]

/** Mean pause of each lane, ms. */
const pauses: Readonly<Record<Lane, number>> = { brokers: 20_000, 'workers-a': 12_000, 'workers-b': 14_000, network: 8_000 }
/** The first fault comes when all run. */
const PAUSE_MS_MIN = 2_000

/** More faults than `milliseconds` can hold: a run stops when its time is over. */
export function planFaults(seed: number, milliseconds: number): Readonly<Record<Lane, readonly PlannedFault[]>> {
  return {
    brokers: lane('brokers', seed + 1, milliseconds, brokerKinds, [0, 1, 2]),
    'workers-a': lane('workers-a', seed + 2, milliseconds, workerKinds, [0, 1]),
    'workers-b': lane('workers-b', seed + 3, milliseconds, workerKinds, [2, 3]),
    network: lane('network', seed + 4, milliseconds, networkKinds, [0, 1, 2, 3]),
  }
}

function lane<Name extends PlannedFault['kind']>(
  name: Lane,
  seed: number,
  milliseconds: number,
  kinds: readonly Kind<Name>[],
  victims: readonly number[],
): PlannedFault[] {
  const random = seededRandom(seed * 7_919)
  const all: PlannedFault[] = []
  for (let time = 0; time < milliseconds;) {
    const { kind, lastsMs } = chosen(kinds, random())
    const pauseMs = Math.round(PAUSE_MS_MIN + random() * 2 * (pauses[name] - PAUSE_MS_MIN))
    // Short ones often, long ones now and then.
    const lasts = Math.round(lastsMs[0] + random() ** 2 * (lastsMs[1] - lastsMs[0]))
    const victim = victims[Math.floor(random() * victims.length)] ?? 0
    all.push({ lane: name, kind, pauseMs, lastsMs: lasts, victim, chance: random() })
    time += pauseMs + lasts
  }
  return all
}

function chosen<Name extends string>(kinds: readonly Kind<Name>[], chance: number): Kind<Name> {
  let left = chance * kinds.reduce((sum, { weight }) => sum + weight, 0)
  for (const kind of kinds) {
    left -= kind.weight
    if (left < 0) return kind
  }
  throw new Error('a chance is below 1')
}
