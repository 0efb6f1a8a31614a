/** What a run has found, as a document and as lines for eyes. Pure. */
import type { FaultDone } from './lanes.ts'
import { tableText } from '../support/proof/check.ts'
import type { Check } from '../support/proof/check.ts'
import type { Sample } from './watch.ts'
import type { LogLine } from '../support/engine-worker.ts'

const WARM_UP_MS = 30_000
const SLOPE_AFTER_MS = 60_000

export interface LifeFacts {
  readonly name: string
  readonly lines: readonly LogLine[]
  /** What it said that is no line of the log. */
  readonly otherText: string
}

export interface Report {
  readonly seed: number
  readonly minutes: number
  readonly passed: boolean
  readonly faults: Readonly<Record<string, { readonly count: number; readonly recoveryMsMax: number | undefined }>>
  readonly troubles: readonly string[]
  readonly orders: { readonly written: number; readonly retries: number }
  /** Committed: of all tasks and owners, by the commit counters of the state. The others: as the workers said. */
  readonly transactions: { readonly committed: number; readonly thrownAway: number; readonly fenced: number }
  readonly restores: { readonly full: number; readonly partial: number; readonly bytes: number }
  readonly rebalances: number
  readonly longestStallMs: number
  readonly lives: number
  readonly endedByItself: readonly (number | null)[]
  readonly memory: ReturnType<typeof resources>
  readonly errors: Readonly<Record<string, number>>
  readonly unhandled: readonly string[]
  readonly checks: readonly Check[]
}

export function faultCounts(done: readonly FaultDone[]): Report['faults'] {
  const counts: Record<string, { count: number; recoveryMsMax: number | undefined }> = {}
  for (const { kind, recoveredAfterMs } of done) {
    const one = (counts[kind] ??= { count: 0, recoveryMsMax: undefined })
    one.count++
    if (recoveredAfterMs !== undefined) one.recoveryMsMax = Math.max(one.recoveryMsMax ?? 0, recoveredAfterMs)
  }
  return counts
}

export function restoresOf(lives: readonly LifeFacts[]): Report['restores'] {
  const lines = lives.flatMap(({ lines }) => lines.filter(({ msg }) => msg.includes(': restored ')))
  const bytes = lines.reduce((sum, line) => sum + Number(/(\d+) bytes read/u.exec(line.msg)?.[1] ?? 0), 0)
  const full = lines.filter((line) => line['from'] === 0).length
  return { full, partial: lines.length - full, bytes }
}

/** What was refused because somebody else owns the task, or the group has gone on. */
const FENCED = /PRODUCER_FENCED|INVALID_PRODUCER_EPOCH|UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION|FENCED_INSTANCE_ID|was expelled/u

export function transactionsOf(lives: readonly LifeFacts[], committed: number): Report['transactions'] {
  const messages = lives.flatMap(({ lines }) => lines.map(({ msg }) => msg))
  return {
    committed,
    thrownAway: messages.filter((msg) => /its transaction is thrown away|failed while it was put away/u.test(msg)).length,
    fenced: messages.filter((msg) => FENCED.test(msg)).length,
  }
}

export const rebalancesOf = (lives: readonly LifeFacts[]): number =>
  new Set(lives.flatMap(({ lines }) => lines.map(({ msg }) => /in generation (\d+)/u.exec(msg)?.[1]).filter((one) => one !== undefined)))
    .size

/** Messages of level error and fatal, with numbers taken out so that alike ones count together. */
export function errorsOf(lives: readonly LifeFacts[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const line of lives.flatMap(({ lines }) => lines)) {
    if (line.level !== 'error' && line.level !== 'fatal') continue
    const text = line.msg.replaceAll(/\d+/gu, '#').slice(0, 160)
    counts[text] = (counts[text] ?? 0) + 1
  }
  return counts
}

/** Errors that nobody caught, and faults without a code: both are defects wherever they come from. */
export function unhandledOf(lives: readonly LifeFacts[]): string[] {
  return lives.flatMap(({ name, lines, otherText }) => [
    ...lines
      .filter((line) => line['code'] === 'internal' || /unhandled|uncaught|assertion/iu.test(line.msg))
      .map((line) => `${name}: ${line.msg.slice(0, 300)}`),
    ...otherText
      .split('\n')
      .filter((line) => /^\s+at |Error\b|unhandled|FATAL/u.test(line))
      .slice(0, 5)
      .map((line) => `${name}: ${line.slice(0, 300)}`),
  ])
}

