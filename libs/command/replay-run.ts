/** `millrace replay start|status|promote|rollback|abandon|drop`: what they do; replay-text.ts says it. */
import { failPoint } from '../faults/fail-points.ts'
import { Fault } from '../faults/fault.ts'
import { progressOf, speedBetween } from '../runtime/switch/progress.ts'
import type { Progress } from '../runtime/switch/progress.ts'
import { dropVersion, giveUpReplay, knownVersion, prepareShadow, startReplay } from '../runtime/switch/replays.ts'
import { abandonOpen, runSwitch } from '../runtime/switch/run-switch.ts'
import { TableScan, tooMany } from '../runtime/switch/publish-differences.ts'
import type { Purpose } from '../runtime/switch/shared-state.ts'
import { prepare } from '../runtime/worker/prepare.ts'
import type { CommandContext } from './command.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { currentState, durationFlag, numberFlag, versionBefore } from './replay-target.ts'
import type { ReplayTarget } from './replay-target.ts'
import { progressLine, rolesOf, statusText, switchText } from './replay-text.ts'
import type { ReplayStatus } from './replay-text.ts'
import { count, seconds } from './text-table.ts'

const LOOK_MS = 1_000
const MAX_DIFFERENCES_DEFAULT = 100_000
const MAX_LAG_DEFAULT = 1_000
export const MAX_PAUSE_MS_DEFAULT = 30_000
const MAX_WAIT_MS_DEFAULT = 3_600_000

// ---- start

/** Registers the version, makes its topics, lets it begin. Its workers may come before or after. */
export async function start(context: CommandContext, target: ReplayTarget): Promise<void> {
  const settings = await context.settings()
  const { plan } = target.topology
  if (plan.version === target.version) await prepare(target.shared, plan, settings)
  failPoint('replay:registered')
  const rate = numberFlag(context, 'rate', 1, 100_000_000)
  const pacing = { rate, yieldToLive: context.has('yield-to-live') }
  await startReplay(target.shared, target.version, pacing, settings.replicationFactor)
  say(context, { started: target.version }, `v${target.version} of ${target.application} runs in shadow from now on.`)
}

/** Shows how far it has come until it has caught up with the live version. */
export async function untilCaughtUp(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const waitMs = durationFlag(context, 'wait') ?? MAX_WAIT_MS_DEFAULT
  const near = numberFlag(context, 'max-lag', 0, 1e12) ?? MAX_LAG_DEFAULT
  const caughtUp = await waitFor(context, target, waitMs, (progress) => progress.members > 0 && progress.remaining <= near)
  return caughtUp ? exitCodes.ok : exitCodes.failed
}

async function waitFor(
  context: CommandContext,
  target: ReplayTarget,
  waitMs: number,
  isEnough: (progress: Progress) => boolean,
): Promise<boolean> {
  const { log, clock, signal } = target.shared
  const deadline = clock.monotonic() + waitMs
  let before: Progress | undefined
  let shown = 0
  for (;;) {
    const state = await currentState(target)
    const facts = knownVersion(state, target.application, target.version)
    const now = await progressOf(log, target.application, facts, state.live, clock.now())
    const line =
      now.members === 0
        ? 'waiting for workers of the new version: millrace run <module>'
        : progressLine(now, speedBetween(before ?? now, now))
    if (!context.json && (context.io.isTerminal || shown++ % 10 === 0)) context.io.err(line)
    if (isEnough(now)) return true
    if (signal.aborted || clock.monotonic() >= deadline) return false
    before = now
    await clock.sleep(LOOK_MS, signal)
  }
}

// ---- status

export async function status(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const { log, clock, signal } = target.shared
  const state = await currentState(target)
  const look = async (): Promise<Progress[]> =>
    await Promise.all(rolesOf(state).map(({ facts }) => progressOf(log, target.application, facts, state.live, clock.now())))
  const before = await look()
  if (rolesOf(state).some(({ role }) => role === 'shadow')) await clock.sleep(LOOK_MS, signal)
  const after = await look()
  const now = clock.now()
  const { open } = state
  const document: ReplayStatus = {
    application: target.application,
    live: state.live ?? null,
    open: open === undefined ? null : { s: open.s, from: open.from, to: open.to, purpose: open.purpose, forMs: now - open.at },
    ended: [...state.ended.values()],
    versions: rolesOf(state).flatMap(({ facts, role }, index) => {
      const [from, to] = [before[index], after[index]]
      if (from === undefined || to === undefined) return []
      const { remaining, liveLag, members } = to
      return [{ version: facts.version, role, workers: members, remaining, liveLag, progress: to, ...speedBetween(from, to) }]
    }),
  }
  say(context, document, statusText(document))
  return exitCodes.ok
}

