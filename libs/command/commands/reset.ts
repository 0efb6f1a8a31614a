/** `millrace reset <module>`: shows what moving the offsets would mean, asks, and announces a new epoch; workers may run meanwhile. */
import { failPoint } from '../../faults/fail-points.ts'
import { Fault } from '../../faults/fault.ts'
import { announce, neverRan } from '../../runtime/reset/announce.ts'
import type { AnnounceContext } from '../../runtime/reset/announce.ts'
import { readApplication } from '../../runtime/reset/application-view.ts'
import type { ApplicationView } from '../../runtime/reset/application-view.ts'
import { followedBy } from '../../runtime/reset/follow-reset.ts'
import { planReset, targetsOf } from '../../runtime/reset/plan-reset.ts'
import type { ResetPlan, ResetTarget } from '../../runtime/reset/plan-reset.ts'
import { externalPartitions } from '../../runtime/worker/prepare.ts'
import { wire } from '../../runtime/worker/wiring.ts'
import type { Command, CommandContext } from '../command.ts'
import { connectionKeys } from '../connection-keys.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { usage } from '../parse-arguments.ts'
import { count, table } from '../text-table.ts'
import { loadTopology } from '../topology-module.ts'

export const resetCommand: Command = {
  name: 'reset',
  summary: 'Compute again from an earlier place in the log: state begins anew, in a new epoch.',
  usage: '<module>',
  positionalsMin: 1,
  positionalsMax: 1,
  flags: {
    'to-earliest': { meaning: 'From the first record that every input partition holds.' },
    'to-datetime': {
      value: 'time',
      meaning: 'From the first record at or after a time, ISO 8601 or epoch milliseconds, by timestamps of the log.',
    },
    'to-offset': {
      value: 'topic:partition=offset,...',
      meaning: 'From these offsets. With several stages all partitions with data must be named.',
    },
    'to-latest': { meaning: 'From the end: throws the state away, processes nothing again. Needs --accept-skip.' },
    'accept-gap': { meaning: 'A target below the log start becomes the log start.' },
    'accept-skip': { meaning: 'Allow a reset in which no partition goes back.' },
    'dry-run': { meaning: 'Show the plan and change nothing.' },
    yes: { meaning: 'Do it without asking.' },
  },
  settings: [...connectionKeys, 'restoreStallMs', 'transactionTimeoutMs'],
  details: [
    'Workers may run: they throw away what they have in hand, clear their state and start anew by themselves. Without workers the next one that starts does.',
    "Results are written again, with the new epoch in their header `millrace`. What Kafka's own tool does to the offsets of a stopped group means the same.",
    'Example: millrace reset services/surge-pricing/topology.ts --to-datetime 2026-03-01T00:00:00Z --dry-run',
  ],
  run,
}

/** Somebody else may announce at the same moment, or the group rebalance. */
const TRIES_MAX = 5
const PAUSE_MS = 1_000
const FOLLOWED_WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 500

async function run(context: CommandContext): Promise<ExitCode> {
  const target = targetFrom(context)
  const consent = { acceptGap: context.has('accept-gap'), acceptSkip: context.has('accept-skip') }
  const reset = await contextOf(context)
  const { group } = reset.wiring.names
  const { control } = reset.wiring.names
  if (!(await reset.log.admin.describeTopics([control])).has(control)) throw neverRan(group)
  const view = await readApplication(reset)
  if (view.control.manifest === undefined) throw neverRan(group)
  const targets = await targetsOf(reset.log.admin, view, target)
  const plan = planReset(group, view, targets, consent)
  if (!context.json) context.io.out(textOf(group, plan, view))
  const isWanted = !context.has('dry-run') && (await isConfirmed(context, plan))
  if (!isWanted) {
    if (context.json) context.io.out(JSON.stringify({ group, ...plan, done: false }))
    else context.io.out('Nothing was changed.')
    return exitCodes.ok
  }
  const done = await announceAgain(
    context,
    reset,
    (now) => new Map(planReset(group, now, targets, consent).partitions.map(({ id, to }) => [id, to])),
  )
  const { members } = await reset.log.admin.describeGroup(group)
  const followed = members === 0 ? undefined : await waitForTasks(context, reset, done, plan, view.manyStages)
  if (context.json) context.io.out(JSON.stringify({ group, ...plan, epoch: done, done: true, members, ...followed }))
  else context.io.out(endText(done, members, followed))
  return exitCodes.ok
}

