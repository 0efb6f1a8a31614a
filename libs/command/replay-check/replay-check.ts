/**
 * `millrace replay check`: would a replay give the same? Runs the topology over the oldest retained records twice in the same order, the second
 * time on another day and behind what the first has left in the module's variables; then once with another order of arrival.
 */
import { sameValue } from '../../runtime/switch/compare-values.ts'
import { externalInputsOf, sinksOf } from '../../runtime/worker/wiring.ts'
import type { CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { numberFlag } from '../replay-target.ts'
import type { ReplayTarget } from '../replay-target.ts'
import { count } from '../text-table.ts'
import { checkRun } from './check-run.ts'
import { firstDifferences, orderDifference } from './compare-traces.ts'
import type { OrderDifference, StepDifference } from './compare-traces.ts'
import { copyInput } from './copied-input.ts'
import { onAnotherDay } from './shifted-date.ts'

/** All of them, and what each step makes of them, are in memory three times. */
const RECORDS_DEFAULT = 100_000
/** Another year, month, day of the week, hour, minute and second: whatever part of the date is looked at is another. */
const ANOTHER_DAY_MS = ((397 * 24 + 7) * 60 + 13) * 60_000 + 17_042
const SHOWN_MAX = 120

export interface CheckReport {
  readonly application: string
  readonly version: number
  readonly records: number
  /** Of the input, not looked at. */
  readonly left: number
  /** The same input in the same order gave something else: the first difference of each task. */
  readonly differences: readonly StepDifference[]
  /** What another order of arrival gave; not looked at where the same order did not give the same. */
  readonly anotherOrder: 'the same' | 'not checked' | OrderDifference
}

export async function checkReplay(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const report = await checked(context, target)
  context.io.out(context.json ? JSON.stringify(report) : textOf(report))
  return report.differences.length === 0 ? exitCodes.ok : exitCodes.failed
}

async function checked(context: CommandContext, { topology: { plan }, shared }: ReplayTarget): Promise<CheckReport> {
  const settings = await context.settings()
  const recordsMax = numberFlag(context, 'records', 1, 100_000_000) ?? RECORDS_DEFAULT
  const tolerance = numberFlag(context, 'tolerance', 0, 1) ?? 0
  const ignored = (context.flag('ignore') ?? '').split(',').filter((field) => field !== '')
  const say = (text: string): void => void (context.json || context.io.err(text))
  const input = await copyInput(shared, { inputs: externalInputsOf(plan), sinks: sinksOf(plan) }, recordsMax)
  const records = input.partitions.reduce((sum, partition) => sum + partition.records.length, 0)
  const left = input.partitions.reduce((sum, partition) => sum + partition.left, 0)
  const now = shared.clock.now()
  const common = { plan, input, settings, signal: shared.signal }
  const facts = { application: plan.name, version: plan.version, records, left }
  say(`first run over ${count(records)} records`)
  const first = await checkRun({ ...common, now, arrival: 'together' })
  say('second run, the same on another day')
  const second = await onAnotherDay(
    ANOTHER_DAY_MS,
    async () => await checkRun({ ...common, now: now + ANOTHER_DAY_MS, arrival: 'together' }),
  )
  const differences = firstDifferences(first, second)
  if (differences.length > 0) return { ...facts, differences, anotherOrder: 'not checked' }
  say('third run, with another order of arrival')
  const third = await checkRun({ ...common, now, arrival: 'in-turns' })
  return { ...facts, differences, anotherOrder: orderDifference(first, third, sameText({ tolerance, ignored })) ?? 'the same' }
}

/** Values as far as JSON has them; other ones must be the same text. */
export const sameText =
  (rules: Parameters<typeof sameValue>[2]) =>
  (one: string, other: string): boolean => {
    try {
      return sameValue(JSON.parse(one), JSON.parse(other), rules)
    } catch {
      return false
    }
  }

function textOf(report: CheckReport): string {
  const { application, version, records, left, differences, anotherOrder } = report
  const what = `${application} v${version}, ${count(records)} records${left === 0 ? '' : ` (the oldest ones; ${count(left)} more were not looked at, see --records)`}`
  if (differences.length > 0) return [`NOT REPEATABLE: ${what}`, ...differences.flatMap(differenceText), CAUSES].join('\n')
  const lines = [`repeatable: ${what}: the same input in the same order gives the same results`]
  if (typeof anotherOrder === 'string') return [...lines, 'another order of arrival gives the same results, too'].join('\n')
  return [...lines, ...orderText(anotherOrder)].join('\n')
}

const CAUSES =
  'Results of a step may depend on its input, its state and event time only: not on the wall clock, random numbers, variables of the module, or processing-time timers.'

function differenceText({ step, at, task, record, key, what, one, other }: StepDifference): string[] {
  const where = record === undefined ? 'fired by time or given at a commit' : `at ${record}`
  return [
    `  ${step}${at === '' ? '' : ` (${at})`}: ${what}; task ${task}, ${where}${key === '' ? '' : `, key ${short(key)}`}`,
    `    first run:  ${short(one)}`,
    `    second run: ${short(other)}`,
  ]
}

function orderText({ step, at, results, key, one, other }: OrderDifference): string[] {
  return [
    `warning: ${step}${at === '' ? '' : ` (${at})`} depends on the order of arrival across tasks or topics: ${count(results)} results differ, first for key ${short(key)}`,
    `    as it arrived: ${short(one)}`,
    `    in turns:      ${short(other)}`,
    "    Give the step order: 'event-time' where it has that, or let its result not depend on the order; else a replay may give other results.",
  ]
}

const short = (text: string): string => (text === '' ? '(nothing)' : text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text)