// ---- promote, rollback

export async function promote(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const now = context.has('now')
  if (!now && !context.has('fence')) await belowMaxLag(context, target)
  return await switchTo(context, target, 'promote', now)
}

/** The version before is let run in shadow until it has caught up; then the same switch the other way round. */
export async function rollback(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const state = await currentState(target)
  const version = context.flag('version') === undefined ? versionBefore(state, target.application) : target.version
  const back = { ...target, version }
  const { replicationFactor } = await context.settings()
  await startReplay(target.shared, version, {}, replicationFactor)
  await belowMaxLag(context, back)
  return await switchTo(context, back, 'rollback', context.has('now'))
}

/** Fault MR2063. */
export async function belowMaxLag(context: CommandContext, target: ReplayTarget): Promise<void> {
  const maxLag = numberFlag(context, 'max-lag', 0, 1e12) ?? MAX_LAG_DEFAULT
  const waitMs = durationFlag(context, 'wait') ?? MAX_WAIT_MS_DEFAULT
  let behind = 0
  const near = await waitFor(context, target, waitMs, (progress) => {
    behind = progress.remaining
    return progress.members > 0 && progress.remaining <= maxLag
  })
  if (near) return
  throw new Fault(
    'MR2063',
    'stop',
    `v${target.version} of ${target.application} is ${count(behind)} records behind the live version after ${seconds(waitMs / 1000)}, more than --max-lag ${count(maxLag)}; nothing was changed`,
  )
}

async function switchTo(context: CommandContext, target: ReplayTarget, purpose: Purpose, now: boolean): Promise<ExitCode> {
  const state = await currentState(target)
  const scan = new TableScan(target.shared, state, target.version)
  const max = numberFlag(context, 'max-differences', 0, 1e12) ?? MAX_DIFFERENCES_DEFAULT
  if (scan.tables > 0) {
    const { differences, tombstones, leftAlone } = await scan.scan()
    if (!context.json)
      context.io.err(
        `tables: ${count(differences)} rows to publish, ${count(tombstones)} of them deletions; ${count(leftAlone)} left alone`,
      )
    if (differences > max) throw tooMany(target.application, target.version, differences, max)
  }
  const keepWarm = context.has('keep-warm')
  if (keepWarm && state.live !== undefined) await prepareShadow(target.shared, state.live, (await context.settings()).replicationFactor)
  const result = await runSwitch(target.shared, {
    to: target.version,
    purpose,
    pauseMsMax: now ? undefined : (durationFlag(context, 'max-pause') ?? MAX_PAUSE_MS_DEFAULT),
    keepWarm,
    fence: context.has('fence'),
    decide: 'flip',
    beforeDecision: async ({ s }) => {
      await scan.handOver(s, max)
      failPoint('switch:handed-over')
    },
    onStep: (step, detail) => {
      failPoint(`switch:${step}`)
      if (!context.json) context.io.err(`${step}: ${detail}`)
    },
  })
  say(context, result, switchText(target.application, result))
  return result.decision === 'flip' ? exitCodes.ok : exitCodes.failed
}

// ---- abandon, drop

/** An open switch first; without one the replay itself. */
export async function abandon(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const ended = await abandonOpen(target.shared, 'abandoned by command')
  if (ended !== undefined) {
    const text =
      ended.decision === 'abandon'
        ? `The switch ${ended.s} is abandoned; v${ended.from} of ${target.application} goes on.`
        : `Too late: the switch ${ended.s} was decided before, v${ended.to} of ${target.application} is live.`
    say(context, ended, text)
    return ended.decision === 'abandon' ? exitCodes.ok : exitCodes.failed
  }
  await giveUpReplay(target.shared, target.version)
  say(
    context,
    { givenUp: target.version },
    `v${target.version} of ${target.application} stops. Its topics stay until: millrace replay drop`,
  )
  return exitCodes.ok
}

export async function drop(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  const dropped = await dropVersion(target.shared, target.version)
  const list = dropped.topics.length === 0 ? 'It had no topics left.' : `Deleted: ${dropped.topics.join(', ')}.`
  say(context, dropped, `v${target.version} of ${target.application} is forgotten. ${list} Local stores stay on the disks of its workers.`)
  return exitCodes.ok
}

const say = (context: CommandContext, document: unknown, text: string): void =>
  context.io.out(context.json ? JSON.stringify(document) : text)