/** Lives that were long enough for a slope; memory in MiB. */
export function resources(samples: ReadonlyMap<string, readonly Sample[]>): {
  readonly rssMaxMib: number
  readonly descriptorsMax: number
  readonly longLives: readonly {
    readonly life: string
    readonly seconds: number
    readonly rssFirstMib: number
    readonly rssLastMib: number
    readonly rssMibPerMinute: number
    readonly descriptorsFirst: number
    readonly descriptorsLast: number
  }[]
} {
  const all = [...samples.values()].flat()
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20)
  const longLives = [...samples].flatMap(([life, list]) => {
    const warm = list.filter(({ ageMs }) => ageMs >= WARM_UP_MS)
    const [first, last] = [warm[0], warm.at(-1)]
    if (first === undefined || last === undefined || last.ageMs - first.ageMs < SLOPE_AFTER_MS) return []
    return [
      {
        life,
        seconds: Math.round(last.ageMs / 1_000),
        rssFirstMib: mib(first.rssBytes),
        rssLastMib: mib(last.rssBytes),
        rssMibPerMinute: Number(((slopeOf(warm) * 60_000) / 2 ** 20).toFixed(2)),
        descriptorsFirst: first.descriptors,
        descriptorsLast: last.descriptors,
      },
    ]
  })
  return {
    rssMaxMib: mib(Math.max(0, ...all.map(({ rssBytes }) => rssBytes))),
    descriptorsMax: Math.max(0, ...all.map(({ descriptors }) => descriptors)),
    longLives,
  }
}

/** Least squares, bytes for each ms. */
function slopeOf(samples: readonly Sample[]): number {
  const meanAge = samples.reduce((sum, { ageMs }) => sum + ageMs, 0) / samples.length
  const meanRss = samples.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / samples.length
  const spread = samples.reduce((sum, { ageMs }) => sum + (ageMs - meanAge) ** 2, 0)
  return spread === 0 ? 0 : samples.reduce((sum, { ageMs, rssBytes }) => sum + (ageMs - meanAge) * (rssBytes - meanRss), 0) / spread
}

export function reportText(report: Report): string {
  const { transactions, restores, orders, memory } = report
  const seconds = (ms: number | undefined): string => (ms === undefined ? 'not seen' : `${(ms / 1_000).toFixed(1)} s`)
  return [
    `chaos, seed ${report.seed}, ${report.minutes} minutes: ${report.passed ? 'PASSED' : 'FAILED'}`,
    '',
    'fault                 times   longest recovery',
    ...Object.entries(report.faults).map(
      ([kind, { count, recoveryMsMax }]) => `${kind.padEnd(22)}${String(count).padStart(5)}   ${seconds(recoveryMsMax)}`,
    ),
    ...report.troubles.map((trouble) => `could not be made: ${trouble}`),
    '',
    `orders         ${orders.written} written, ${orders.retries} writes tried again`,
    `transactions   ${transactions.committed} committed, ${transactions.thrownAway} thrown away, ${transactions.fenced} fenced`,
    `restores       ${restores.full} full, ${restores.partial} partial, ${restores.bytes} bytes`,
    `rebalances     ${report.rebalances}`,
    `longest stall  ${seconds(report.longestStallMs)} without any new output`,
    `workers        ${report.lives} lives, ${report.endedByItself.length} ended by themselves (codes ${report.endedByItself.join(', ') || 'none'})`,
    `memory         at most ${memory.rssMaxMib} MiB and ${memory.descriptorsMax} descriptors of one worker`,
    ...memory.longLives.map(
      (one) =>
        `  ${one.life}: ${one.seconds} s, ${one.rssFirstMib} to ${one.rssLastMib} MiB (${one.rssMibPerMinute} MiB a minute), ${one.descriptorsFirst} to ${one.descriptorsLast} descriptors`,
    ),
    ...Object.entries(report.errors).map(([text, count]) => `error ${count} x  ${text}`),
    ...report.unhandled.map((text) => `UNHANDLED  ${text}`),
    '',
    tableText(report.checks),
  ].join('\n')
}