function targetFrom(context: CommandContext): ResetTarget {
  const names = ['to-earliest', 'to-latest', 'to-datetime', 'to-offset'].filter((name) => context.has(name))
  if (names.length !== 1)
    throw usage('millrace reset needs one of --to-earliest, --to-datetime <time>, --to-offset <topic:partition=offset,...> and --to-latest')
  if (context.has('to-earliest')) return { kind: 'earliest' }
  if (context.has('to-latest')) return { kind: 'latest' }
  const time = context.flag('to-datetime')
  if (time !== undefined) return { kind: 'datetime', at: timeFrom(time) }
  return { kind: 'offsets', positions: offsetsFrom(context.flag('to-offset') ?? '') }
}

function timeFrom(text: string): number {
  const at = /^-?\d+$/u.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(at)) return at
  throw usage(`--to-datetime takes ISO 8601 (2026-03-01T00:00:00Z) or epoch milliseconds, and "${text}" is neither`)
}

function offsetsFrom(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split(',').map((one): [string, number] => {
      const match = /^([A-Za-z0-9._-]+:\d{1,9})=(\d{1,15})$/u.exec(one.trim())
      if (match?.[1] === undefined) throw usage(`--to-offset takes topic:partition=offset,..., and "${one}" is not that`)
      return [match[1], Number(match[2])]
    }),
  )
}

async function contextOf(context: CommandContext): Promise<AnnounceContext> {
  const { plan } = await loadTopology(context.positionals[0] ?? '', context.io.directory)
  const [settings, log] = [await context.settings(), await context.log()]
  const wiring = wire(plan, await externalPartitions(log, plan))
  return {
    log,
    settings,
    wiring,
    clock: context.world.clock,
    signal: new AbortController().signal,
    identity: () => ({ groupId: wiring.names.group, memberId: '', generation: -1 }),
    onNote: () => undefined,
    onStep: (step) => {
      failPoint(step)
      context.world.atStep?.(step)
    },
  }
}

async function isConfirmed(context: CommandContext, { epoch }: ResetPlan): Promise<boolean> {
  if (context.has('yes')) return true
  if (!context.io.isTerminal || context.json)
    throw usage('millrace reset asks before it does anything; where nobody can answer give --yes, or --dry-run')
  const answer = await context.io.ask(`Throw the state away and begin epoch ${epoch}? Type yes: `)
  return answer.trim().toLowerCase() === 'yes'
}

async function announceAgain(
  context: CommandContext,
  reset: AnnounceContext,
  choose: (view: ApplicationView) => ReadonlyMap<string, number>,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      const announcement = await announce(reset, choose)
      if (announcement !== undefined) return announcement.epoch
    } catch (error) {
      const passes = error instanceof Fault && error.action !== 'stop' && error.action !== 'stop-task'
      if (!passes || tries >= TRIES_MAX) throw error
      context.io.err(`${error.code} ${error.message}; trying again`)
      await reset.clock.sleep(PAUSE_MS, reset.signal)
    }
  }
}

type Followed = Awaited<ReturnType<typeof followedBy>>

async function waitForTasks(
  context: CommandContext,
  reset: AnnounceContext,
  epoch: number,
  plan: ResetPlan,
  manyStages: boolean,
): Promise<Followed> {
  const until = reset.clock.monotonic() + FOLLOWED_WITHIN_MS
  if (!context.json) context.io.err(`Epoch ${epoch} is announced; waiting for the workers to begin anew ...`)
  for (;;) {
    const followed = await followedBy(reset, epoch, plan.partitions, manyStages)
    if (followed.followed === followed.tasks || reset.clock.monotonic() >= until) return followed
    await reset.clock.sleep(LOOK_AGAIN_MS, reset.signal)
  }
}

function textOf(group: string, plan: ResetPlan, { manyStages }: ApplicationView): string {
  const rows = plan.partitions.map(({ id, task, from, to, again, leftOut }) => [
    id,
    task,
    from === null ? '-' : count(from),
    count(to),
    count(again),
    leftOut === 0 ? '' : `${count(leftOut)} left out`,
  ])
  const again = plan.partitions.reduce((sum, one) => sum + one.again, 0)
  return [
    `${group}: ${manyStages ? 'all stages begin' : 'these tasks begin'} anew in epoch ${plan.epoch}`,
    ...table(['partition', 'task', 'stands at', 'starts at', 'again', ''], rows),
    `Up to ${count(again)} records are processed again, and their results written again.`,
  ].join('\n')
}

function endText(epoch: number, members: number, followed: Followed | undefined): string {
  if (followed === undefined) return `Epoch ${epoch} is announced. No worker runs: the next one that starts begins anew.`
  const workers = `${members} ${members === 1 ? 'worker' : 'workers'}`
  if (followed.followed === followed.tasks) return `Epoch ${epoch}: all ${followed.tasks} tasks on ${workers} have begun anew.`
  return `Epoch ${epoch} is announced; ${followed.followed} of ${followed.tasks} tasks on ${workers} have begun anew so far. See millrace status.`
}
